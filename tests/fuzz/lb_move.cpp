// A MySQL session that is moved whenever it may be, in pieces as lb_session has them. Of what its
// client says no byte is lost, doubled or put in another order, whatever its servers say meanwhile;
// during a move nothing passes but what the move itself answers; and what leaves was safe to close.
#include "fuzz.hpp"
#include "tasuki/core/archive.hpp"
#include "tasuki/lb/mysql_watch.hpp"

#include <memory>

namespace tasuki::fuzz {

namespace {

using namespace lb;

constexpr draining an_hour{instant{std::chrono::hours{1}}, instant{std::chrono::hours{2}}, false};

/// What a relay does with the watcher's words, for the client's bytes alone.
class rig {
  public:
    rig()
        : users_{{"app", "/app", secret_of("app-lab")}}
        , it_(another()) {
        it_->leave(an_hour, true);
    }

    void client(byte_view bytes) {
        said_.insert(said_.end(), bytes.begin(), bytes.end());
        held_.insert(held_.end(), bytes.begin(), bytes.end());
        show_held();
    }
    void server(byte_view bytes) {
        byte_string own{bytes.begin(), bytes.end()};
        auto const before = it_->moving();
        auto const what = it_->from_server(own);
        auto const dropped = std::min(what.drop, own.size());
        auto const passed = what.instead.size() + std::min(what.pass, own.size() - dropped);
        TASUKI_REQUIRE(before == moving::none || passed == 0);
        TASUKI_REQUIRE(before == moving::enters || what.reply.empty());
        go_on();
        if (what.shows_held)
            show_held();
    }
    /// Another process goes on with it, as long as it is not on its way.
    void be_reborn() {
        if (it_->moving() != moving::none || over_)
            return;
        auto next = another();
        TASUKI_REQUIRE(unarchive(archived(*it_), *next));
        it_ = std::move(next);
        it_->leave(an_hour, true);
        show_held();
    }
    [[nodiscard]] bool is_over() const { return over_; }

  private:
    [[nodiscard]] std::unique_ptr<mysql_watch> another() const {
        return std::make_unique<mysql_watch>(
            drain_rules{}, now_, [](decision const&) {}, users_);
    }
    void show_held() {
        auto bytes = std::exchange(held_, {});
        if (bytes.empty() || over_)
            return;
        bool const moved = it_->moving() != moving::none;
        auto const what = it_->from_client(bytes);
        auto const dropped = std::min(what.drop, bytes.size());
        auto const passed = std::min(what.pass, bytes.size() - dropped);
        over_ = what.over;
        TASUKI_REQUIRE(!moved || (passed == 0 && dropped == 0 && what.instead.empty()));
        byte_view const rest{bytes};
        held_.assign(rest.begin() + static_cast<std::ptrdiff_t>(dropped + passed), rest.end());
        if (over_)
            return; // a farewell of ours took the place of a command
        take(what.instead);
        take(rest.subspan(dropped, passed));
        go_on();
    }
    /// What goes on to the server is what the client has said, and nothing else.
    void take(byte_view bytes) {
        TASUKI_REQUIRE(bytes.size() <= said_.size() - taken_);
        TASUKI_REQUIRE(std::ranges::equal(bytes, byte_view{said_}.subspan(taken_, bytes.size())));
        taken_ += bytes.size();
    }
    void go_on() {
        if (it_->moving() == moving::ready || it_->moving() == moving::refused) {
            it_->depart();
            it_->enter();
            it_->leave(an_hour, true);
        }
        if (it_->moving() == moving::none && it_->decide().what == deed::move) {
            TASUKI_REQUIRE(it_->session().is_safe_to_close());
            TASUKI_REQUIRE(it_->session().is_between_packets());
            TASUKI_REQUIRE(!it_->ask_state().empty());
        }
    }

    instant now_{std::chrono::hours{1}};
    std::vector<pool_user> users_;
    std::unique_ptr<mysql_watch> it_;
    byte_string said_;
    byte_string held_;
    std::size_t taken_ = 0;
    bool over_ = false;
};

} // namespace

void try_input(byte_view input) {
    rig on;
    byte_reader in{input};
    while (in.left() > 0 && !in.failed() && !on.is_over()) {
        auto const head = in.u8();
        auto const bytes = in.take(std::min<std::size_t>(head & 0x7fU, in.left()));
        (head & 0x80U) != 0 ? on.client(bytes) : on.server(bytes);
        if (head % 2 == 1)
            on.be_reborn();
    }
}

} // namespace tasuki::fuzz
