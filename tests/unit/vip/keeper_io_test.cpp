#include "kept_io.hpp"

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::db;
using test::eventually;
using test::find_here;
using test::ip;
using test::kept;
using test::lan;

} // namespace

TEST_CASE("vip: a wanted address stands before want() returns, a released one is gone", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.start();
    CHECK_FALSE(find_here("10.77.0.50"));
    node.take();
    auto const v4 = find_here("10.77.0.50");
    auto const v6 = find_here("fd77::50");
    REQUIRE(v4);
    REQUIRE(v6);
    CHECK(v4->address.length == 32);
    CHECK(v6->address.length == 128);
    CHECK(v4->protocol == address_tag);
    CHECK(v6->protocol == address_tag);
    CHECK(v4->valid_s <= 61);
    CHECK(v6->valid_s <= 61);
    node.take();
    auto const carried = node.subject->observed();
    REQUIRE(carried);
    REQUIRE(carried->size() == 2);
    CHECK(carried->front().interface == "eth0");
    CHECK(carried->front().wanted);
    node.release();
    CHECK_FALSE(find_here("10.77.0.50"));
    CHECK_FALSE(find_here("fd77::50"));
    CHECK(find_here("10.77.0.1"));
    REQUIRE(node.reports<address_removed>(2));
    CHECK(node.count<address_added>() == 2);
    CHECK(node.last<address_removed>().why == reason::released);
    CHECK(node.count<address_lost>() == 0);
    CHECK(node.count<keeper_failure>() == 0);
}

TEST_CASE("vip: an older epoch changes nothing", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.start();
    node.take(7);
    auto const old_release = node.subject->want(db, epoch{6}, false, long_ago);
    REQUIRE_FALSE(old_release);
    CHECK(old_release.error().kind == failure::refused);
    CHECK(old_release.error().text == "epoch 6 is over: epoch 7 was seen");
    CHECK(find_here("10.77.0.50"));
    node.release(8);
    CHECK_FALSE(node.subject->want(db, epoch{7}, true, test::boot_now() + 60s));
    CHECK_FALSE(node.subject->refresh(db, epoch{7}, test::boot_now() + 60s));
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: start removes leftovers by tag and by configuration", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({"addr add 10.77.0.50/24 dev eth0",    // by hand, with another prefix
             "addr add fd77::50/128 dev lo nodad", // on another link
             "addr add 10.77.0.97/32 dev eth0"});  // of somebody else
    test::add_tagged("10.77.0.99/32");             // of a group that is configured no more
    REQUIRE(find_here("10.77.0.99"));
    kept node;
    node.start();
    for (auto const* const gone : {"10.77.0.99", "10.77.0.50", "fd77::50"})
        CHECK_FALSE(find_here(gone));
    CHECK(find_here("10.77.0.97"));
    CHECK(find_here("10.77.0.1"));
    REQUIRE(node.reports<address_removed>(3));
    CHECK(node.last<address_removed>().why == reason::leftover);
}

TEST_CASE("vip: removing the first address of a subnet leaves the node its own", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({"addr flush dev eth0 scope global", "addr add 10.77.0.50/24 dev eth0",
             "addr add 10.77.0.1/24 dev eth0"});
    kept node{{"10.77.0.50"}};
    node.options.addresses.front().interface = "eth0";
    node.start();
    CHECK_FALSE(find_here("10.77.0.50"));
    CHECK(find_here("10.77.0.1"));
}

TEST_CASE("vip: a planned restart adopts its addresses without a gap", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    {
        kept before;
        before.start();
        before.take(3);
    }
    REQUIRE(find_here("10.77.0.50"));
    kept after;
    after.subject = std::make_unique<keeper>(after.io, after.options);
    after.subject->adopt(db, epoch{3}, test::boot_now() + 60s);
    REQUIRE(after.subject->start());
    CHECK(find_here("10.77.0.50"));
    CHECK(find_here("fd77::50"));
    net->ip({"addr del 10.77.0.50/32 dev eth0"});
    CHECK(after.reports<address_lost>());
    CHECK(find_here("10.77.0.50"));
    CHECK(after.count<address_removed>() == 0);
    after.release(3);
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: an address deleted by hand is put back and reported", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.options.recheck = 1h; // only the notice can tell
    node.start();
    node.take();
    net->ip({"addr del 10.77.0.50/32 dev eth0", "addr del fd77::50/128 dev eth0"});
    REQUIRE_FALSE(find_here("10.77.0.50"));
    REQUIRE(node.reports<address_lost>(2));
    CHECK(node.count<address_added>() == 4);
    CHECK(find_here("10.77.0.50"));
    CHECK(find_here("fd77::50"));
    CHECK_FALSE(node.last<address_lost>().by_kernel);
    CHECK(node.last<address_lost>().interface == "eth0");
}

TEST_CASE("vip: an address added by hand where it is not active is removed", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.options.recheck = 1h;
    node.start();
    net->ip({"addr add 10.77.0.50/32 dev eth0"});
    REQUIRE(node.reports<address_removed>());
    CHECK_FALSE(find_here("10.77.0.50"));
    CHECK(node.last<address_removed>().why == reason::leftover);
}

TEST_CASE("vip: the keeper removes an address by itself when the lease has ended", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.start();
    auto const deadline = test::boot_now() + 300ms;
    REQUIRE(node.subject->want(db, epoch{1}, true, deadline));
    CHECK(find_here("10.77.0.50"));
    REQUIRE(node.reports<address_removed>(2));
    CHECK(node.last<address_removed>().why == reason::lease_ended);
    CHECK(node.last<address_removed>().at >= deadline);
    CHECK(node.last<address_removed>().at < deadline + 2s); // far below the next recheck
    CHECK_FALSE(find_here("10.77.0.50"));
    CHECK_FALSE(node.subject->refresh(db, epoch{1}, test::boot_now() + 60s));
    CHECK_FALSE(node.subject->want(db, epoch{1}, true, test::boot_now()));
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: a renewed lease is not ended by its first deadline", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.start();
    auto const first = test::boot_now() + 200ms;
    REQUIRE(node.subject->want(db, epoch{1}, true, first));
    REQUIRE(node.subject->refresh(db, epoch{1}, first + 60s));
    CHECK(eventually([&] { return test::boot_now() > first + 50ms; }, &node.io));
    CHECK(find_here("10.77.0.50"));
    CHECK(node.count<address_removed>() == 0);
}

TEST_CASE("vip: going and coming at once is no loss, though its notices are still unread",
          "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.start();
    for (std::uint64_t under = 1; under < 20; ++under) {
        node.take(under);
        node.release(under);
    }
    node.take(20);
    REQUIRE(node.reports<address_added>(40));
    CHECK_FALSE(eventually([&] { return node.count<address_lost>() > 0; }, &node.io, 100ms));
    CHECK(find_here("10.77.0.50"));
    CHECK(find_here("fd77::50"));
}

TEST_CASE("vip: 256 addresses move in one go", "[vip][many]") {
    auto const net = lan::make();
    if (!net)
        return;
    std::vector<std::string> addresses;
    for (int one = 0; one < 128; ++one) {
        addresses.push_back("10.77.0." + std::to_string(100 + one));
        addresses.push_back("fd77::" + std::to_string(1000 + one));
    }
    kept node{addresses};
    node.start();
    auto const begin = test::boot_now();
    node.take();
    auto const added = test::boot_now();
    CHECK(node.subject->observed()->size() == 256);
    auto const between = test::boot_now();
    node.release();
    auto const removed = test::boot_now();
    CHECK(node.subject->observed()->empty());
    INFO("added in " << to_ms(added - begin) << " ms, removed in " << to_ms(removed - between));
    CHECK(added - begin < 3s);
    CHECK(removed - between < 3s);
    CHECK(node.reports<address_removed>(256));
}

TEST_CASE("vip: without privilege the start says what to grant", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    // Children of fork have privileges of their own to lose.
    CHECK(test::unprivileged([] {
        boost::asio::io_context io;
        keeper_options options;
        options.now = test::boot_now;
        options.addresses.push_back({test::prefix("10.77.0.50"), "eth0", db});
        keeper subject{io, options};
        auto const started = subject.start();
        return !started && started.error().kind == failure::not_permitted &&
               started.error().text.find("grant CAP_NET_ADMIN") != std::string::npos;
    }));
}

} // namespace tasuki::vip
