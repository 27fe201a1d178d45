#include "bytes.hpp"
#include "tasuki/vip/gate.hpp"
#include "tasuki/vip/rtnetlink.hpp"

#include <catch2/catch.hpp>

#include <bit>
#include <random>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::hex;
using test::ip;

// The golden bytes below are those of a little-endian machine; netlink follows the machine.
constexpr bool little = std::endian::native == std::endian::little;

netlink_part only_part(byte_string const& message) {
    byte_view rest{message};
    auto const part = take_message(rest);
    REQUIRE(part);
    return *part;
}

netlink_part notice_of(byte_string& message, std::uint16_t type) {
    message[4] = static_cast<std::byte>(type);
    return only_part(message);
}

} // namespace

TEST_CASE("vip: the gate knows IPv4 addresses as mapped ones", "[vip][gate]") {
    CHECK(hex(key_of(ip("10.77.0.50"))) == "00 00 00 00 00 00 00 00 00 00 ff ff 0a 4d 00 32");
    CHECK(hex(key_of(ip("fd77::50"))) == "fd 77 00 00 00 00 00 00 00 00 00 00 00 00 00 50");
    CHECK(key_of(ip("10.77.0.50")) == key_of(ip("::ffff:10.77.0.50")));
}

TEST_CASE("vip: an entry counts nanoseconds, and zero is closed", "[vip][gate]") {
    CHECK(value_of(gate_times{}) == gate_value{0, 0});
    CHECK(value_of(open_until(instant{2s})) == gate_value{2'000'000'000, 2'000'000'000});
    CHECK(value_of(only_leaving_until(instant{1us})) == gate_value{0, 1000});
    CHECK(value_of(open_until(never))[0] > value_of(open_until(instant{24h * 365 * 200}))[0]);
    CHECK(value_of(open_until(instant{-1s})) == gate_value{0, 0}); // not "for centuries"
    for (auto const& times :
         {gate_times{}, open_until(never), gate_times{instant{1s}, instant{2s}}})
        CHECK(times_of(value_of(times)) == times);
}

TEST_CASE("vip: the filter stands first, under our handle, for all protocols", "[vip][gate]") {
    if (!little)
        return;
    CHECK(hex(gate_message(3, gate_side::arriving, 9)) ==
          "50 00 00 00 2c 00 05 04 00 00 00 00 00 00 00 00 " // length, RTM_NEWTFILTER, create
          "00 00 00 00 03 00 00 00 74 00 00 00 "             // link 3, handle
          "f2 ff ff ff 00 03 01 00 "                         // ingress of clsact, ETH_P_ALL, first
          "08 00 01 00 62 70 66 00 "                         // TCA_KIND "bpf"
          "24 00 02 00 08 00 06 00 09 00 00 00 "             // TCA_OPTIONS, TCA_BPF_FD
          "10 00 07 00 74 61 73 75 6b 69 5f 67 61 74 65 00 " // TCA_BPF_NAME
          "08 00 08 00 01 00 00 00");                        // TCA_BPF_FLAGS: direct action
    CHECK(hex(gate_removal_message(3, gate_side::leaving)) ==
          "2c 00 00 00 2d 00 05 00 00 00 00 00 00 00 00 00 "
          "00 00 00 00 03 00 00 00 74 00 00 00 f3 ff ff ff 00 03 01 00 "
          "08 00 01 00 62 70 66 00");
    CHECK(hex(clsact_message(3)) == "30 00 00 00 24 00 05 06 00 00 00 00 00 00 00 00 "
                                    "00 00 00 00 03 00 00 00 00 00 ff ff f1 ff ff ff 00 00 00 00 "
                                    "0b 00 01 00 63 6c 73 61 63 74 00 00");
}

TEST_CASE("vip: a gate that somebody has taken away is noticed, other filters are not",
          "[vip][gate]") {
    if (!little)
        return;
    constexpr std::uint16_t qdisc_gone = 37;
    constexpr std::uint16_t filter_gone = 45;
    auto filter = gate_removal_message(3, gate_side::leaving);
    CHECK(parse_gate_loss(notice_of(filter, filter_gone)) == 3U);
    CHECK_FALSE(parse_gate_loss(notice_of(filter, 44))); // a new one
    auto other = filter;
    other[24] = std::byte{1}; // another handle
    CHECK_FALSE(parse_gate_loss(notice_of(other, filter_gone)));
    other = filter;
    other[34] = std::byte{2}; // another priority
    CHECK_FALSE(parse_gate_loss(notice_of(other, filter_gone)));
    other[24] = other[34] = std::byte{0}; // everything
    CHECK(parse_gate_loss(notice_of(other, filter_gone)) == 3U);
    auto qdisc = clsact_message(5);
    CHECK(parse_gate_loss(notice_of(qdisc, qdisc_gone)) == 5U);
    qdisc[28] = qdisc[29] = qdisc[30] = qdisc[31] = std::byte{0xff}; // the root qdisc
    CHECK_FALSE(parse_gate_loss(notice_of(qdisc, qdisc_gone)));
}

TEST_CASE("vip: clsact is told from the ingress qdisc in its place", "[vip][gate]") {
    if (!little)
        return;
    auto message = clsact_message(5);
    auto found = parse_ingress_qdisc(only_part(message));
    REQUIRE(found);
    CHECK(found->link == 5);
    CHECK(found->is_clsact);
    message[41] = std::byte{'x'};
    found = parse_ingress_qdisc(only_part(message));
    REQUIRE(found);
    CHECK_FALSE(found->is_clsact);
    message[28] = std::byte{0}; // it hangs elsewhere
    CHECK_FALSE(parse_ingress_qdisc(only_part(message)));
}

TEST_CASE("vip: what a bridge says of its ports is no news of links", "[vip][gate]") {
    constexpr std::uint16_t link_gone_type = 17;
    auto message = list_links_message();
    message[4] = std::byte{16}; // RTM_NEWLINK
    message[20] = std::byte{9}; // its number
    REQUIRE(parse_notice(only_part(message)));
    CHECK(parse_notice(notice_of(message, link_gone_type)));
    message[16] = std::byte{7}; // AF_BRIDGE
    CHECK_FALSE(parse_notice(only_part(message)));
    CHECK_FALSE(parse_notice(notice_of(message, link_gone_type)));
}

TEST_CASE("vip: the parsers of the gate take any bytes", "[vip][gate]") {
    std::mt19937 random{20};
    std::uniform_int_distribution<unsigned> octet{0, 255};
    for (int turn = 0; turn < 20000; ++turn) {
        byte_string bytes(octet(random) % 64);
        for (auto& each : bytes)
            each = static_cast<std::byte>(octet(random));
        netlink_part part{.type = static_cast<std::uint16_t>(octet(random) % 64), .payload = bytes};
        (void)parse_gate_loss(part);
        (void)parse_ingress_qdisc(part);
    }
    SUCCEED();
}

} // namespace tasuki::vip
