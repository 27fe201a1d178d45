#include "bytes.hpp"
#include "tasuki/vip/frames.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace tasuki::vip {
namespace {

using test::hex;
using test::ip;
using test::mac;

auto const own = mac("02:00:00:00:00:0a");
auto const vip4 = ip("10.77.0.50");
auto const vip6 = ip("fd77::50");

} // namespace

TEST_CASE("vip: a gratuitous ARP request names the address as sender and as target", "[vip]") {
    CHECK(hex(encode(gratuitous_request(vip4, own))) ==
          "ff ff ff ff ff ff 02 00 00 00 00 0a 08 06 00 01 08 00 06 04 00 01 "
          "02 00 00 00 00 0a 0a 4d 00 32 00 00 00 00 00 00 0a 4d 00 32");
}

TEST_CASE("vip: a gratuitous ARP reply carries our MAC as target too", "[vip]") {
    CHECK(hex(encode(gratuitous_reply(vip4, own))) ==
          "ff ff ff ff ff ff 02 00 00 00 00 0a 08 06 00 01 08 00 06 04 00 02 "
          "02 00 00 00 00 0a 0a 4d 00 32 02 00 00 00 00 0a 0a 4d 00 32");
}

TEST_CASE("vip: an ARP probe has no sender address", "[vip]") {
    CHECK(hex(encode(arp_probe(vip4, own))) ==
          "ff ff ff ff ff ff 02 00 00 00 00 0a 08 06 00 01 08 00 06 04 00 01 "
          "02 00 00 00 00 0a 00 00 00 00 00 00 00 00 00 00 0a 4d 00 32");
}

TEST_CASE("vip: an unsolicited advertisement overrides and carries the link address", "[vip]") {
    // Sum of pseudo header and body by hand: fd77+0050 + ff02+0001 + 0020+003a + 8800 + 2000 +
    // fd77+0050 + 0201+0200+0000+000a, folded and inverted.
    CHECK(hex(encode(unsolicited_advertisement(vip6, own))) ==
          "33 33 00 00 00 01 02 00 00 00 00 0a 86 dd 60 00 00 00 00 20 3a ff "
          "fd 77 00 00 00 00 00 00 00 00 00 00 00 00 00 50 "
          "ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01 "
          "88 00 59 06 20 00 00 00 fd 77 00 00 00 00 00 00 00 00 00 00 00 00 00 50 "
          "02 01 02 00 00 00 00 0a");
}

TEST_CASE("vip: a neighbour probe asks the solicited-node group from nowhere", "[vip]") {
    auto const probe = neighbour_probe(ip("fd77::ab12:3456"), own);
    CHECK(probe.destination == mac("33:33:ff:12:34:56"));
    CHECK(probe.receiver == ip("ff02::1:ff12:3456"));
    CHECK(probe.sender == ip("::"));
    CHECK_FALSE(probe.link_address.has_value());
    CHECK(encode(probe).size() == 14 + 40 + 24);
}

TEST_CASE("vip: what is encoded is parsed to the same", "[vip]") {
    for (auto const& frame :
         {gratuitous_request(vip4, own), gratuitous_reply(vip4, own), arp_probe(vip4, own)})
        CHECK(parse_arp(encode(frame)) == frame);
    for (auto const& frame : {unsolicited_advertisement(vip6, own), neighbour_probe(vip6, own)})
        CHECK(parse_neighbour(encode(frame)) == frame);
}

TEST_CASE("vip: a frame cut at any length is no frame, padding behind it is allowed", "[vip]") {
    auto const arp = encode(gratuitous_request(vip4, own));
    auto const advert = encode(unsolicited_advertisement(vip6, own));
    for (std::size_t length = 0; length < arp.size(); ++length)
        CHECK_FALSE(parse_arp(byte_view{arp}.first(length)));
    for (std::size_t length = 0; length < advert.size(); ++length)
        CHECK_FALSE(parse_neighbour(byte_view{advert}.first(length)));
    auto padded = arp;
    padded.resize(60);
    CHECK(parse_arp(padded));
}

TEST_CASE("vip: an advertisement with any one bit wrong in its body is refused", "[vip]") {
    auto const whole = encode(unsolicited_advertisement(vip6, own));
    for (std::size_t bit = 22 * 8; bit < whole.size() * 8; ++bit) {
        auto broken = whole;
        broken[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        CHECK_FALSE(parse_neighbour(broken));
    }
}

TEST_CASE("vip: a hop limit below 255 did not come from a neighbour", "[vip]") {
    auto routed = encode(unsolicited_advertisement(vip6, own));
    routed[21] = std::byte{254};
    CHECK_FALSE(parse_neighbour(routed));
}

TEST_CASE("vip: an option of length zero does not loop", "[vip]") {
    auto frame = unsolicited_advertisement(vip6, own);
    auto bytes = encode(frame);
    bytes[79] = std::byte{0};
    // The unit count moved by one: correct the checksum so that the option itself is judged.
    auto const sum = std::to_integer<unsigned>(bytes[57]) + 1;
    bytes[57] = static_cast<std::byte>(sum);
    CHECK_FALSE(parse_neighbour(bytes));
}

TEST_CASE("vip: replies and advertisements claim, probes do not", "[vip]") {
    CHECK(claim_of(encode(gratuitous_request(vip4, own))) == claim{vip4, own});
    CHECK(claim_of(encode(gratuitous_reply(vip4, own))) == claim{vip4, own});
    CHECK(claim_of(encode(unsolicited_advertisement(vip6, own))) == claim{vip6, own});
    CHECK_FALSE(claim_of(encode(arp_probe(vip4, own))));
    CHECK_FALSE(claim_of(encode(neighbour_probe(vip6, own))));
}

TEST_CASE("vip: an advertisement without a link address claims for its Ethernet source", "[vip]") {
    auto bare = unsolicited_advertisement(vip6, own);
    bare.link_address.reset();
    CHECK(claim_of(encode(bare)) == claim{vip6, own});
}

TEST_CASE("vip: a solicitation from an address claims that address, not its target", "[vip]") {
    auto asks = neighbour_probe(ip("fd77::1"), own);
    asks.sender = vip6;
    asks.link_address = mac("02:00:00:00:00:0b");
    CHECK(claim_of(encode(asks)) == claim{vip6, mac("02:00:00:00:00:0b")});
}

TEST_CASE("vip: the frame parsers take any bytes", "[vip]") {
    std::mt19937 random{7};
    auto const seeds = {encode(gratuitous_request(vip4, own)),
                        encode(unsolicited_advertisement(vip6, own)),
                        encode(neighbour_probe(vip6, own))};
    std::size_t accepted = 0;
    for (int round = 0; round < 20000; ++round)
        for (auto bytes : seeds) {
            bytes.resize(random() % (bytes.size() + 20));
            for (int change = 0; change < 3 && !bytes.empty(); ++change)
                bytes[random() % bytes.size()] = static_cast<std::byte>(random() & 0xffU);
            accepted += claim_of(bytes).has_value() ? 1U : 0U;
        }
    CHECK(accepted > 0);
    CHECK(accepted < 60000);
}

} // namespace tasuki::vip
