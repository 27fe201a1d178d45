#pragma once
// What the gate in the kernel is told, as values and as bytes (src/vip/gate.bpf.c is the gate).
//
// An address has an entry from the start: closed, or open until an absolute instant of
// CLOCK_BOOTTIME; an address without one is never touched. What arrives and what leaves end
// separately, so that clients can still be told that it is over while nothing new comes in. The
// filters stand at priority 1 of the clsact qdisc under a handle of our own: the filters of others
// are never touched, and what the gate lets pass goes on to them. They stay when the agent dies; a
// later life puts its own gate into their place, so that what a former one says has no effect any
// more. tc(8), tc-bpf(8), linux/pkt_cls.h.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/address.hpp"
#include "tasuki/vip/netlink_message.hpp"

#include <array>
#include <optional>

namespace tasuki::vip {

/// From each instant on nothing passes in that direction. The default is closed.
struct gate_times {
    instant arriving_until = long_ago;
    instant leaving_until = long_ago;
    friend bool operator==(gate_times const&, gate_times const&) = default;
};

[[nodiscard]] gate_times open_until(instant deadline);
/// No new requests; answers, and resets for the clients, until the deadline.
[[nodiscard]] gate_times only_leaving_until(instant deadline);

/// IPv4 as ::ffff:a.b.c.d.
using gate_key = std::array<std::byte, 16>;
[[nodiscard]] gate_key key_of(ip_address const&);

/// Nanoseconds, in the order of `gate_times`.
using gate_value = std::array<std::uint64_t, 2>;
[[nodiscard]] gate_value value_of(gate_times const&);
[[nodiscard]] gate_times times_of(gate_value const&);

/// A bridge port delivers to the bridge, which has a gate of its own: on the port it would stand in
/// the way of other holders behind the bridge.
[[nodiscard]] bool needs_gate(link_state const&);

enum class gate_side { arriving, leaving };

/// The tc_handle of our filters, and their priority: before everybody else's.
inline constexpr std::uint32_t gate_handle = address_tag;
inline constexpr std::uint16_t gate_priority = 1;

/// Answered with EEXIST where it stands already, and where an ingress qdisc is in its place.
[[nodiscard]] byte_string clsact_message(std::uint32_t link);
/// Adds the filter, or replaces the program of the one that is there, without a gap.
[[nodiscard]] byte_string gate_message(std::uint32_t link, gate_side, int program);
[[nodiscard]] byte_string gate_removal_message(std::uint32_t link, gate_side);

[[nodiscard]] byte_string list_qdiscs_message();
/// A qdisc in the place of clsact, as the kernel lists it.
struct ingress_qdisc {
    std::uint32_t link = 0;
    bool is_clsact = false;
};
[[nodiscard]] std::optional<ingress_qdisc> parse_ingress_qdisc(netlink_part const&);

/// The link from which our filter, or all that it hangs on, has been taken; nothing for others.
[[nodiscard]] std::optional<std::uint32_t> parse_gate_loss(netlink_part const&);

} // namespace tasuki::vip
