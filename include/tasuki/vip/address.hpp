#pragma once
// What the room speaks of: links and addresses as the kernel shows them, addresses as configured.
//
// Values only. A `link` number is the kernel's interface index; zero means "none". Lifetimes are in
// whole seconds, as the kernel keeps them, and `forever_s` is its "never expires". `address_tag` is
// the IFA_PROTO value (Linux 5.18 and later) by which we know our own addresses again after a
// crash: 116 is unused by the kernel (0 to 3), by keepalived (18) and by the routing daemons (186
// to 192).

#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/vip/announce.hpp"

#include <cstdint>
#include <string>

namespace tasuki::vip {

inline constexpr std::uint8_t address_tag = 116;
inline constexpr std::uint32_t forever_s = 0xffffffffU;

struct link_state {
    std::uint32_t index = 0;
    std::string name;
    std::string kind; ///< "bond", "vlan", "veth" and so on; empty for a plain device
    mac_address mac;
    bool up = false;       ///< switched on by the administrator
    bool carrier = false;  ///< the other end is there
    bool loopback = false; ///< never chosen by subnet
    bool speaks_arp = false;
    bool bare = false;     ///< its frames begin without an Ethernet header
    bool switched = false; ///< a port: what arrives goes to a bridge or switch, not to this node
    friend bool operator==(link_state const&, link_state const&) = default;
};

struct observed_address {
    ip_prefix address;
    std::uint32_t link = 0;
    std::uint8_t protocol = 0; ///< IFA_PROTO; zero if nobody set it or the kernel has none
    std::uint32_t valid_s = forever_s;
    bool duplicate = false; ///< IPv6: the kernel refuses to use it (dadfailed)
    friend bool operator==(observed_address const&, observed_address const&) = default;
};

struct configured_address {
    ip_prefix address;
    std::string interface; ///< empty: the one whose subnet holds the address
    group_id group;
    announce_policy announce{};
    bool by_hook = false; ///< something else moves it: it is gated, and nothing more
    friend bool operator==(configured_address const&, configured_address const&) = default;
};

} // namespace tasuki::vip
