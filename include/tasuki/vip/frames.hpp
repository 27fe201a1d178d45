#pragma once
// Ethernet frames that say, or ask, where an address lives: bytes out, bytes in.
//
// IPv4: ARP (RFC 826) as gratuitous request and gratuitous reply, because each form is ignored by
// somebody's equipment, and as probe (RFC 5227: the sender's IP address is zero). IPv6: the
// unsolicited neighbour advertisement and the solicitation of duplicate address detection
// (RFC 4861, 4862). The parsers are total: any bytes in, a value or nothing out; what they accept
// has right lengths, the hop limit of a direct neighbour and a right checksum.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"

#include <optional>

namespace tasuki::vip {

enum class arp_operation : std::uint16_t { request = 1, reply = 2 };

struct arp_frame {
    mac_address destination;
    mac_address source;
    arp_operation operation = arp_operation::request;
    mac_address sender_mac;
    ip_address sender;
    mac_address target_mac;
    ip_address target;
    friend bool operator==(arp_frame const&, arp_frame const&) = default;
};

enum class neighbour_kind : std::uint8_t { solicitation = 135, advertisement = 136 };

struct neighbour_frame {
    mac_address destination;
    mac_address source;
    ip_address sender;   ///< source of the IPv6 header; "::" in duplicate address detection
    ip_address receiver; ///< destination of the IPv6 header
    neighbour_kind kind = neighbour_kind::advertisement;
    bool override_cached = false; ///< advertisement: replace what the receiver believed
    ip_address target;
    std::optional<mac_address> link_address; ///< the option of source or target link address
    friend bool operator==(neighbour_frame const&, neighbour_frame const&) = default;
};

[[nodiscard]] byte_string encode(arp_frame const&);
[[nodiscard]] byte_string encode(neighbour_frame const&);

[[nodiscard]] std::optional<arp_frame> parse_arp(byte_view frame);
[[nodiscard]] std::optional<neighbour_frame> parse_neighbour(byte_view frame);

[[nodiscard]] arp_frame gratuitous_request(ip_address const& address, mac_address const& own);
[[nodiscard]] arp_frame gratuitous_reply(ip_address const& address, mac_address const& own);
[[nodiscard]] arp_frame arp_probe(ip_address const& address, mac_address const& own);
[[nodiscard]] neighbour_frame unsolicited_advertisement(ip_address const& address,
                                                        mac_address const& own);
[[nodiscard]] neighbour_frame neighbour_probe(ip_address const& address, mac_address const& own);

/// "`address` lives at `mac`", said by some station. Probes claim nothing.
struct claim {
    ip_address address;
    mac_address mac;
    friend bool operator==(claim const&, claim const&) = default;
};

[[nodiscard]] std::optional<claim> claim_of(byte_view frame);

} // namespace tasuki::vip
