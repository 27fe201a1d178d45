// The gate of nftables in the kernel: what it lets through and what not, and until when.
#include "any_gate_io.hpp"
#include "filtered_io.hpp"

#include <poll.h>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::answers;
using test::closed;
using test::eventually;
using test::filtered;
using test::ip;
using test::is_silent;
using test::is_told;
using test::only_arriving;
using test::only_leaving;
using test::open;
using test::vip4;
using test::vip6;

} // namespace

TEST_CASE("vip: packets to and from an address pass the open gate of nftables and no closed one",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    for (auto const address : {vip4, vip6}) {
        INFO(address);
        CHECK(is_silent(address)); // closed from the start
        node->set(open);
        CHECK(answers(address));
        node->set(closed);
        CHECK(is_silent(address));
        node->set(only_arriving);
        CHECK(is_silent(address)); // the answer does not leave
        node->set(only_leaving);
        CHECK(is_silent(address)); // the question does not arrive
        node->set(open);
        CHECK(answers(address));
        node->set(closed);
    }
    CHECK(answers("10.77.0.1")); // other addresses of the node are not touched
    CHECK(answers("fd77::1"));
    for (auto const address : {vip4, vip6}) {
        node->subject->forget(ip(address));
        CHECK(answers(address));
    }
}

TEST_CASE("vip: neighbours that ask for an address hear nothing through a closed gate of nftables",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    for (auto const address : {vip4, vip6}) {
        INFO(address);
        node->set(open);
        CHECK(is_told(*node, address, true));
        for (auto const& shut : {closed, only_arriving, only_leaving}) {
            node->set(shut);
            CHECK_FALSE(is_told(*node, address, false));
        }
    }
}

TEST_CASE("vip: another holder's announcement passes the closed gate of nftables", "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    auto const own = test::mac("02:00:00:00:00:fd");
    node->net->enter_a();
    node->net->ip({"addr del 10.77.0.50/32 dev eth0",
                   "neigh replace 10.77.0.50 lladdr 02:00:00:00:00:01 nud stale dev eth0"});
    node->net->enter_b();
    test::speaker mouth;
    mouth.say(encode(gratuitous_request(ip(vip4), own)));
    node->net->enter_a();
    CHECK(eventually([&] { return test::neighbour_here(vip4) == own; }));
}

TEST_CASE("vip: the node itself cannot use an address closed by nftables either, on lo",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    test::obeys_itself(*node);
}

TEST_CASE("vip: an address falls silent before its deadline by nftables, with nobody alive",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    for (auto const& [source, address] : {std::pair{"10.77.0.2", vip4}, {"fd77::2", vip6}}) {
        auto const question = test::echo_frame(node->mac_b, node->mac_a, source, address);
        // An answer that the gate has let through can be late on a busy machine, but not each time.
        auto const ends = test::ending_of(address, question, 0ms, [&] {
            auto const deadline = test::boot_now() + 300ms;
            node->net->enter_a();
            auto life = node->fresh();
            REQUIRE(life->put_up());
            REQUIRE(life->set(node->key, open_until(deadline)));
            life.reset();
            node->net->enter_b();
            return deadline;
        });
        if (ends)
            CHECK(*ends < 0ms);
        if (ends)
            CHECK(*ends > -100ms);
        CHECK(is_silent(address));
    }
}

TEST_CASE("vip: prolonged time and again, an address never falls silent in between", "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    auto const question = test::echo_frame(node->mac_b, node->mac_a, "10.77.0.2", vip4);
    node->set(open_until(test::boot_now() + 300ms));
    test::speaker mouth;
    test::stopwatch ear;
    std::size_t asked = 0;
    duration longest{};
    duration longest_round{};
    auto before = test::boot_now();
    for (auto const end = before + 1s; before < end;) {
        node->set(open_until(before + 300ms));
        longest = std::max(longest, test::boot_now() - before);
        for (int count = 0; count < 10; ++count, ++asked)
            mouth.say(question);
        (void)ear.replies();
        longest_round = std::max(longest_round, test::boot_now() - before);
        before = test::boot_now();
    }
    WARN("the longest of the prolongations took " << static_cast<double>(longest.count()) / 1e6
                                                  << " ms");
    if (longest_round > 100ms) {
        WARN("skipped: this machine let the test wait for " << to_ms(longest_round)
                                                            << " ms of the 300");
        return;
    }
    CHECK(eventually([&] { return ear.replies().size() >= asked; }));
    CHECK(ear.replies().size() == asked);
}

TEST_CASE("vip: what is told to nftables too late is taken back at once", "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    node->clock = test::held_up_after_the_clock(40ms); // each time
    auto const late = node->subject->set(node->key, open_until(test::boot_now() + 24h));
    REQUIRE_FALSE(late);
    CHECK(late.error().kind == failure::timed_out);
    CHECK(is_silent(vip4));
    CHECK(is_silent(vip6));
    node->clock = test::boot_now;
    node->set(open);
    CHECK(answers(vip4));
}

namespace {

/// As of a sender that is killed before it can look at its clock again.
struct killed {};

/// It is stopped for so long after its `stop`th look at the clock, and killed at the next.
std::function<instant()> stopped_and_killed(int stop, duration pause) {
    return [=, looks = 0]() mutable {
        if (++looks > stop)
            throw killed{};
        return looks == stop ? test::held_up_after_the_clock(pause)() : test::boot_now();
    };
}

} // namespace

TEST_CASE("vip: a sender of nftables that is stopped on its way and then killed prolongs nothing",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    for (int const look : {1, 2, 3, 4}) {
        INFO(look);
        node->clock = test::boot_now;
        auto const deadline = test::boot_now() + 500ms;
        node->set(open_until(deadline));
        node->clock = stopped_and_killed(look, 200ms); // its lease is not over when it goes on
        CHECK_THROWS_AS(node->subject->set(node->key, open_until(deadline)), killed);
        while (test::boot_now() < deadline)
            ::poll(nullptr, 0, 1);
        CHECK(is_silent(vip4));
    }
}

TEST_CASE("vip: new tables of nftables outlive no lease if their sender is stopped and killed",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    node->net->enter_a();
    for (int const look : {1, 2, 3, 4, 5, 6}) {
        INFO(look);
        node->clock = test::boot_now;
        auto const next = node->fresh();
        auto const deadline = test::boot_now() + 400ms;
        REQUIRE(next->set(node->key, open_until(deadline)));
        node->clock = stopped_and_killed(look, 200ms);
        CHECK_THROWS_AS(next->put_up(), killed);
        while (test::boot_now() < deadline)
            ::poll(nullptr, 0, 1);
        node->net->enter_b();
        CHECK(is_silent(vip4));
        node->net->enter_a();
    }
}

TEST_CASE("vip: on a slow machine an element is given the less instead of nothing", "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    auto now = test::boot_now();
    node->clock = [&] { return now += 8ms; };
    REQUIRE(node->subject->set(node->key, open_until(now + 60s)));
    CHECK(answers(vip4));
}

TEST_CASE("vip: an element that has died is not prolonged but made anew", "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    auto const before = test::boot_now();
    node->set(open_until(before + 100ms));
    node->clock = [&] { return before + 50ms; }; // the sender believes that it is still there
    while (test::boot_now() < before + 120ms)
        ::poll(nullptr, 0, 1);
    CHECK(is_silent(vip4));
    node->set(open_until(before + 10s));
    CHECK(answers(vip4));
}

} // namespace tasuki::vip
