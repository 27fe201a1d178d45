#pragma once
// How long the kernel may keep an address without hearing from us: the last rung of enforcement.
//
// The kernel counts whole seconds and removes an address up to a quarter of a second late. On the
// rung `lifetime` (leases of 2.5 s and more) a lifetime is therefore the largest number of seconds
// that surely ends before the deadline: the kernel enforces the lease. Shorter leases leave no room
// for that; there the agent enforces the lease, and the lifetime is the smallest number of seconds
// that surely ends after the deadline: what a dead agent leaves behind goes by itself, late but
// soon. On neither rung does the kernel take away what a living lease covers and an agent renews.
// A lifetime that has been set is never shortened by a refresh: the earlier deadline still holds.
// Measured on Linux 6.18: it looks at lifetimes at most once a second. Another change of addresses
// on the machine within the last second of a lifetime puts the removal off by up to a second more.

#include "tasuki/core/time.hpp"
#include "tasuki/vip/address.hpp"

#include <string_view>

namespace tasuki::vip {

/// What takes the address away when the lease ends, weakest first: the agent itself, a lifetime in
/// the kernel, or a gate in the kernel: of nftables (nft_gate.hpp), or of eBPF (gate.hpp). Either
/// gate comes on top of the ones before both.
enum class enforcement { agent, lifetime, nftables, ebpf };

[[nodiscard]] std::string_view to_string(enforcement);

inline constexpr duration shortest_lease_with_lifetime = milliseconds{2500};
inline constexpr duration kernel_lateness = milliseconds{250};
/// It rounds by a fiftieth of a second, and a tick of its clock may be 10 ms long.
inline constexpr duration kernel_earliness = milliseconds{50};
/// Renewals come every 100 to 200 ms; faster refreshes would only cost netlink traffic.
inline constexpr duration refresh_spacing = milliseconds{150};

/// The rung that lifetimes alone give; they are the same beneath a gate.
[[nodiscard]] enforcement enforcement_for(duration lease);

/// Seconds of validity for a lease that ends at `deadline`; `forever_s` if that is `never`; zero if
/// the lease is over or, on the rung `lifetime`, ends too soon for any lifetime.
[[nodiscard]] std::uint32_t valid_seconds(enforcement, instant deadline, instant now);

/// What was last told to the kernel about one group's addresses.
struct told_lifetime {
    instant at = long_ago;
    instant until = long_ago;
    friend bool operator==(told_lifetime const&, told_lifetime const&) = default;
};

/// True if the kernel has to be told `valid_s` at `now` for a lease that ends at `deadline`: it
/// extends what the kernel knows and, as far as the rung allows, does not come too often.
[[nodiscard]] bool refresh_due(enforcement, told_lifetime const&, std::uint32_t valid_s,
                               instant deadline, instant now);

} // namespace tasuki::vip
