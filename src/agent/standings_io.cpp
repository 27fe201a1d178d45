#include "tasuki/agent/standings_io.hpp"

#include "tasuki/lb/standing_text.hpp"
#include "tasuki/mysql/switchover.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

/// A switchover that says nothing more is forgotten after this.
constexpr duration leaving_max = std::chrono::seconds{15};
constexpr duration pause_while_closed = milliseconds{10};
constexpr duration opening_max = std::chrono::seconds{5}; // of a promotion that goes well

} // namespace

standings::standings(boost::asio::io_context& io, node_settings const& settings,
                     standings_links links)
    : settings_(settings)
    , links_(std::move(links))
    , timer_(io)
    , began_(links_.now()) {}

void standings::start() {
    if (settings_.followed.empty())
        return;
    ask_holders();
    tell();
    ask_again(settings_.interval);
}

void standings::ask_again(duration after) {
    timer_.expires_after(after);
    timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            start();
    });
}

void standings::seen(std::vector<lb::group_standing> all) {
    bool const is_first = seen_.empty();
    bool changed = is_first;
    for (std::size_t index = 0; index < all.size() && !is_first; ++index)
        changed = changed || all[index].master != seen_[index].master ||
                  all[index].epoch != seen_[index].epoch;
    seen_ = std::move(all);
    if (changed)
        ask_holders();
    tell();
}

/// The step in which a switchover has everything ready, and waits for statements to end.
void standings::noted(progress_note const& it) {
    auto const followed = settings_.followed;
    if (it.kind != "switchover" ||
        std::find(followed.begin(), followed.end(), it.group) == followed.end())
        return;
    auto& known = known_[it.group];
    if (it.step == to_string(mysql::switchover::phase::hold)) {
        known.leaving = it.operation;
        known.leaving_under = it.under;
        known.leaves_until = links_.now() + leaving_max;
    } else if (!it.result.empty() && known.leaving == it.operation) {
        known.leaving = {};
    } else {
        return;
    }
    tell();
}

void standings::ask_holders() {
    for (auto const& each : seen_) {
        auto const holder = node_named(each.master);
        if (each.master.empty() || holder == settings_.self)
            continue;
        auto const id = group_named(each.group);
        links_.ask(holder, id, [this, id, asked_at = links_.now()](tenure const& got) {
            answered(id, got, asked_at);
        });
    }
}

void standings::answered(group_id id, tenure const& got, instant asked_at) {
    auto& known = known_[id];
    if (got.under < known.under || got.left <= duration::zero())
        return;
    auto const until = end_of(got, asked_at, settings_.terms.clock_drift);
    bool const is_newer = got.under > known.under;
    known.until = is_newer ? until : std::max(known.until, until);
    known.under = got.under;
    known.is_open = got.is_open;
    if (is_newer)
        known.first_at = asked_at;
    tell();
    if (!got.is_open && asked_at < known.first_at + opening_max)
        ask_again(pause_while_closed); // somebody may wait for that moment
}

/// An agent that has just begun knows less than was told by the one before it, and is silent about
/// a group until it knows as much, or that lease is over.
void standings::tell() {
    auto all = seen_;
    auto const now = links_.now();
    for (auto& each : all) {
        auto& known = known_[group_named(each.group)];
        if (each.until == long_ago && known.under.value() == each.epoch) {
            each.until = known.until;
            each.is_open = known.is_open;
        }
        each.is_leaving = known.leaving.is_set() && known.leaving_under.value() == each.epoch &&
                          now < known.leaves_until;
        known.was_complete = known.was_complete || now < each.until;
    }
    if (now < began_ + settings_.terms.lease)
        std::erase_if(all, [this](auto const& each) {
            return !known_[group_named(each.group)].was_complete;
        });
    links_.tell(lb::to_text(all));
}

} // namespace tasuki::agent
