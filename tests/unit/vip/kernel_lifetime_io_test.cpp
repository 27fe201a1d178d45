// What the kernel does with the lifetimes that the keeper gives it.
#include "kept_io.hpp"

#include <map>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::db;
using test::eventually;
using test::find_here;
using test::kept;
using test::lan;

/// When the kernel removed each of these; never, where that was not seen.
std::map<std::string, instant> removals(std::vector<std::string> const& addresses) {
    std::map<std::string, instant> gone;
    auto const all_gone = [&] {
        for (auto const& address : addresses)
            if (!gone.contains(address) && !find_here(address))
                gone[address] = test::boot_now();
        return gone.size() == addresses.size();
    };
    if (!eventually(all_gone))
        for (auto const& address : addresses)
            gone.try_emplace(address, never);
    return gone;
}

} // namespace

TEST_CASE("vip: the kernel removes the addresses of a hung agent before the lease ends",
          "[vip][lifetime]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50", "fd77::50"}, 2500ms};
    node.options.only = enforcement::lifetime;
    node.start();
    CHECK(node.subject->rung() == enforcement::lifetime);
    auto const begin = test::boot_now();
    auto const deadline = begin + 2475ms;
    REQUIRE(node.subject->want(db, epoch{1}, true, deadline));
    CHECK(find_here("10.77.0.50")->valid_s <= 2);
    // Two of the same lifetime, given a moment later by somebody else: what the kernel can do here.
    net->ip({"addr add 10.77.0.99/32 dev eth0 valid_lft 2 preferred_lft 2",
             "addr add fd77::99/128 dev eth0 valid_lft 2 preferred_lft 2"});
    // The io_context does not run: from here on the agent hangs.
    auto const gone = removals({"10.77.0.50", "fd77::50", "10.77.0.99", "fd77::99"});
    for (auto const& [ours, other] :
         {std::pair{"10.77.0.50", "10.77.0.99"}, std::pair{"fd77::50", "fd77::99"}}) {
        INFO(ours);
        CHECK(gone.at(ours) > begin + 1900ms);
        REQUIRE(gone.at(ours) != never);
        auto const late = std::chrono::duration<double, std::milli>(gone.at(other) - deadline);
        if (late.count() > 0)
            WARN("skipped: the kernel removed another address of 2 s " << late.count()
                                                                       << " ms too late itself");
        else
            CHECK(gone.at(ours) <= deadline);
    }
    // It wakes up after its deadline, and does not put them back.
    CHECK(eventually([&] { return test::boot_now() > deadline; }));
    CHECK(node.reports<address_removed>(2));
    CHECK(node.last<address_removed>().why == reason::lease_ended);
    CHECK(node.count<address_lost>() == 0);
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: renewals keep a lifetime going, and a permanent lease has none",
          "[vip][lifetime]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50", "fd77::50"}, 2500ms};
    node.start();
    auto const begin = test::boot_now();
    REQUIRE(node.subject->want(db, epoch{1}, true, begin + 2475ms));
    bool always = true;
    CHECK(eventually(
        [&] {
            auto const renewed = node.subject->refresh(db, epoch{1}, test::boot_now() + 2475ms);
            auto const v4 = find_here("10.77.0.50");
            auto const v6 = find_here("fd77::50");
            always = always && renewed && v4 && v6 && v4->valid_s <= 2 && v6->valid_s <= 2 &&
                     v4->protocol == address_tag && v6->protocol == address_tag;
            return test::boot_now() > begin + 3500ms;
        },
        &node.io));
    CHECK(always);
    CHECK(node.count<address_lost>() == 0);
    REQUIRE(node.subject->want(db, epoch{1}, true, never));
    CHECK(find_here("10.77.0.50")->valid_s == forever_s);
    CHECK(find_here("fd77::50")->valid_s == forever_s);
}

TEST_CASE("vip: what a dead agent leaves behind under a short lease goes by itself soon after",
          "[vip][lifetime]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50", "fd77::50"}, 800ms};
    node.options.only = enforcement::agent;
    node.start();
    CHECK(node.subject->rung() == enforcement::agent);
    auto const begin = test::boot_now();
    auto const deadline = begin + 792ms;
    REQUIRE(node.subject->want(db, epoch{1}, true, deadline));
    // What the kernel was told is exact; when it looks depends on what else it is doing.
    CHECK(find_here("10.77.0.50")->valid_s == 1);
    CHECK(find_here("fd77::50")->valid_s == 1);
    // The io_context does not run: the agent is dead.
    REQUIRE(eventually([] { return !find_here("10.77.0.50") || !find_here("fd77::50"); }));
    CHECK(test::boot_now() > deadline);
    REQUIRE(eventually([] { return !find_here("10.77.0.50") && !find_here("fd77::50"); }));
}

TEST_CASE("vip: under a short lease renewals keep the addresses without a gap", "[vip][lifetime]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50", "fd77::50"}, 800ms};
    node.start();
    auto const begin = test::boot_now();
    REQUIRE(node.subject->want(db, epoch{1}, true, begin + 792ms));
    bool always = true;
    auto renew_at = begin;
    CHECK(eventually(
        [&] {
            auto const now = test::boot_now();
            if (now >= renew_at) {
                always = always && node.subject->refresh(db, epoch{1}, now + 792ms);
                renew_at = now + 100ms;
            }
            always = always && find_here("10.77.0.50") && find_here("fd77::50");
            return now > begin + 3500ms;
        },
        &node.io));
    CHECK(always);
    CHECK(node.count<address_lost>() == 0);
}

TEST_CASE("vip: an address that is put back does not hide that the others have to be told",
          "[vip][lifetime]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50", "10.77.0.51"}, 800ms};
    auto const begin = test::boot_now();
    auto now = begin;
    node.options.now = [&] { return now; };
    node.start();
    REQUIRE(node.subject->want(db, epoch{1}, true, now + 3900ms));
    net->ip({"addr del 10.77.0.50/32 dev eth0"});
    now += 2s; // for the keeper; to the kernel both are new
    REQUIRE(node.subject->want(db, epoch{1}, true, now + 3900ms));
    CHECK(find_here("10.77.0.50"));
    REQUIRE(eventually([] { return find_here("10.77.0.51")->valid_s == 3; }));
    REQUIRE(node.subject->refresh(db, epoch{1}, now + 3500ms));
    CHECK(find_here("10.77.0.51")->valid_s == 4);
}

TEST_CASE("vip: a lease that is almost over is refused on the lifetime rung", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50"}, 2500ms};
    node.start();
    auto const late = node.subject->want(db, epoch{1}, true, test::boot_now() + 1s);
    REQUIRE_FALSE(late);
    CHECK(late.error().kind == failure::refused);
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: a deletion that a refresh has undone already is reported all the same",
          "[vip][lifetime]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50"}, 2500ms};
    node.start();
    REQUIRE(node.subject->want(db, epoch{1}, true, test::boot_now() + 2475ms));
    net->ip({"addr del 10.77.0.50/32 dev eth0"});
    CHECK(eventually([&] {
        REQUIRE(node.subject->refresh(db, epoch{1}, test::boot_now() + 2475ms));
        return find_here("10.77.0.50").has_value();
    }));
    CHECK(node.reports<address_lost>());
    CHECK(find_here("10.77.0.50"));
}

} // namespace tasuki::vip
