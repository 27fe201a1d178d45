#include "tasuki/balancer/upgrade_io.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace tasuki::balancer {

namespace asio = boost::asio;

namespace {

// Sessions that change their server, or take their last answer, are waited for so long.
constexpr unsigned tries = 100;
constexpr std::chrono::milliseconds pause{10};

} // namespace

upgrade::upgrade(asio::io_context& io, balancer& subject, program self, reloader reload)
    : io_(io)
    , subject_(subject)
    , self_(std::move(self))
    , reload_(std::move(reload))
    , timer_(io) {}

void upgrade::begin() {
    if (std::exchange(is_under_way_, true))
        return spdlog::warn("upgrade: one is under way");
    checker_ = std::jthread(
        [this] { asio::post(io_, [this, found = check_program(self_)] { checked(found); }); });
}

void upgrade::checked(result<std::string> const& found) {
    if (!found)
        return give_up(found.error().text);
    if (!found->starts_with(estate_form() + "\n"))
        return give_up(self_.path + " cannot take the sessions of this version over: they would "
                                    "end; when that may be, restart it");
    // The next process finds each listener of its file open already.
    if (auto const taken = reload_(); !taken)
        return give_up(taken.error().text);
    try_to_replace(tries);
}

void upgrade::try_to_replace(unsigned tries_left) {
    auto left = subject_.freeze();
    if (left.on_their_way > 0 && tries_left > 0) {
        subject_.thaw();
        timer_.expires_after(pause);
        timer_.async_wait([this, tries_left](boost::system::error_code const& error) {
            if (!error)
                try_to_replace(tries_left - 1);
        });
        return;
    }
    if (left.on_their_way > 0)
        spdlog::warn("upgrade: {} sessions in the midst of a move, or of a removed pool, and "
                     "programs of checks, end with this process",
                     left.on_their_way);
    spdlog::info("upgrade: {} takes over {} sessions", self_.path, left.sessions.size());
    spdlog::default_logger()->flush();
    auto const why = replace_program(self_, encode(left), left.descriptors());
    subject_.thaw();
    give_up(why.text);
}

void upgrade::give_up(std::string const& why) {
    is_under_way_ = false;
    spdlog::error("upgrade: nothing has changed, all goes on as before: {}", why);
}

} // namespace tasuki::balancer
