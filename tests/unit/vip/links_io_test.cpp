// Links that are absent, down, late, come back, are renamed, replaced or of another kind: what the
// keeper tells of them, and where the address is.
#include "gated_io.hpp"

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::db;
using test::eventually;
using test::find_here;
using test::kept;
using test::lan;
using test::link_here;

std::uint32_t index_of(std::string_view interface) {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    return link_here(*talk, interface).index;
}

std::string above_eth0(std::string const& name) {
    return "link add link eth0 name " + name + " type macvlan mode bridge";
}

/// An address on this interface and on no other.
struct on_interface : kept {
    explicit on_interface(std::string const& interface)
        : kept({"10.77.0.50"}) {
        options.addresses.front().interface = interface;
    }
};

} // namespace

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
    kept node{{"10.77.0.50"}};
    node.options.addresses.front().interface = "eth0";
    node.subject = std::make_unique<keeper>(node.io, node.options);
    CHECK_FALSE(node.subject->start());
    REQUIRE(node.reports<link_down>());
    CHECK(node.last<link_down>().group == db);
    CHECK(node.last<link_down>().interface == "eth0");
    CHECK(to_string(node.last<link_down>()) == "eth0 is down: ip link set eth0 up");
    CHECK(node.count<link_up>() == 0);
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
    CHECK(node.last<link_down>().group == db);
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
    CHECK(node.reports<link_up>());
    CHECK(node.count<link_down>() == 1);
    CHECK(node.last<link_down>().why.starts_with("no interface late0 for 10.77.0.50/32"));
    CHECK(node.last<address_added>().interface == "late0");
    CHECK(find_here("10.77.0.50"));
}

TEST_CASE("vip: a standby hears of the link that it would use, as soon as it knows which",
          "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({"addr flush dev eth0 scope global"});
    kept node{{"10.77.0.50"}}; // the link is chosen by subnet
    node.options.recheck = 1h;
    node.subject = std::make_unique<keeper>(node.io, node.options);
    CHECK(node.subject->start().error().kind == failure::absent);
    REQUIRE(node.reports<link_down>());
    CHECK(node.last<link_down>().interface == "the link for 10.77.0.50/32");
    net->ip({"addr add 10.77.0.1/24 dev eth0"});
    REQUIRE(node.reports<link_up>());
    net->enter_bridge();
    net->ip({"link set port1 down"});
    net->enter_a();
    REQUIRE(node.reports<link_down>(2));
    CHECK(node.last<link_down>().interface == "eth0");
}

TEST_CASE("vip: a group on two links is told once, and only when both work again", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip(
        {"link add other0 type veth peer name other1", "link set other0 up", "link set other1 up"});
    kept node{{"10.77.0.50", "10.77.0.60"}};
    node.options.addresses.front().interface = "eth0";
    node.options.addresses.back().interface = "other0";
    node.start();
    net->ip({"link set other1 down"});
    REQUIRE(node.reports<link_down>());
    CHECK(node.last<link_down>().interface == "other0");
    net->ip({"link set eth0 down"});
    net->ip({"link set other1 up"});
    CHECK_FALSE(eventually([&] { return node.count<link_up>() > 0; }, &node.io, 100ms));
    net->ip({"link set eth0 up"});
    REQUIRE(node.reports<link_up>());
    CHECK(node.count<link_down>() == 1);
}

TEST_CASE("vip: an address on a link above another is carried and gated", "[vip][links]") {
    for (std::string const kind : {"macvlan mode bridge", "vlan id 5"}) {
        auto const net = lan::make();
        if (!net)
            return;
        if (!net->try_ip({"link add link eth0 name above0 type " + kind})) {
            WARN("skipped: this kernel has no links of type " << kind);
            continue;
        }
        INFO(kind);
        net->ip({"link set above0 up", "addr add 10.79.0.1/24 dev above0"});
        on_interface node{"above0"};
        node.start();
        node.take();
        REQUIRE(find_here("10.77.0.50"));
        CHECK(find_here("10.77.0.50")->link == index_of("above0"));
        if (test::loaded_gate()) // or it says why not
            CHECK(test::has_clsact("above0"));
        node.release();
        CHECK_FALSE(find_here("10.77.0.50"));
    }
}

TEST_CASE("vip: an interface that is gone is named to who wants its address", "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({above_eth0("passing0"), "link set passing0 up"});
    on_interface node{"passing0"};
    node.start();
    net->ip({"link del passing0"});
    REQUIRE(eventually(
        [&] {
            auto const gone = node.subject->want(db, epoch{1}, true, test::boot_now() + 60s);
            return !gone && gone.error().text.find("passing0") != std::string::npos;
        },
        &node.io));
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: an address stays on its link when that is renamed", "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    on_interface node{"eth0"};
    node.start();
    node.take();
    auto const link = index_of("eth0");
    net->ip({"link set eth0 down", "link set eth0 name lan0", "link set lan0 up"});
    CHECK(eventually(
        [&] {
            auto const place = find_here("10.77.0.50");
            return place && place->link == link && index_of("lan0") == link;
        },
        &node.io));
    REQUIRE(node.subject->refresh(db, epoch{1}, test::boot_now() + 60s));
    CHECK(find_here("10.77.0.50"));
    node.release(2);
    CHECK_FALSE(find_here("10.77.0.50"));
}

TEST_CASE("vip: an interface that is replaced by another of its name gets the address again",
          "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({above_eth0("other0"), "link set other0 up"});
    on_interface node{"other0"};
    node.start();
    node.take();
    auto const before = index_of("other0");
    net->ip({"link del other0", above_eth0("filler0"), above_eth0("other0"), "link set other0 up"});
    CHECK(index_of("other0") != before);
    CHECK(eventually(
        [&] {
            auto const place = find_here("10.77.0.50");
            return place && place->link == index_of("other0");
        },
        &node.io));
    CHECK(node.reports<address_lost>());
}

} // namespace tasuki::vip
