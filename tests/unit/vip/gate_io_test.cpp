// The gate in the kernel: what it lets through and what not, link by link and frame by frame.
#include "any_gate_io.hpp"

#include <algorithm>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::answers;
using test::closed;
using test::echo_frame;
using test::eventually;
using test::guarded;
using test::ip;
using test::is_silent;
using test::mac;
using test::only_arriving;
using test::only_leaving;
using test::open;
using test::vip4;
using test::vip6;

/// What "b" hears within a moment after it has said `question`.
template<class Wanted>
bool hears(test::speaker& mouth, byte_view question, bool expected, Wanted const& wanted) {
    test::sniffer ear;
    mouth.say(question);
    return eventually(
        [&] {
            auto const& frames = ear.frames();
            return std::any_of(frames.begin(), frames.end(), wanted);
        },
        nullptr, test::patience(expected));
}

} // namespace

TEST_CASE("vip: packets to and from an address pass an open gate and no closed one",
          "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    node->know_neighbours();
    for (auto const address : {vip4, vip6}) {
        INFO(address);
        CHECK(answers(address)); // without an entry it is nobody's business
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
        node->subject->forget(ip(address));
        CHECK(answers(address));
    }
    node->set(closed);
    CHECK(answers("10.77.0.1")); // other addresses of the node are not touched
    CHECK(answers("fd77::1"));
}

TEST_CASE("vip: neighbours that ask for an address hear nothing through a closed gate",
          "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    test::speaker mouth;
    auto const arp = encode(arp_frame{mac("ff:ff:ff:ff:ff:ff"), node->mac_b, arp_operation::request,
                                      node->mac_b, ip("10.77.0.2"), mac_address{}, ip(vip4)});
    auto solicitation = neighbour_probe(ip(vip6), node->mac_b);
    solicitation.sender = ip("fd77::2");
    solicitation.link_address = node->mac_b;
    auto const asked = encode(solicitation);
    auto const claims = [](std::string_view address) {
        return [address](byte_string const& frame) {
            auto const said = claim_of(frame);
            return said && said->address == ip(address);
        };
    };
    auto const hear_both = [&](bool expected) {
        return std::pair{hears(mouth, arp, expected, claims(vip4)),
                         hears(mouth, asked, expected, claims(vip6))};
    };
    CHECK(hear_both(true) == std::pair{true, true});
    node->set(open);
    CHECK(hear_both(true) == std::pair{true, true});
    for (auto const& shut : {closed, only_arriving, only_leaving}) {
        node->set(shut);
        CHECK(hear_both(false) == std::pair{false, false});
    }
}

TEST_CASE("vip: what a node says on its own from a closed address does not leave", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    auto const& own = node->mac_a;
    std::vector<byte_string> const from_address{
        encode(gratuitous_request(ip(vip4), own)),
        encode(gratuitous_reply(ip(vip4), own)),
        encode(unsolicited_advertisement(ip(vip6), own)),
        echo_frame(own, node->mac_b, vip4, "10.77.0.2"),
        echo_frame(own, node->mac_b, vip6, "fd77::2"),
    };
    std::vector<byte_string> const others{
        encode(arp_probe(ip(vip4), own)), // asks, and claims nothing
        encode(neighbour_probe(ip(vip6), own)),
        echo_frame(own, node->mac_b, "10.77.0.1", vip4), // towards another holder
        echo_frame(own, node->mac_b, "fd77::1", vip6),
        encode(gratuitous_request(ip("10.77.0.51"), own)),
    };
    test::sniffer ear; // in "b"
    node->net->enter_a();
    test::speaker mouth;
    auto const arrived = [&](byte_string const& frame, bool expected) {
        auto const before = ear.count(frame);
        mouth.say(frame);
        return eventually([&] { return ear.count(frame) > before; }, nullptr,
                          test::patience(expected));
    };
    for (auto const& frame : from_address) {
        INFO(test::hex(frame));
        node->set(open);
        CHECK(arrived(frame, true));
        node->set(closed);
        CHECK_FALSE(arrived(frame, false));
    }
    for (auto const& frame : others) {
        INFO(test::hex(frame));
        CHECK(arrived(frame, true));
    }
}

TEST_CASE("vip: tags in a frame do not hide an address from the gate", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    auto const& own = node->mac_a;
    std::vector<byte_string> const from_address{
        encode(gratuitous_request(ip(vip4), own)),
        encode(unsolicited_advertisement(ip(vip6), own)),
        echo_frame(own, node->mac_b, vip4, "10.77.0.2"),
        echo_frame(own, node->mac_b, vip6, "fd77::2"),
    };
    test::sniffer ear; // in "b"
    node->net->enter_a();
    test::speaker mouth;
    // The receiver keeps the outer tag beside the frame; what is behind it has to be there.
    auto const arrived = [&](byte_string const& frame, bool expected) {
        auto const behind = byte_view{frame}.subspan(16);
        auto const number = ear.frames().size();
        mouth.say(frame);
        return eventually(
            [&] {
                auto const& all = ear.frames();
                return std::any_of(all.begin() + static_cast<std::ptrdiff_t>(number), all.end(),
                                   [&](byte_string const& seen) {
                                       return seen.size() + 4 == frame.size() &&
                                              std::equal(behind.begin(), behind.end(),
                                                         seen.begin() + 12);
                                   });
            },
            nullptr, test::patience(expected));
    };
    for (auto const& frame : from_address)
        for (auto const& tags : {std::vector<std::uint16_t>{7}, {7, 8}}) {
            auto const whole = test::tagged(frame, tags);
            INFO(test::hex(whole));
            node->set(open);
            CHECK(arrived(whole, true));
            node->set(closed);
            CHECK_FALSE(arrived(whole, false));
        }
}

TEST_CASE("vip: the gate finds addresses behind the tags of frames that arrive", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    test::speaker mouth; // in "b"
    node->net->enter_a();
    std::vector<byte_string> const towards{
        echo_frame(node->mac_b, node->mac_a, "10.77.0.2", vip4),
        echo_frame(node->mac_b, node->mac_a, "fd77::2", vip6),
        encode(arp_frame{mac("ff:ff:ff:ff:ff:ff"), node->mac_b, arp_operation::request, node->mac_b,
                         ip("10.77.0.2"), mac_address{}, ip(vip4)}),
        encode(neighbour_probe(ip(vip6), node->mac_b)),
    };
    std::vector<byte_string> const of_others{
        encode(gratuitous_request(ip(vip4), node->mac_b)),
        echo_frame(node->mac_b, mac("02:00:00:00:00:fd"), "10.77.0.2", vip4), // switched onwards
    };
    auto const drops = [&](byte_string const& frame, bool expected) {
        auto const before = test::drops_of("eth0");
        mouth.say(frame);
        return eventually([&] { return test::drops_of("eth0") > before; }, nullptr,
                          test::patience(expected));
    };
    // The kernel takes the outer tag off before the gate looks: it sees none, one, and two.
    for (auto const& tags : {std::vector<std::uint16_t>{7}, {7, 8}, {7, 8, 9}}) {
        for (auto const& frame : towards) {
            auto const whole = test::tagged(frame, tags);
            INFO(test::hex(whole));
            node->set(open);
            CHECK_FALSE(drops(whole, false));
            node->set(closed);
            CHECK(drops(whole, true));
        }
        for (auto const& frame : of_others)
            CHECK_FALSE(drops(test::tagged(frame, tags), false));
    }
    for (auto const& frame : of_others)
        CHECK_FALSE(drops(frame, false));
}

TEST_CASE("vip: the node itself cannot use a closed address either, on lo", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    test::obeys_itself(*node);
}

TEST_CASE("vip: links without Ethernet are guarded too", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    node->net->enter_a();
    test::tunnel far{"bare"};
    node->net->ip({"link set bare up", "addr add 10.79.0.1/24 dev bare",
                   "addr add fd79::1/64 dev bare nodad"});
    node->put_up();
    for (auto const& [source, address] : {std::pair{"10.79.0.2", vip4}, {"fd79::2", vip6}}) {
        INFO(address);
        auto const question = test::echo_packet(ip(source), ip(address));
        auto const answered = [&](bool expected) { return far.echoes(question, expected); };
        CHECK(answered(true));
        for (auto const& shut : {only_arriving, only_leaving}) {
            node->set(shut);
            CHECK_FALSE(answered(false));
        }
        node->set(open);
        CHECK(answered(true));
    }
}

} // namespace tasuki::vip
