#include "tasuki/balancer/estate_io.hpp"

#include <catch2/catch.hpp>

namespace tasuki::balancer {

namespace {

estate some() {
    estate out;
    out.doors = {{*endpoint::parse("10.77.0.60:80"), 7}};
    out.rosters.resize(1);
    out.rosters[0].pool = "db";
    out.rosters[0].standing.master = "db1";
    out.sessions.resize(2);
    out.sessions[0].client = 8;
    out.sessions[0].server = 9;
    out.sessions[1].client = 10; // it has no server yet
    return out;
}

} // namespace

TEST_CASE("what a balancer leaves is read back by the next", "[balancer][estate]") {
    auto left = some();
    auto const read = decode_estate(encode(left));
    REQUIRE(read.has_value());
    CHECK(read->doors.at(0).at == left.doors[0].at);
    CHECK(read->rosters.at(0).pool == "db");
    CHECK(read->rosters.at(0).standing == left.rosters[0].standing);
    CHECK(read->descriptors() == std::vector{7, 8, 9, 10, -1});
}

TEST_CASE("what a program of another form has left is not taken", "[balancer][estate]") {
    auto left = some();
    auto bytes = encode(left);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK_FALSE(decode_estate(byte_view{bytes}.first(size)).has_value());
    bytes[7] ^= std::byte{1};
    CHECK_FALSE(decode_estate(bytes).has_value());
}

} // namespace tasuki::balancer
