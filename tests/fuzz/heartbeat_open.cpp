// A datagram from anybody: only what was sealed with our key opens, and exactly as it was sealed.
#include "fuzz.hpp"
#include "heartbeat_pair.hpp"

namespace tasuki::fuzz {

namespace {

void require_no_change_passes(byte_view sealed) {
    byte_string changed{sealed.begin(), sealed.end()};
    for (std::size_t at = 0; at < changed.size(); ++at) {
        auto const mask = std::byte{1} << (at % 8);
        changed[at] ^= mask;
        TASUKI_REQUIRE(!heartbeat::open(changed, at_db2()));
        changed[at] ^= mask;
    }
    TASUKI_REQUIRE(!heartbeat::open(sealed.first(sealed.size() - 1), at_db2()));
}

} // namespace

void try_input(byte_view input) {
    using heartbeat::reject;
    auto const opened = heartbeat::open(input, at_db2());
    constexpr auto least =
        heartbeat::header_bytes - heartbeat::voter_version_bytes + heartbeat::mac_bytes;
    bool const too_short = input.size() < least;
    bool const too_long = input.size() > heartbeat::datagram_bytes_max;
    TASUKI_REQUIRE((!opened && opened.error() == reject::too_short) == too_short);
    TASUKI_REQUIRE((!opened && opened.error() == reject::too_long) == too_long);
    if (!opened)
        return;
    TASUKI_REQUIRE(opened->from == db1 && opened->to == db2);
    TASUKI_REQUIRE(opened->path < heartbeat::paths_max && opened->sequence != 0);
    auto const again = heartbeat::seal(*opened, cluster(), keys());
    TASUKI_REQUIRE(std::ranges::equal(again, input));
    require_no_change_passes(input);
}

} // namespace tasuki::fuzz
