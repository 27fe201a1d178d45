#include "tasuki/mysql/gtid.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

gtid_list list(std::string_view text) {
    return gtid_list::parse(text).value();
}

} // namespace

TEST_CASE("gtid: a list is read, sorted and printed as MariaDB prints it", "[gtid]") {
    CHECK(list("").empty());
    CHECK(list("0-1-42").to_string() == "0-1-42");
    CHECK(list(" 1-3-7 , 0-1-42\n").to_string() == "0-1-42,1-3-7");
    CHECK(list("0-2-9,0-1-42").to_string() == "0-1-42,0-2-9");
    CHECK(list("0-1-5,0-1-42").to_string() == "0-1-42");
    CHECK(list("4294967295-4294967295-18446744073709551615").entries().size() == 1);
}

TEST_CASE("gtid: malformed text is refused and named", "[gtid]") {
    for (char const* const text :
         {"x", "0", "0-1", "0-1-", "0--1", "-0-1-1", "0-1-1-1", "0-1-1,", ",0-1-1", "0-1-1,,0-2-2",
          "0-1-18446744073709551616", "4294967296-1-1", "0-1-1 0-2-2", "0x0-1-1"}) {
        INFO(text);
        CHECK_FALSE(gtid_list::parse(text).has_value());
    }
    CHECK(gtid_list::parse("nonsense").error().text.find("nonsense") != std::string::npos);
}

TEST_CASE("gtid: positions compare by domain", "[gtid]") {
    using order = position_order;
    CHECK(compare(list("0-1-5"), list("0-1-5")) == order::equal);
    CHECK(compare(list(""), list("")) == order::equal);
    CHECK(compare(list("0-1-6"), list("0-1-5")) == order::ahead);
    CHECK(compare(list("0-2-6"), list("0-1-5")) == order::ahead);
    CHECK(compare(list("0-1-5"), list("0-1-6")) == order::behind);
    CHECK(compare(list(""), list("0-1-6")) == order::behind);
    CHECK(compare(list("0-1-5,1-1-1"), list("0-1-5")) == order::ahead);
    CHECK(compare(list("0-1-5,1-1-1"), list("0-1-6,1-1-1")) == order::behind);
}

TEST_CASE("gtid: one sequence from two servers, or ahead and behind, has diverged", "[gtid]") {
    CHECK(compare(list("0-1-5"), list("0-2-5")) == position_order::diverged);
    CHECK(compare(list("0-1-5,1-1-9"), list("0-1-6,1-1-8")) == position_order::diverged);
    CHECK(compare(list("0-1-5"), list("1-1-5")) == position_order::diverged);
    CHECK_FALSE(covers(list("0-1-5"), list("0-2-5")));
    CHECK(covers(list("0-1-5"), list("")));
    CHECK_FALSE(covers(list(""), list("0-1-1")));
}

TEST_CASE("gtid: the furthest of two positions takes the last of each domain", "[gtid]") {
    CHECK(furthest(list("0-1-5,1-1-9"), list("0-2-6,1-1-8")) == list("0-2-6,1-1-9"));
    CHECK(furthest(list(""), list("0-1-1")) == list("0-1-1"));
    CHECK(merge(list("0-1-5,0-2-6"), list("0-1-7")) == list("0-1-7,0-2-6"));
}

TEST_CASE("gtid: what is missing from a state is found by domain and server", "[gtid]") {
    CHECK(missing_from(list("0-1-5,0-2-7"), list("0-1-5")).empty());
    CHECK(missing_from(list("0-1-5,0-2-7"), list("0-1-6")) == list("0-1-6"));
    CHECK(missing_from(list("0-1-5"), list("0-1-5,0-3-4")) == list("0-3-4"));
}

TEST_CASE("gtid: a server provisioned from a copy does not make older history a divergence",
          "[gtid]") {
    // Server 3 wrote once, long ago; both know 0-1-100, so both have what lies before.
    CHECK(divergence(list("0-1-100,0-2-105"), list("0-1-100,0-3-50")).empty());
    CHECK(divergence(list("0-1-100,0-2-105"), list("0-1-101")) == list("0-1-101"));
    CHECK(divergence(list("0-1-1,0-2-2"), list("0-1-2")) == list("0-1-2"));
    CHECK(divergence(list("0-2-2"), list("0-1-2")) == list("0-1-2"));
}
