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
    CHECK(v4->valid_s == forever_s);
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

TEST_CASE("vip: start removes leftovers by tag, by configuration and by note", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({"addr add 10.77.0.50/24 dev eth0",    // by hand, with another prefix
             "addr add fd77::50/128 dev lo nodad", // on another link
             "addr add 10.77.0.98/32 dev eth0",    // noted in an earlier life
             "addr add 10.77.0.97/32 dev eth0"});  // of somebody else
    test::add_tagged("10.77.0.99/32");             // of a group that is configured no more
    REQUIRE(find_here("10.77.0.99"));
    kept node;
    node.options.noted.push_back(test::prefix("10.77.0.98/32"));
    node.start();
    for (auto const* const gone : {"10.77.0.99", "10.77.0.50", "fd77::50", "10.77.0.98"})
        CHECK_FALSE(find_here(gone));
    CHECK(find_here("10.77.0.97"));
    CHECK(find_here("10.77.0.1"));
    REQUIRE(node.reports<address_removed>(4));
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

TEST_CASE("vip: the kernel removes the addresses of a hung agent before the lease ends",
          "[vip][lifetime]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50", "fd77::50"}, 2500ms};
    node.start();
    CHECK(node.subject->rung() == enforcement::lifetime);
    auto const begin = test::boot_now();
    auto const deadline = begin + 2475ms;
    REQUIRE(node.subject->want(db, epoch{1}, true, deadline));
    CHECK(find_here("10.77.0.50")->valid_s <= 2);
    // The io_context does not run: from here on the agent hangs.
    REQUIRE(eventually([] { return !find_here("10.77.0.50") && !find_here("fd77::50"); }));
    CHECK(test::boot_now() > begin + 1900ms);
    CHECK(test::boot_now() <= deadline);
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

TEST_CASE("vip: an absent interface and one that is down are told at start", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    auto const start_with = [](std::string_view address, std::string interface) {
        boost::asio::io_context io;
        keeper_options options;
        options.now = test::boot_now;
        options.addresses.push_back({test::prefix(address), std::move(interface), db});
        keeper subject{io, options};
        auto const started = subject.start();
        auto const wanted = subject.want(db, epoch{1}, true, test::boot_now() + 60s);
        CHECK_FALSE(wanted);
        return started ? std::string{} : started.error().text;
    };
    CHECK(start_with("10.77.0.50", "bond7").starts_with("no interface bond7"));
    CHECK(start_with("192.0.2.7", "").starts_with("no interface of this node has an address"));
    net->ip({"link set eth0 down"});
    CHECK(start_with("10.77.0.50", "eth0") == "eth0 is down: ip link set eth0 up");
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: a link that fails and comes back is told, and IPv6 addresses return", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.options.recheck = 1h;
    node.start();
    node.take();
    net->enter_bridge();
    net->ip({"link set port1 down"});
    net->enter_a();
    REQUIRE(node.reports<link_down>());
    CHECK(node.last<link_down>().interface == "eth0");
    net->enter_bridge();
    net->ip({"link set port1 up"});
    net->enter_a();
    REQUIRE(node.reports<link_up>());
    net->ip({"link set eth0 down"});
    REQUIRE(node.reports<link_down>(2));
    CHECK_FALSE(find_here("fd77::50")); // the kernel flushes IPv6 with the link
    net->ip({"link set eth0 up"});
    REQUIRE(node.reports<link_up>(2));
    CHECK(eventually([] { return find_here("10.77.0.50") && find_here("fd77::50"); }, &node.io));
}

TEST_CASE("vip: an interface that appears late is served then", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50"}};
    node.options.recheck = 1h;
    node.options.addresses.front().interface = "late0";
    node.subject = std::make_unique<keeper>(node.io, node.options);
    CHECK(node.subject->start().error().kind == failure::absent);
    CHECK(node.subject->want(db, epoch{1}, true, test::boot_now() + 60s).error().kind ==
          failure::absent);
    net->ip({"link add late0 type bridge", "link add slave0 type veth peer name slave1",
             "link set slave0 master late0 up", "link set slave1 up", "link set late0 up"});
    CHECK(node.reports<address_added>());
    CHECK(node.last<address_added>().interface == "late0");
    CHECK(find_here("10.77.0.50"));
}

} // namespace tasuki::vip
