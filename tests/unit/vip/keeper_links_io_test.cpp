// Addresses on interfaces of other kinds, and on interfaces that are renamed, missing or replaced.
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
        if (node.subject->rung() == enforcement::ebpf)
            CHECK(test::has_clsact("above0"));
        node.release();
        CHECK_FALSE(find_here("10.77.0.50"));
    }
}

TEST_CASE("vip: a missing interface is named, at the start and later", "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    on_interface early{"later0"};
    early.subject = std::make_unique<keeper>(early.io, early.options);
    auto const refused = early.subject->start();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("no interface later0 for 10.77.0.50/32") != std::string::npos);
    net->ip({above_eth0("later0"), "link set later0 up"});
    on_interface node{"later0"};
    node.start();
    net->ip({"link del later0"});
    REQUIRE(eventually(
        [&] {
            auto const gone = node.subject->want(db, epoch{1}, true, test::boot_now() + 60s);
            return !gone && gone.error().text.find("later0") != std::string::npos;
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
