// The alarm on the clock of the deadlines.
#include "tasuki/agent/lease_loop_io.hpp"
#include "tasuki/agent/lease_timer_io.hpp"

#include <boost/asio/io_context.hpp>

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

struct rung {
    boost::asio::io_context io;
    std::vector<instant> at;
    std::unique_ptr<boot_alarm> alarm;

    rung() {
        auto opened = boot_alarm::open(io, [this] { at.push_back(read_clocks().now); });
        REQUIRE(opened.has_value());
        alarm = std::move(*opened);
    }
    /// Runs until it has rung so often, or for as long.
    void run(std::size_t times, milliseconds bound = milliseconds{5000}) {
        auto const end = std::chrono::steady_clock::now() + bound;
        while (at.size() < times && std::chrono::steady_clock::now() < end)
            io.run_one_until(end);
    }
};

} // namespace

TEST_CASE("alarm: it rings once, at its time or later", "[agent]") {
    rung on;
    auto const when = read_clocks().now + milliseconds{20};
    on.alarm->set(when);
    on.run(1);
    REQUIRE(on.at.size() == 1);
    CHECK(on.at.front() >= when);
    on.run(2, milliseconds{50});
    CHECK(on.at.size() == 1);
}

TEST_CASE("alarm: what has passed rings at once, also the beginning of time", "[agent]") {
    rung on;
    on.alarm->set(read_clocks().now - std::chrono::seconds{3});
    on.run(1);
    on.alarm->set(long_ago);
    on.run(2);
    CHECK(on.at.size() == 2);
}

TEST_CASE("alarm: a new time replaces the old one, nearer or farther", "[agent]") {
    rung on;
    auto const begin = read_clocks().now;
    on.alarm->set(begin + std::chrono::hours{1});
    on.alarm->set(begin + milliseconds{10});
    on.run(1);
    REQUIRE(on.at.size() == 1);
    on.alarm->set(read_clocks().now); // has rung already when it is replaced
    auto const later = read_clocks().now + milliseconds{30};
    on.alarm->set(later);
    on.run(2);
    REQUIRE(on.at.size() == 2);
    CHECK(on.at.back() >= later);
}
