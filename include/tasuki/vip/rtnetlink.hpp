#pragma once
// Links and addresses in the kernel's language (rtnetlink(7)): requests out, notices in.
//
// Addition and refresh are the same message; a refresh replaces. IFA_CACHEINFO and IFA_PROTO are in
// every one: without them a replacement would make the address permanent and untagged. Deletion
// names both IFA_LOCAL and IFA_ADDRESS: without the latter the kernel takes the first that matches.
// IPv6 addresses skip duplicate address detection and are never chosen as a source (preferred 0).

#include "tasuki/vip/address.hpp"
#include "tasuki/vip/netlink_message.hpp"

#include <optional>
#include <variant>

namespace tasuki::vip {

struct address_request {
    ip_prefix address;
    std::uint32_t link = 0;
    std::uint32_t valid_s = forever_s;
    std::uint8_t tag = address_tag;
};

[[nodiscard]] byte_string add_message(address_request const&);
[[nodiscard]] byte_string delete_message(ip_prefix const&, std::uint32_t link);
/// Lets the other addresses of a subnet outlive its first one, on this link: without it, removing
/// 10.77.0.50/24 takes 10.77.0.1/24 along if that came later. A /32 has no such companions.
[[nodiscard]] byte_string promote_secondaries_message(std::uint32_t link);
[[nodiscard]] byte_string list_links_message();
[[nodiscard]] byte_string list_addresses_message();
/// Harmless, and answered with EPERM exactly to those who may not change addresses.
[[nodiscard]] byte_string privilege_question();

struct link_seen {
    link_state link;
};
struct link_gone {
    std::uint32_t index = 0;
};
struct address_seen {
    observed_address address;
};
struct address_gone {
    observed_address address;
};
/// Somebody has taken our gate from this link (gate.hpp).
struct gate_gone {
    std::uint32_t link = 0;
};
using notice = std::variant<link_seen, link_gone, address_seen, address_gone, gate_gone>;

/// What a message says about links, addresses or our gate; nothing if it is about something else.
[[nodiscard]] std::optional<notice> parse_notice(netlink_part const&);

} // namespace tasuki::vip
