#include "tasuki/heartbeat/log_limit.hpp"
#include "tasuki/heartbeat/source_limit.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace tasuki;
using namespace tasuki::heartbeat;
using namespace std::chrono_literals;

namespace {
constexpr instant start = instant{100s};
}

TEST_CASE("a repeated reason is logged once a period with the count left out",
          "[heartbeat][log_limit]") {
    log_limit limit{10s};
    CHECK(limit.admit(start) == 0U);
    CHECK_FALSE(limit.admit(start));
    CHECK_FALSE(limit.admit(start + 9999ms));
    CHECK(limit.admit(start + 10s) == 2U);
    CHECK(limit.admit(start + 20s) == 0U);
}

TEST_CASE("each reason to refuse has a limit of its own", "[heartbeat][log_limit]") {
    reject_log log{10s};
    CHECK(log.admit(reject::bad_mac, start) == 0U);
    CHECK_FALSE(log.admit(reject::bad_mac, start));
    CHECK(log.admit(reject::replayed, start) == 0U);
}

TEST_CASE("a source may send its burst and then its rate", "[heartbeat][source_limit]") {
    auto const peer = *ip_address::parse("10.77.0.2");
    std::array const known{peer};
    source_limit limit{known, {.per_second = 100, .burst = 20}};
    int admitted = 0;
    for (int count = 0; count < 1000; ++count)
        admitted += limit.admit(peer, start) ? 1 : 0;
    CHECK(admitted == 20);
    admitted = 0;
    for (int step = 1; step <= 1000; ++step)
        admitted += limit.admit(peer, start + milliseconds{step}) ? 1 : 0;
    CHECK(admitted == 100);
}

TEST_CASE("strangers together cannot use up what belongs to a peer", "[heartbeat][source_limit]") {
    std::array const known{*ip_address::parse("10.77.0.2"), *ip_address::parse("fd00::2"),
                           *ip_address::parse("10.78.0.2")};
    source_limit limit{known, {.per_second = 100, .burst = 20}};
    int admitted = 0;
    for (int host = 0; host < 250; ++host)
        admitted +=
            limit.admit(*ip_address::parse("10.99.0." + std::to_string(host)), start) ? 1 : 0;
    CHECK(admitted == 20);
    for (auto const& peer : known)
        CHECK(limit.admit(peer, start));
}
