#include "tasuki/balancer/upgrade_io.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace tasuki::balancer {

namespace asio = boost::asio;

namespace {

// What cannot be handed on is waited for, two seconds in all.
constexpr unsigned tries = 200;
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
    if (auto const count = subject_.on_their_way(); count > 0) {
        if (tries_left == 0)
            return give_up(fmt::format("{} sessions are moving to another server, or leaving one, "
                                       "or checks do not end: try again later",
                                       count));
        return try_again(tries_left - 1);
    }
    auto left = subject_.freeze();
    if (left.on_their_way > 0) { // since they were counted
        subject_.thaw();
        return try_again(tries_left > 0 ? tries_left - 1 : 0);
    }
    spdlog::info("upgrade: {} takes over {} sessions", self_.path, left.sessions.size());
    spdlog::default_logger()->flush();
    auto const why = replace_program(self_, encode(left), left.descriptors());
    subject_.thaw();
    give_up(why.text);
}

void upgrade::try_again(unsigned tries_left) {
    timer_.expires_after(pause);
    timer_.async_wait([this, tries_left](boost::system::error_code const& error) {
        if (!error)
            try_to_replace(tries_left);
    });
}

void upgrade::give_up(std::string const& why) {
    is_under_way_ = false;
    subject_.resume_checks();
    spdlog::error("upgrade: the program is not replaced, all goes on as before: {}", why);
}

} // namespace tasuki::balancer
