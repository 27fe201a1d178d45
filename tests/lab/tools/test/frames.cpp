#include "observer/frames.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::lab;

namespace {

constexpr std::uint16_t echo_id = 0x1234;

probe_identity client() {
    return {mac_address::parse("02:77:00:00:00:64").value(),
            ip_address::parse("10.77.0.100").value(), ip_address::parse("10.77.0.50").value(),
            echo_id};
}

mac_address holder() {
    return mac_address::parse("02:77:00:00:00:01").value();
}

byte_string bytes(std::initializer_list<int> values) {
    byte_string out;
    for (int const value : values)
        out.push_back(static_cast<std::byte>(value));
    return out;
}

byte_string arp_from_holder(int operation, int target_last) {
    return bytes({0x02, 0x77, 0, 0, 0, 0x64,      0x02, 0x77, 0, 0,          0, 1, 8,  6,  0, 1,
                  8,    0,    6, 4, 0, operation, 0x02, 0x77, 0, 0,          0, 1, 10, 77, 0, 50,
                  0x02, 0x77, 0, 0, 0, 0x64,      10,   77,   0, target_last});
}

byte_string echo_reply_from_holder(int id_high, int id_low) {
    return bytes({0x02, 0x77, 0,  0,  0, 0x64, 0x02, 0x77, 0,  0, 0,       1,      8,  0,
                  0x45, 0,    0,  28, 0, 0,    0,    0,    64, 1, 0,       0,      10, 77,
                  0,    50,   10, 77, 0, 100,  0,    0,    0,  0, id_high, id_low, 0,  7});
}

} // namespace

TEST_CASE("the question asks everybody who has the watched address") {
    CHECK(arp_request(client()) ==
          bytes({255, 255, 255, 255, 255, 255, 0x02, 0x77, 0,    0,    0,  0x64, 8, 6,
                 0,   1,   8,   0,   6,   4,   0,    1,    0x02, 0x77, 0,  0,    0, 0x64,
                 10,  77,  0,   100, 0,   0,   0,    0,    0,    0,    10, 77,   0, 50}));
}

TEST_CASE("the echo request has correct checksums") {
    auto const frame = echo_request(client(), holder(), 7);
    CHECK(frame == bytes({0x02, 0x77, 0,  0,  0, 1,  0x02, 0x77, 0,    0,    0,    0x64, 8,  0,
                          0x45, 0,    0,  28, 0, 0,  0x40, 0,    64,   1,    0x25, 0xb2, 10, 77,
                          0,    100,  10, 77, 0, 50, 8,    0,    0xe5, 0xc4, 0x12, 0x34, 0,  7}));
}

TEST_CASE("a reply to our question is an answer of its sender") {
    auto const seen = read_frame(client(), arp_from_holder(2, 100));
    CHECK(seen == sighting{holder(), sighting_kind::arp_answer});
}

TEST_CASE("an announcement is no answer, in request or reply form") {
    for (int const operation : {1, 2})
        CHECK(read_frame(client(), arp_from_holder(operation, 50)) ==
              sighting{holder(), sighting_kind::announcement});
}

TEST_CASE("a reply that was meant for somebody else is nothing") {
    CHECK_FALSE(read_frame(client(), arp_from_holder(2, 99)));
}

TEST_CASE("an echo reply with our id is an answer of the MAC that sent it") {
    CHECK(read_frame(client(), echo_reply_from_holder(0x12, 0x34)) ==
          sighting{holder(), sighting_kind::echo_answer});
    CHECK_FALSE(read_frame(client(), echo_reply_from_holder(0x12, 0x35)));
}

TEST_CASE("a frame cut short at any length is nothing") {
    for (auto const& whole : {arp_from_holder(2, 100), echo_reply_from_holder(0x12, 0x34)})
        for (std::size_t length = 0; length < 40; ++length)
            CHECK_FALSE(read_frame(client(), byte_view{whole}.first(length)));
}
