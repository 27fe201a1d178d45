#include "bytes.hpp"
#include "tasuki/vip/rtnetlink.hpp"
#include "tasuki/vip/sockdiag.hpp"

#include <catch2/catch.hpp>

#include <bit>
#include <limits>
#include <random>

namespace tasuki::vip {
namespace {

using test::hex;
using test::ip;
using test::prefix;

// The golden bytes below are those of a little-endian machine; netlink follows the machine.
constexpr bool little = std::endian::native == std::endian::little;

/// What the kernel would show of an address that was added by `request`.
observed_address shown(byte_string const& request) {
    byte_view rest{request};
    auto const part = take_message(rest);
    REQUIRE(part);
    auto const seen = parse_notice(*part);
    REQUIRE(seen);
    REQUIRE(std::holds_alternative<address_seen>(*seen));
    return std::get<address_seen>(*seen).address;
}

} // namespace

TEST_CASE("vip: an addition names local, address, flags, lifetime and tag", "[vip]") {
    if (!little)
        return;
    CHECK(hex(add_message({prefix("10.77.0.50/32"), 2, 2, address_tag})) ==
          "4c 00 00 00 14 00 05 05 00 00 00 00 00 00 00 00 " // length, RTM_NEWADDR, flags
          "02 20 00 00 02 00 00 00 "                         // IPv4, /32, universe, link 2
          "08 00 02 00 0a 4d 00 32 "                         // IFA_LOCAL
          "08 00 01 00 0a 4d 00 32 "                         // IFA_ADDRESS
          "08 00 08 00 00 00 00 00 "                         // IFA_FLAGS
          "14 00 06 00 02 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00 " // IFA_CACHEINFO
          "05 00 0b 00 74 00 00 00");                                    // IFA_PROTO
}

TEST_CASE("vip: an IPv6 addition skips duplicate detection and is never preferred", "[vip]") {
    if (!little)
        return;
    CHECK(hex(add_message({prefix("fd77::50/128"), 3, forever_s, address_tag})) ==
          "64 00 00 00 14 00 05 05 00 00 00 00 00 00 00 00 0a 80 00 00 03 00 00 00 "
          "14 00 02 00 fd 77 00 00 00 00 00 00 00 00 00 00 00 00 00 50 "
          "14 00 01 00 fd 77 00 00 00 00 00 00 00 00 00 00 00 00 00 50 "
          "08 00 08 00 02 00 00 00 "
          "14 00 06 00 00 00 00 00 ff ff ff ff 00 00 00 00 00 00 00 00 "
          "05 00 0b 00 74 00 00 00");
}

TEST_CASE("vip: a deletion names both local and address", "[vip]") {
    if (!little)
        return;
    CHECK(hex(delete_message(prefix("10.77.0.50/32"), 2)) ==
          "28 00 00 00 15 00 05 00 00 00 00 00 00 00 00 00 02 20 00 00 02 00 00 00 "
          "08 00 02 00 0a 4d 00 32 08 00 01 00 0a 4d 00 32");
}

TEST_CASE("vip: an address message is read back as what it says", "[vip]") {
    auto const v4 = shown(add_message({prefix("10.77.0.50/24"), 2, 9, address_tag}));
    CHECK(v4 == observed_address{prefix("10.77.0.50/24"), 2, address_tag, 9, false});
    auto const v6 = shown(add_message({prefix("fd77::50/128"), 3, forever_s, 5}));
    CHECK(v6 == observed_address{prefix("fd77::50/128"), 3, 5, forever_s, false});
}

TEST_CASE("vip: a sequence number is stamped into a finished message", "[vip]") {
    auto message = delete_message(prefix("10.77.0.50/32"), 2);
    stamp_sequence(message, 4711);
    byte_view rest{message};
    auto const part = take_message(rest);
    REQUIRE(part);
    CHECK(part->sequence == 4711);
    CHECK(rest.empty());
}

TEST_CASE("vip: messages and attributes with impossible lengths end the walk", "[vip]") {
    auto message = delete_message(prefix("10.77.0.50/32"), 2);
    for (unsigned const length : {0U, 15U, 41U, 255U}) {
        message[0] = static_cast<std::byte>(length);
        byte_view rest{message};
        CHECK_FALSE(take_message(rest));
        CHECK(rest.empty());
    }
    std::array<std::byte, 4> const tiny{std::byte{3}, std::byte{0}, std::byte{1}, std::byte{0}};
    byte_view rest{tiny};
    CHECK_FALSE(take_attribute(rest));
    CHECK(rest.empty());
}

TEST_CASE("vip: the notice parser takes any bytes", "[vip]") {
    std::mt19937 random{11};
    auto const seeds = {add_message({prefix("10.77.0.50/32"), 2, 2, address_tag}),
                        add_message({prefix("fd77::50/128"), 3, forever_s, address_tag}),
                        list_links_message()};
    std::size_t read = 0;
    for (int round = 0; round < 20000; ++round)
        for (auto bytes : seeds) {
            bytes.resize(random() % (bytes.size() + 8));
            for (int change = 0; change < 4 && !bytes.empty(); ++change)
                bytes[random() % bytes.size()] = static_cast<std::byte>(random() & 0xffU);
            byte_view rest{bytes};
            while (auto const part = take_message(rest)) {
                read += parse_notice(*part) ? 1U : 0U;
                read += acknowledged(*part) ? 1U : 0U;
                read += destroy_message(transport::tcp, *part) ? 1U : 0U;
            }
        }
    CHECK(read > 0);
}

TEST_CASE("vip: an acknowledgement of any number is an errno, zero or not", "[vip]") {
    auto const answer = [](std::int32_t error) {
        netlink_message message{2, 0}; // NLMSG_ERROR
        message.body(bytes_of(error));
        auto const bytes = std::move(message).take();
        byte_view rest{bytes};
        return acknowledged(*take_message(rest));
    };
    CHECK(answer(0) == 0);
    CHECK(answer(-17) == 17);
    // No errno of any kernel, and no number that can be negated.
    CHECK(answer(std::numeric_limits<std::int32_t>::min()) > 0);
}

TEST_CASE("vip: sockets are asked for by local address, any of several", "[vip]") {
    if (!little)
        return;
    auto const message =
        list_sockets_message({transport::tcp, ip_family::v4}, {ip("10.77.0.50"), ip("10.77.0.51")});
    auto const text = hex(message);
    // SOCK_DIAG_BY_FAMILY, request and dump; IPv4, TCP, all states but listen, closed, time-wait.
    CHECK(text.substr(0, 24 * 3 - 1) == "70 00 00 00 14 00 01 03 00 00 00 00 00 00 00 00 "
                                        "02 06 00 00 3e 1b 00 00");
    // Condition, jump to the end; condition that runs beyond the end if it is not met.
    CHECK(text.substr(72 * 3) == "28 00 01 00 "
                                 "07 10 14 00 02 20 00 00 ff ff ff ff 0a 4d 00 32 "
                                 "01 04 14 00 "
                                 "07 10 14 00 02 20 00 00 ff ff ff ff 0a 4d 00 33");
    // TCPDIAG_GETSOCK: of both families at once, in an older form without a protocol.
    auto const both = hex(list_sockets_message({transport::tcp, {}}, {ip("10.77.0.50")}));
    CHECK(both.substr(0, 20 * 3 - 1) == "60 00 00 00 12 00 01 03 00 00 00 00 00 00 00 00 "
                                        "00 00 00 00");
    CHECK(both.substr(68 * 3, 12 * 3) == "3e 1b 00 00 00 00 00 00 14 00 01 00 ");
}

} // namespace tasuki::vip
