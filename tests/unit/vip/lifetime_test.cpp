#include "tasuki/vip/announce.hpp"
#include "tasuki/vip/lifetime.hpp"

#include <catch2/catch.hpp>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
constexpr instant now = instant{5000s};

} // namespace

TEST_CASE("vip: the kernel enforces a lease of at least 2.5 seconds", "[vip]") {
    CHECK(enforcement_for(2500ms) == enforcement::lifetime);
    CHECK(enforcement_for(2499ms) == enforcement::agent);
    CHECK(to_string(enforcement_for(800ms)) == "agent");
    CHECK(to_string(enforcement_for(10s)) == "lifetime");
}

TEST_CASE("vip: the kernel's removal, a quarter of a second late, is never after the deadline",
          "[vip]") {
    CHECK(valid_seconds(enforcement::lifetime, now + 2475ms, now) == 2);
    CHECK(valid_seconds(enforcement::lifetime, now + 2249ms, now) == 1);
    CHECK(valid_seconds(enforcement::lifetime, now + 9900ms, now) == 9);
    for (auto left = 1ms; left < 12s; left += 7ms) {
        auto const seconds = valid_seconds(enforcement::lifetime, now + left, now);
        if (seconds > 0)
            CHECK(now + std::chrono::seconds{seconds} + kernel_lateness <= now + left);
    }
}

TEST_CASE("vip: a lease that ends within a second and a quarter allows no lifetime", "[vip]") {
    CHECK(valid_seconds(enforcement::lifetime, now + 1250ms, now) == 1);
    CHECK(valid_seconds(enforcement::lifetime, now + 1249ms, now) == 0);
    CHECK(valid_seconds(enforcement::lifetime, now, now) == 0);
    CHECK(valid_seconds(enforcement::lifetime, now - 5s, now) == 0);
    CHECK(valid_seconds(enforcement::lifetime, long_ago, now) == 0);
}

TEST_CASE("vip: without a deadline an address has no lifetime", "[vip]") {
    CHECK(valid_seconds(enforcement::lifetime, never, now) == forever_s);
    CHECK(valid_seconds(enforcement::agent, never, now) == forever_s);
}

TEST_CASE("vip: under short leases a lifetime is the shortest that outlives the lease", "[vip]") {
    CHECK(valid_seconds(enforcement::agent, now + 792ms, now) == 1);
    CHECK(valid_seconds(enforcement::agent, now + 950ms, now) == 1);
    CHECK(valid_seconds(enforcement::agent, now + 951ms, now) == 2);
    CHECK(valid_seconds(enforcement::agent, now + 2474ms, now) == 3);
    CHECK(valid_seconds(enforcement::agent, now + 1ms, now) == 1);
    CHECK(valid_seconds(enforcement::agent, now, now) == 0);
    CHECK(valid_seconds(enforcement::agent, long_ago, now) == 0);
}

TEST_CASE("vip: under short leases the kernel is never faster than a lease that is renewed",
          "[vip]") {
    constexpr auto most_early = 30ms; // a fiftieth of a second, and a tick
    for (auto lease = 250ms; lease < 2500ms; lease += 37ms)
        for (auto late = 0ms; late < 200ms; late += 13ms) {
            told_lifetime told;
            instant deadline = long_ago;
            for (auto at = now; at < now + 20s; at += 100ms + late) {
                INFO("lease " << lease.count() << " ms, renewals late by " << late.count());
                if (told.until != long_ago && deadline > at)
                    CHECK(told.until - most_early >= deadline);
                deadline = at + lease;
                auto const seconds = valid_seconds(enforcement::agent, deadline, at);
                if (refresh_due(enforcement::agent, told, seconds, deadline, at))
                    told = {at, at + std::chrono::seconds{seconds}};
                CHECK(told.until - most_early >= deadline);
                // What a dead agent leaves behind is gone soon after its lease.
                CHECK(told.until < deadline + 1s + kernel_earliness);
            }
        }
}

TEST_CASE("vip: a refresh extends, is spaced, and never shortens", "[vip]") {
    told_lifetime const told{.at = now, .until = now + 2s};
    auto const due = [&](std::uint32_t valid_s, instant at) {
        return refresh_due(enforcement::lifetime, told, valid_s, at + 2475ms, at);
    };
    CHECK_FALSE(due(2, now + 100ms));
    CHECK(due(2, now + 200ms));
    CHECK_FALSE(due(1, now + 900ms));
    CHECK(due(1, now + 1001ms));
    CHECK_FALSE(due(0, now + 5s));
    CHECK_FALSE(due(forever_s, now + 5s));
}

TEST_CASE("vip: an address is announced at once, after 1.1 seconds, then each interval", "[vip]") {
    announce_policy const policy;
    announce_schedule schedule;
    CHECK_FALSE(schedule.take_due(policy, now));
    schedule.begin(now);
    CHECK(schedule.take_due(policy, now));
    CHECK_FALSE(schedule.take_due(policy, now));
    CHECK(schedule.next() == now + 1100ms);
    CHECK_FALSE(schedule.take_due(policy, now + 1099ms));
    CHECK(schedule.take_due(policy, now + 1100ms));
    CHECK(schedule.next() == now + 31100ms);
    CHECK(schedule.take_due(policy, now + 31100ms));
    CHECK(schedule.next() == now + 61100ms);
}

TEST_CASE("vip: an announcement missed for minutes is made up for once", "[vip]") {
    announce_schedule schedule;
    schedule.begin(now);
    CHECK(schedule.take_due({}, now));
    CHECK(schedule.take_due({}, now + 600s));
    CHECK_FALSE(schedule.take_due({}, now + 600s));
    CHECK(schedule.next() == now + 630s);
}

TEST_CASE("vip: on demand the schedule starts over, and ends when the address goes", "[vip]") {
    announce_schedule schedule;
    schedule.begin(now);
    CHECK(schedule.take_due({}, now));
    CHECK(schedule.take_due({}, now + 1100ms));
    schedule.begin(now + 5s);
    CHECK(schedule.take_due({}, now + 5s));
    CHECK(schedule.next() == now + 6100ms);
    schedule.end();
    CHECK(schedule.next() == never);
    CHECK_FALSE(schedule.take_due({}, now + 3600s));
}

TEST_CASE("vip: an interval of zero ends the announcements after the second", "[vip]") {
    announce_policy const policy{.repeat = 1100ms, .interval = 0s};
    announce_schedule schedule;
    schedule.begin(now);
    CHECK(schedule.take_due(policy, now));
    CHECK(schedule.take_due(policy, now + 1100ms));
    CHECK(schedule.next() == never);
}

} // namespace tasuki::vip
