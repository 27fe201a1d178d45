// What a guardian stays in charge of while a group is given up, and when it needs new orders.
#include "master_on_a.hpp"
#include "tasuki/agent/guard_duty.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

shape moved_master() {
    auto out = with_mysql();
    out.by_hook = true;
    return out;
}

constexpr std::uint64_t key = 7;

} // namespace

TEST_CASE("guardian's duty: a server that writes unprotected is its own until it is closed",
          "[agent]") {
    master_on_a on{moved_master()};
    auto const& node = [&]() -> agent::node const& { return *on.at("a").agent; };
    guard_slots slots;
    auto const slot = slots.of(on.id);
    on.make_degraded();
    CHECK(unprotected_here(node()) == std::vector{on.id});
    on.at("a").address_takes = milliseconds{1500}; // longer than a lease
    on.link("a", false);
    REQUIRE(on.role("a") == election::role::active);
    REQUIRE_FALSE(on.group_of("a").served_under());
    CHECK_FALSE(slots.leave(on.group_of("a")));
    on.run(milliseconds{1200});
    REQUIRE(on.role("a") == election::role::active);
    CHECK(unprotected_here(node()) == std::vector{on.id});
    auto const meanwhile = slots.changes(node());
    REQUIRE(meanwhile.size() == 1);
    CHECK(meanwhile[0].slot == slot);
    CHECK_FALSE(meanwhile[0].closes);
    CHECK(meanwhile[0].under == on.group_of("a").election_state().under);
    CHECK(meanwhile[0].deadline > on.now()); // it moves with the lease
    REQUIRE(on.run_until([&] { return on.role("a") != election::role::active; }, seconds{2}));
    auto const afterwards = slots.changes(node());
    REQUIRE(afterwards.size() == 1);
    CHECK(afterwards[0].closes);
    CHECK(slots.changes(node()).empty());
}

TEST_CASE("guardian's duty: where others have all that was written, its slot closes at once",
          "[agent]") {
    master_on_a on{moved_master()};
    guard_slots slots;
    CHECK(unprotected_here(*on.at("a").agent).empty());
    on.at("a").address_takes = milliseconds{1500};
    on.link("a", false);
    CHECK(slots.leave(on.group_of("a")));
    CHECK(slots.changes(*on.at("a").agent).empty());
}

TEST_CASE("guardian's duty: a group keeps its slot, and what is forgotten makes room", "[agent]") {
    guard_slots slots;
    auto const first = slots.of(group_named("first"));
    auto const second = slots.of(group_named("second"));
    CHECK(first != second);
    CHECK(slots.of(group_named("first")) == first);
    slots.forget(group_named("first"));
    CHECK(slots.of(group_named("third")) == first);
    guard_slots next;
    next.take_over(slots.all());
    CHECK(next.of(group_named("second")) == second);
}

TEST_CASE("guardian's duty: its orders are made anew when what they are made from changes",
          "[agent]") {
    master_on_a on;
    auto const basis = [&](std::uint64_t signer, vip::enforcement rung) {
        return guard_basis(*on.at("a").agent, signer, rung);
    };
    auto const before = basis(key, vip::enforcement::lifetime);
    CHECK(basis(key, vip::enforcement::agent) == before); // the same to a guardian
    CHECK(basis(key, vip::enforcement::nftables) != before);
    CHECK(basis(key, vip::enforcement::ebpf) == basis(key, vip::enforcement::nftables));
    CHECK(basis(key + 1, vip::enforcement::lifetime) != before);
    on.run(seconds{1});
    CHECK(basis(key, vip::enforcement::lifetime) == before);
    on.make_degraded();
    CHECK(basis(key, vip::enforcement::lifetime) != before);
    CHECK_FALSE(falls_silent(vip::enforcement::lifetime));
    CHECK(falls_silent(vip::enforcement::nftables));
}

TEST_CASE(
    "watchdog's duty: an address beyond its lease is reason enough, but not what a program moves",
    "[agent]") {
    for (bool const by_hook : {false, true}) {
        INFO(by_hook);
        shape of;
        of.by_hook = by_hook;
        settled on{of};
        CHECK(keeps_within_leases(*on.at("a").agent, on.now()));
        on.at("a").address_takes = seconds{3}; // its removal hangs
        on.cut("a", "b");
        on.cut("a", "c");
        CHECK(on.takes_over("b", seconds{2}));
        on.run(milliseconds{200});
        REQUIRE(on.group_of("a").address_here());
        REQUIRE(on.group_of("a").election_state().until.hard <= on.now());
        CHECK(keeps_within_leases(*on.at("a").agent, on.now()) == by_hook);
        CHECK(on.run_until([&] { return !on.group_of("a").address_here(); }, seconds{3}));
        CHECK(keeps_within_leases(*on.at("a").agent, on.now()));
    }
}
