#include "tasuki/core/ids.hpp"

#include <catch2/catch.hpp>

#include <concepts>

using namespace tasuki;

TEST_CASE("names of different things do not convert into each other", "[core][ids]") {
    CHECK_FALSE(std::convertible_to<node_id, group_id>);
    CHECK_FALSE(std::convertible_to<std::uint32_t, node_id>);
    CHECK_FALSE(std::convertible_to<node_id, std::uint32_t>);
    CHECK_FALSE(std::equality_comparable_with<node_id, group_id>);
}

TEST_CASE("a name travels as its FNV-1a hash", "[core][ids]") {
    // Published test vectors of 32-bit FNV-1a.
    CHECK(hash_name("") == 0x811c9dc5);
    CHECK(hash_name("a") == 0xe40c292c);
    CHECK(hash_name("foobar") == 0xbf9cf968);
    CHECK(node_named("db1") == node_id{hash_name("db1")});
    CHECK(node_named("db1") != node_named("db2"));
}

TEST_CASE("no name hashes to the value that means none", "[core][ids]") {
    // Four bytes whose plain FNV-1a hash is zero, a published collision.
    std::string_view const hashes_to_zero{"\xcc\x24\x31\xc4", 4};
    CHECK(hash_name(hashes_to_zero) == 1);
    CHECK(node_named(hashes_to_zero).is_set());
    CHECK_FALSE(node_id{}.is_set());
}

TEST_CASE("epochs are ordered and follow each other", "[core][ids]") {
    CHECK(epoch{6} < epoch{7});
    CHECK(next(epoch{6}) == epoch{7});
}
