// Which signals end the agent, and which must not.
#include "tasuki/agent/front_signals_io.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <vector>

using tasuki::agent::front_signals;

TEST_CASE("signals: SIGHUP is told each time and ends nothing; SIGTERM ends", "[agent][front]") {
    boost::asio::io_context io{1};
    std::vector<int> ended;
    int reloads = 0;
    front_signals const watch{io, [&](int number) { ended.push_back(number); },
                              [&](int) { ++reloads; }};
    for (int times = 1; times <= 2; ++times) {
        REQUIRE(::raise(SIGHUP) == 0);
        while (reloads < times)
            io.run_one();
        CHECK(ended.empty());
    }
    REQUIRE(::raise(SIGTERM) == 0);
    while (ended.empty())
        io.run_one();
    CHECK(ended == std::vector<int>{SIGTERM});
    CHECK(reloads == 2);
}
