#include "tasuki/guard/orders.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace tasuki;
using namespace tasuki::guard;

namespace {

byte_string bytes_of(std::size_t count, int first) {
    byte_string out;
    for (std::size_t place = 0; place < count; ++place)
        out.push_back(static_cast<std::byte>(first + static_cast<int>(place)));
    return out;
}

datagram datagram_to(std::string_view from, std::string_view to, std::size_t size) {
    return {ip_address::parse(from).value(), endpoint::parse(to).value(), bytes_of(size, 7)};
}

orders full() {
    orders out;
    out.serial = 42;
    out.end_server = true;
    out.falls_silent = true;
    out.listings = {bytes_of(92, 3)};
    out.requests = {bytes_of(16, 1), bytes_of(44, 2)};
    out.datagrams = {datagram_to("10.77.0.1", "10.77.0.2:7800", 138),
                     datagram_to("fd00::1", "[fd00::2]:7800", 1200)};
    return out;
}

std::string trouble_of(byte_view bytes) {
    auto const got = decode_orders(bytes);
    return got ? std::string{} : got.error().text;
}

} // namespace

TEST_CASE("guard: orders arrive as they were given", "[guard]") {
    CHECK(decode_orders(encode(full())).value() == full());
    CHECK(decode_orders(encode(orders{})).value() == orders{});
}

TEST_CASE("guard: orders that are cut off, longer or of another form are refused", "[guard]") {
    auto const whole = encode(full());
    for (std::size_t length = 0; length < whole.size(); ++length)
        REQUIRE_FALSE(trouble_of(byte_view{whole}.first(length)).empty());
    auto longer = whole;
    longer.push_back(std::byte{0});
    CHECK(trouble_of(longer).find("bytes after its end") != std::string::npos);
    auto other = whole;
    other[5] = std::byte{9};
    CHECK(trouble_of(other).find("same version") != std::string::npos);
}

TEST_CASE("guard: a datagram longer than any that is sent is refused", "[guard]") {
    auto longer = encode(full());
    auto const size_at = longer.end() - 1200 - 2;
    REQUIRE(size_at[0] == std::byte{1200 / 256});
    size_at[1] = std::byte{1201 % 256};
    longer.push_back(std::byte{0});
    CHECK(trouble_of(longer).find("a datagram too long") != std::string::npos);
}

TEST_CASE("guard: no damage to orders is more than a refusal", "[guard]") {
    auto const whole = encode(full());
    for (std::size_t place = 0; place < whole.size(); ++place)
        for (int const bit : {0, 3, 7}) {
            auto damaged = whole;
            damaged[place] ^= static_cast<std::byte>(1 << bit);
            auto const got = decode_orders(damaged);
            if (got)
                REQUIRE(encode(*got).size() <= whole.size());
        }
}

TEST_CASE("guard: a request too short for the kernel, or too many, are refused", "[guard]") {
    auto one = full();
    one.requests = {bytes_of(15, 1)};
    CHECK(trouble_of(encode(one)).find("too short") != std::string::npos);
    one = full();
    one.listings = {bytes_of(15, 1)};
    CHECK(trouble_of(encode(one)).find("too short") != std::string::npos);
    for (bool const of_requests : {false, true}) {
        byte_writer many;
        many.u32(0x54534b4f);
        many.u16(2);
        many.u64(1);
        many.u8(0);
        if (of_requests)
            many.u16(0);
        many.u16((of_requests ? requests_max : listings_max) + 1);
        CHECK(trouble_of(many.view()).find("too many") != std::string::npos);
    }
}
