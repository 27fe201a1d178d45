#include "kept_io.hpp"
#include "tasuki/vip/arp_io.hpp"
#include "tasuki/vip/frames.hpp"

#include <fstream>
#include <iterator>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::db;
using test::eventually;
using test::ip;
using test::kept;
using test::lan;
using test::mac_here;
using test::sniffer;

auto const vip4 = ip("10.77.0.50");
auto const vip6 = ip("fd77::50");

struct expected {
    explicit expected(mac_address const& own)
        : request(encode(gratuitous_request(vip4, own)))
        , reply(encode(gratuitous_reply(vip4, own)))
        , advert(encode(unsolicited_advertisement(vip6, own))) {}

    /// How often all three forms were heard.
    [[nodiscard]] std::size_t heard(sniffer& other) const {
        return std::min({other.count(request), other.count(reply), other.count(advert)});
    }

    byte_string request;
    byte_string reply;
    byte_string advert;
};

/// The kernel joins the solicited-node group a moment after the address was added; until then it
/// does not hear who asks for it. Looks at eth0 of the namespace that is entered.
bool hears_solicitations_of_the_vip() {
    std::ifstream groups{"/proc/thread-self/net/igmp6"};
    std::string const text{std::istreambuf_iterator<char>{groups}, {}};
    return text.find("ff0200000000000000000001ff000050") != std::string::npos;
}

} // namespace

TEST_CASE("vip: the other side hears both ARP forms and the advertisement at once", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_b();
    sniffer other;
    net->enter_a();
    expected const frames{mac_here("eth0")};
    kept node;
    node.announce_as({.repeat = 1h, .interval = 1h});
    node.start();
    CHECK(other.count(frames.request) == 0);
    node.take();
    CHECK(eventually([&] { return frames.heard(other) == 1; }));
    REQUIRE(node.subject->announce(db));
    CHECK(eventually([&] { return frames.heard(other) == 2; }));
    node.release();
    CHECK(node.subject->announce(db).error().kind == failure::refused);
}

TEST_CASE("vip: announcements are repeated and go on while the address is here", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_b();
    sniffer other;
    net->enter_a();
    expected const frames{mac_here("eth0")};
    kept node;
    node.announce_as({.repeat = 30ms, .interval = 50ms});
    node.start();
    node.take();
    CHECK(eventually([&] { return frames.heard(other) >= 4; }, &node.io));
}

TEST_CASE("vip: each address is announced on its own schedule", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_b();
    sniffer other;
    net->enter_a();
    auto const own = mac_here("eth0");
    auto const frame_of = [&](std::string_view address) {
        return encode(gratuitous_request(ip(address), own));
    };
    kept node{{"10.77.0.50", "10.77.0.51"}};
    node.options.addresses.front().announce = {.repeat = 30ms, .interval = 50ms};
    node.options.addresses.back().announce = {.repeat = 1h, .interval = 1h};
    node.start();
    node.take();
    CHECK(eventually([&] { return other.count(frame_of("10.77.0.50")) >= 4; }, &node.io));
    CHECK(other.count(frame_of("10.77.0.51")) == 1);
}

TEST_CASE("vip: neighbours move to the new holder", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_b();
    net->ip({"neigh add 10.77.0.50 lladdr 02:00:00:00:00:99 dev eth0 nud reachable",
             "neigh add fd77::50 lladdr 02:00:00:00:00:99 dev eth0 nud reachable"});
    net->enter_a();
    auto const own = mac_here("eth0");
    kept node;
    node.start();
    node.take();
    net->enter_b();
    CHECK(eventually([&] {
        return test::neighbour_here("10.77.0.50") == own && test::neighbour_here("fd77::50") == own;
    }));
    net->enter_a();
}

TEST_CASE("vip: a stranger that answers the probe is seen, silence and peers are not", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    auto const address = GENERATE(as<std::string>{}, "10.77.0.50", "fd77::50");
    INFO(address);
    net->enter_b();
    auto const foreign = mac_here("eth0");
    net->enter_a();
    kept node{{address}};
    node.start();
    REQUIRE(node.subject->probe(db));
    CHECK_FALSE(
        eventually([&] { return node.subject->stranger(db).has_value(); }, &node.io, 100ms));
    net->enter_b();
    net->ip({"addr add " +
             ip_prefix{ip(address), static_cast<std::uint8_t>(ip(address).size() * 8)}.to_string() +
             " dev eth0" + (ip(address).is_v4() ? "" : " nodad")});
    if (!ip(address).is_v4())
        REQUIRE(eventually(hears_solicitations_of_the_vip));
    net->enter_a();
    REQUIRE(node.subject->probe(db));
    CHECK(eventually([&] { return node.subject->stranger(db).has_value(); }, &node.io));
    CHECK(node.subject->stranger(db) == foreign);
    CHECK(node.count<conflict_seen>() == 0);
    node.subject->set_peer_macs({foreign});
    CHECK_FALSE(node.subject->stranger(db));
}

TEST_CASE("vip: a second holder is reported while we hold the address, and when he stops",
          "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_b();
    auto const foreign = mac_here("eth0");
    net->ip({"addr add 10.77.0.50/32 dev eth0", "addr add fd77::50/128 dev eth0 nodad"});
    net->enter_a();
    kept node;
    node.options.conflict_clear = 300ms;
    node.options.recheck = 50ms;
    node.announce_as({.repeat = 50ms, .interval = 100ms});
    node.start();
    node.take();
    REQUIRE(node.reports<conflict_seen>(2));
    CHECK(node.last<conflict_seen>().what.mac == foreign);
    CHECK_FALSE(node.last<conflict_seen>().what.peer);
    CHECK(node.subject->observed()->front().contested->mac == foreign);
    CHECK(node.count<conflict_cleared>() == 0);
    net->enter_b();
    net->ip({"addr del 10.77.0.50/32 dev eth0", "addr del fd77::50/128 dev eth0"});
    net->enter_a();
    CHECK(node.reports<conflict_cleared>(2));
    CHECK_FALSE(node.subject->observed()->front().contested);
}

TEST_CASE("vip: the kernel lets through only claims for our addresses", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_b();
    auto const foreign = mac_here("eth0");
    boost::asio::io_context io;
    neighbourhood speaker{io, {}, [](claim const&) {}};
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    auto const speaking = test::link_here(*talk, "eth0");
    net->enter_a();
    std::vector<claim> heard;
    neighbourhood listener{io, {vip4, vip6}, [&](claim const& said) { heard.push_back(said); }};
    auto own_talk = netlink_conversation::open(NETLINK_ROUTE);
    auto const listening = test::link_here(*own_talk, "eth0");
    REQUIRE(listener.listen(listening, ip_family::v4));
    REQUIRE(listener.listen(listening, ip_family::v6));
    net->enter_b();
    for (auto const* const other : {"10.77.0.51", "fd77::51", "10.77.0.2"})
        REQUIRE(speaker.announce(ip(other), speaking));
    REQUIRE(speaker.probe(vip4, speaking));
    REQUIRE(speaker.probe(vip6, speaking));
    REQUIRE(speaker.announce(vip4, speaking));
    REQUIRE(speaker.announce(vip6, speaking));
    net->enter_a();
    CHECK(eventually([&] { return heard.size() >= 3; }, &io));
    CHECK(std::count(heard.begin(), heard.end(), claim{vip4, foreign}) == 2);
    CHECK(std::count(heard.begin(), heard.end(), claim{vip6, foreign}) == 1);
    CHECK(heard.size() == 3);
}

} // namespace tasuki::vip
