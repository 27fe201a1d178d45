// A frame from anybody on the LAN: what is taken for ARP or a neighbour's message is the same after
// it was encoded again, and claims nothing else then.
#include "fuzz.hpp"
#include "tasuki/vip/frames.hpp"

namespace tasuki::fuzz {

namespace {

using namespace vip;

constexpr std::size_t type_at = 12;
constexpr std::size_t length_at = 18;
constexpr std::size_t addresses_at = 22;
constexpr std::size_t body_at = 54;
constexpr std::size_t checksum_at = 56;

/// The same frame with the checksum of its ICMPv6 body put right (RFC 4443, 2.3; RFC 1071), which
/// no mutation would hit.
byte_string with_checksum(byte_view input) {
    byte_string out{input.begin(), input.end()};
    byte_reader length{input.subspan(std::min(length_at, input.size()))};
    std::size_t const body_bytes = length.u16();
    if (out.size() < checksum_at + 2 || body_bytes > out.size() - body_at || body_bytes < 4)
        return out;
    out[checksum_at] = out[checksum_at + 1] = std::byte{0};
    std::uint32_t sum = static_cast<std::uint32_t>(body_bytes) + 58;
    for (std::size_t at = addresses_at; at < body_at + body_bytes; ++at)
        sum += std::to_integer<std::uint32_t>(out[at]) << (at % 2 == 0 ? 8U : 0U);
    while (sum > 0xffff)
        sum = (sum & 0xffffU) + (sum >> 16U);
    out[checksum_at] = static_cast<std::byte>(~sum >> 8U & 0xffU);
    out[checksum_at + 1] = static_cast<std::byte>(~sum & 0xffU);
    return out;
}

void look_at(byte_view input) {
    auto const arp = parse_arp(input);
    auto const neighbour = parse_neighbour(input);
    TASUKI_REQUIRE(!arp || !neighbour);
    auto const said = claim_of(input);
    if (!arp && !neighbour) {
        TASUKI_REQUIRE(!said);
        return;
    }
    auto const again = arp ? encode(*arp) : encode(*neighbour);
    TASUKI_REQUIRE(claim_of(again) == said);
    if (arp) {
        TASUKI_REQUIRE(again.size() <= input.size());
        TASUKI_REQUIRE(std::ranges::equal(again, input.first(again.size())));
        TASUKI_REQUIRE(!said || said->mac == arp->sender_mac);
        return;
    }
    TASUKI_REQUIRE(parse_neighbour(again) == neighbour);
    TASUKI_REQUIRE(!neighbour->override_cached || neighbour->kind == neighbour_kind::advertisement);
    // The checksum covers all that follows the Ethernet header: one changed bit is seen.
    auto damaged = again;
    damaged.back() ^= std::byte{1};
    TASUKI_REQUIRE(!parse_neighbour(damaged));
}

} // namespace

void try_input(byte_view input) {
    look_at(input);
    bool const is_ipv6 = input.size() > type_at && input[type_at] == std::byte{0x86};
    if (is_ipv6)
        look_at(with_checksum(input));
}

} // namespace tasuki::fuzz
