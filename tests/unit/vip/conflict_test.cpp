#include "bytes.hpp"
#include "tasuki/vip/conflict.hpp"

#include <catch2/catch.hpp>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::ip;
using test::mac;

constexpr instant now = instant{100s};
auto const vip = ip("10.77.0.50");
auto const own = mac("02:00:00:00:00:0a");
auto const peer = mac("02:00:00:00:00:0b");
auto const stranger = mac("02:00:00:00:00:99");

conflict_watch watch() {
    conflict_watch out{{vip, ip("10.77.0.51")}, 90s};
    out.set_own_macs({own});
    out.set_peer_macs({peer});
    return out;
}

} // namespace

TEST_CASE("vip: while we hold an address any other MAC is a conflict, told once", "[vip]") {
    auto watched = watch();
    watched.set_held(vip, true);
    auto const begun = watched.observe({vip, stranger}, now);
    REQUIRE(begun);
    CHECK(*begun == conflict{vip, stranger, false, now, now});
    CHECK_FALSE(watched.observe({vip, stranger}, now + 1s));
    CHECK(watched.current() == std::vector{conflict{vip, stranger, false, now, now + 1s}});
    auto const second = watched.observe({vip, peer}, now + 2s);
    REQUIRE(second);
    CHECK(second->peer);
}

TEST_CASE("vip: our own MAC never is a conflict, nor is an address of others", "[vip]") {
    auto watched = watch();
    watched.set_held(vip, true);
    CHECK_FALSE(watched.observe({vip, own}, now));
    CHECK_FALSE(watched.observe({ip("10.77.0.1"), stranger}, now));
    CHECK_FALSE(watched.observe({vip, mac_address{}}, now));
    CHECK(watched.current().empty());
}

TEST_CASE("vip: before we hold an address only a stranger's answer counts", "[vip]") {
    auto watched = watch();
    CHECK_FALSE(watched.observe({vip, peer}, now));
    CHECK_FALSE(watched.stranger(vip, now));
    CHECK_FALSE(watched.observe({vip, stranger}, now));
    CHECK(watched.stranger(vip, now) == stranger);
    CHECK_FALSE(watched.stranger(ip("10.77.0.51"), now));
    CHECK(watched.current().empty());
}

TEST_CASE("vip: an answer from before the probe does not count", "[vip]") {
    auto watched = watch();
    CHECK_FALSE(watched.observe({vip, stranger}, now));
    CHECK_FALSE(watched.stranger(vip, now + 1ns));
    CHECK_FALSE(watched.observe({vip, stranger}, now + 3s));
    CHECK(watched.stranger(vip, now + 1s) == stranger);
}

TEST_CASE("vip: a stranger that turns out to be a peer is none", "[vip]") {
    auto watched = watch();
    CHECK_FALSE(watched.observe({vip, stranger}, now));
    watched.set_peer_macs({stranger});
    CHECK_FALSE(watched.stranger(vip, now));
}

TEST_CASE("vip: what was seen before we took the address is no conflict afterwards", "[vip]") {
    auto watched = watch();
    CHECK_FALSE(watched.observe({vip, stranger}, now));
    watched.set_held(vip, true);
    CHECK(watched.current().empty());
    CHECK(watched.observe({vip, stranger}, now + 1s));
    watched.set_held(vip, true);
    CHECK(watched.current().size() == 1);
    watched.set_held(vip, false);
    CHECK(watched.current().empty());
}

TEST_CASE("vip: a conflict that is not seen again is over, and told so", "[vip]") {
    auto watched = watch();
    watched.set_held(vip, true);
    REQUIRE(watched.observe({vip, stranger}, now));
    CHECK_FALSE(watched.observe({vip, stranger}, now + 10s));
    CHECK(watched.expire(now + 99s).empty());
    CHECK(watched.expire(now + 100s) ==
          std::vector{conflict{vip, stranger, false, now, now + 10s}});
    CHECK(watched.expire(now + 101s).empty());
    CHECK(watched.current().empty());
}

TEST_CASE("vip: a flood of claimants is remembered up to a bound", "[vip]") {
    auto watched = watch();
    watched.set_held(vip, true);
    std::size_t told = 0;
    for (unsigned one = 0; one < 200; ++one) {
        mac_address flood{};
        flood.bytes[0] = std::byte{2};
        flood.bytes[5] = static_cast<std::byte>(one + 20);
        told += watched.observe({vip, flood}, now) ? 1U : 0U;
    }
    CHECK(told == conflict_watch::claimants_max);
    CHECK(watched.current().size() == conflict_watch::claimants_max);
}

} // namespace tasuki::vip
