#include "tasuki/guard/estate.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::guard;

TEST_CASE("estate: what a guardian leaves is read as it was written", "[guard]") {
    estate whole{3, 4, 5, 6, -1, {std::byte{1}, std::byte{2}}};
    CHECK(decode_estate(encode(whole)).value() == whole);
    estate alone{.listener = 3};
    CHECK(decode_estate(encode(alone)).value() == alone);
}

TEST_CASE("estate: what is not whole is refused", "[guard]") {
    estate const whole{3, 4, 5, 6, 7, {std::byte{1}, std::byte{2}}};
    auto const bytes = encode(whole);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK_FALSE(decode_estate(byte_view{bytes}.first(size)).has_value());
    auto longer = bytes;
    longer.push_back(std::byte{0});
    CHECK_FALSE(decode_estate(longer).has_value());
    CHECK_FALSE(decode_estate(encode(estate{})).has_value()); // no listener
    CHECK_FALSE(decode_estate(encode(estate{.listener = 3, .agent_socket = 4})).has_value());
}
