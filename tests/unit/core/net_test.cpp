#include "tasuki/core/net.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using Catch::Matchers::Contains;

TEST_CASE("addresses print as they are written in their shortest form", "[core][net]") {
    for (std::string const text : {"10.77.0.1", "255.255.255.255", "::", "::1", "fd00::a:1"}) {
        auto const parsed = ip_address::parse(text);
        REQUIRE(parsed.has_value());
        CHECK(parsed->to_string() == text);
    }
    CHECK(ip_address::parse("FD00:0:0:0:0:0:0:1")->to_string() == "fd00::1");
    CHECK(ip_address::parse("10.0.0.1")->size() == 4);
    CHECK(ip_address::parse("::1")->size() == 16);
    CHECK((*ip_address::parse("10.0.0.1") != *ip_address::parse("::ffff:10.0.0.1")));
}

TEST_CASE("what is no address is refused with an example", "[core][net]") {
    for (std::string const text :
         {"", "10.0.0", "10.0.0.256", "10.0.0.1 ", "db1", "::1::", "1.2.3.4.5"}) {
        auto const parsed = ip_address::parse(text);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().kind == failure::invalid);
        CHECK_THAT(parsed.error().text, Contains("\"" + text + "\"") && Contains("example"));
    }
}

TEST_CASE("a prefix without a length is a single host", "[core][net]") {
    CHECK(ip_prefix::parse("10.77.0.50")->to_string() == "10.77.0.50/32");
    CHECK(ip_prefix::parse("fd00::50")->to_string() == "fd00::50/128");
    CHECK(ip_prefix::parse("10.77.0.0/24")->to_string() == "10.77.0.0/24");
    for (std::string const text : {"10.0.0.1/33", "fd00::/129", "10.0.0.1/", "10.0.0.1/-1",
                                   "10.0.0.1/+8", "10.0.0.1/8x", "/8"})
        CHECK(ip_prefix::parse(text).has_error());
}

TEST_CASE("a prefix contains exactly the addresses that share its bits", "[core][net]") {
    auto const contains = [](char const* prefix, char const* address) {
        return ip_prefix::parse(prefix)->contains(*ip_address::parse(address));
    };
    CHECK(contains("10.77.0.5/24", "10.77.0.200"));
    CHECK_FALSE(contains("10.77.0.5/24", "10.77.1.5"));
    CHECK(contains("10.77.16.0/20", "10.77.31.255"));
    CHECK_FALSE(contains("10.77.16.0/20", "10.77.32.0"));
    CHECK(contains("10.77.0.5/32", "10.77.0.5"));
    CHECK_FALSE(contains("10.77.0.5/32", "10.77.0.4"));
    CHECK(contains("0.0.0.0/0", "203.0.113.9"));
    CHECK_FALSE(contains("0.0.0.0/0", "::1"));
    CHECK(contains("fd00::/65", "fd00::7fff:0:0:1"));
    CHECK_FALSE(contains("fd00::/65", "fd00::8000:0:0:1"));
    CHECK(contains("fd00::1/128", "fd00::1"));
}

TEST_CASE("an endpoint is an address and a port from 1 to 65535", "[core][net]") {
    CHECK(endpoint::parse("10.77.0.1:7800")->to_string() == "10.77.0.1:7800");
    CHECK(endpoint::parse("[fd00::1]:7800")->to_string() == "[fd00::1]:7800");
    CHECK(endpoint::parse(":7802")->to_string() == "0.0.0.0:7802");
    CHECK(endpoint::parse("10.0.0.1:65535")->port == 65535);
    for (std::string const text : {"10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "[]:80",
                                   "[::1:80", "db1:80", "10.0.0.1:80x", "::1:80", "[10.0.0.1]:80"})
        CHECK(endpoint::parse(text).has_error());
}

TEST_CASE("a MAC address has six bytes in hex", "[core][net]") {
    auto const parsed = mac_address::parse("02:00:5E:00:00:fF");
    REQUIRE(parsed.has_value());
    CHECK(parsed->to_string() == "02:00:5e:00:00:ff");
    CHECK(parsed->is_set());
    CHECK_FALSE(mac_address{}.is_set());
    for (std::string const text :
         {"", "02:00:00:00:00", "02:00:00:00:00:01:02", "02:00:00:00:00:0g", "02:00:00:00:00:01x",
          "02-00-00-00-00-01", " 2:00:00:00:00:01", "+2:00:00:00:00:01", "2:0:0:0:0:1"})
        CHECK(mac_address::parse(text).has_error());
}

TEST_CASE("text that a C function would read only in part is refused", "[core][net]") {
    using namespace std::string_view_literals;
    CHECK(ip_address::parse("10.0.0.1\0junk"sv).has_error());
    CHECK(ip_prefix::parse("10.0.0.1/024").has_error());
    CHECK(ip_prefix::parse("10.0.0.1/0").has_value());
}
