#include "bytes.hpp"
#include "tasuki/vip/nft_gate.hpp"

#include <catch2/catch.hpp>

#include <bit>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::hex;
using test::ip;

// The golden bytes below are those of a little-endian machine; netlink follows the machine.
constexpr bool little = std::endian::native == std::endian::little;

} // namespace

TEST_CASE("vip: an element of nftables is given less than what is left, and never more",
          "[vip][nft]") {
    instant const now{10s};
    CHECK(nft_life(now + 300ms, now) == 297ms);
    CHECK(nft_life(now + 300ms + 999us, now) == 297ms);
    CHECK(nft_life(now + 3ms, now) == 0ms);
    CHECK(nft_life(now + 13ms, now) == 0ms); // a kernel might never end a life that short
    CHECK(nft_life(now + 14ms, now) == 11ms);
    CHECK(nft_life(now - 1s, now) == 0ms);
    CHECK(nft_life(long_ago, now) == 0ms);
    CHECK(nft_life(now + 100 * 24h, now) == 30 * 24h);
    CHECK(nft_life(never, now) == nft_for_ever);
}

TEST_CASE("vip: a prolongation deletes what lives, an opening deletes whatever was there",
          "[vip][nft]") {
    if (!little)
        return;
    auto const batch = nft_change_batch({{gate_side::leaving, 0x1234, 300ms, true}});
    REQUIRE(batch.size() == 6); // begin, one deletion and one addition in each table, end
    CHECK(hex(batch[0]) == "14 00 00 00 10 00 01 00 00 00 00 00 00 00 00 00 00 00 00 0a");
    CHECK(hex(batch[1]) == "40 00 00 00 0e 0a 01 00 00 00 00 00 00 00 00 00 01 00 00 00 "
                           "0b 00 01 00 74 61 73 75 6b 69 00 00 " // table "tasuki"
                           "0c 00 02 00 6c 65 61 76 69 6e 67 00 " // set "leaving"
                           "14 00 03 80 10 00 01 80 0c 00 01 80 " // elements, one, its key
                           "08 00 01 00 34 12 00 00");
    CHECK(hex(batch[2]).find("0c 00 04 00 00 00 00 00 00 00 01 2c") != std::string::npos);
    CHECK(hex(batch[5]) == "14 00 00 00 11 00 01 00 00 00 00 00 00 00 00 00 00 00 00 0a");
    CHECK(nft_change_batch({{gate_side::leaving, 0x1234, 300ms}}).size() == 8);
    CHECK(nft_change_batch({{gate_side::leaving, 0x1234}}).size() == 6); // closed: added, deleted
    auto const shortest = hex(nft_change_batch({{gate_side::leaving, 0x1234}})[1]);
    CHECK(shortest.find("0c 00 04 00 00 00 00 00 00 00 00 0b") != std::string::npos); // 11 ms
}

TEST_CASE("vip: a ticket of nftables soon dies, and is the first that a batch deletes",
          "[vip][nft]") {
    if (!little)
        return;
    auto const ticket = nft_ticket_batch(0x5678);
    REQUIRE(ticket.size() == 8); // added, deleted and added in each table
    CHECK(hex(ticket[3]).find("0c 00 04 00 00 00 00 00 00 00 00 14") != std::string::npos);
    auto const batch = nft_change_batch({{gate_side::leaving, 0x1234, 300ms, true}}, 0x5678);
    REQUIRE(batch.size() == 10);
    CHECK(hex(batch[1]).find("08 00 01 00 78 56 00 00") != std::string::npos);
    CHECK(hex(batch[1]).substr(12, 5) == "0e 0a"); // a deletion
    CHECK(hex(batch[2]) == hex(ticket[3]));        // the next one
}

} // namespace tasuki::vip
