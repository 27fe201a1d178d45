#pragma once
// How long the kernel may keep an address without hearing from us: the last rung of enforcement.
//
// The kernel counts whole seconds and removes an address up to a quarter of a second late. A
// lifetime is therefore the largest number of seconds that surely ends before the deadline. Leases
// under 2.5 s leave no room for one; then only the agent (and what guards it) enforces the lease.
// A lifetime that has been set is never shortened by a refresh: the earlier deadline still holds.

#include "tasuki/core/time.hpp"
#include "tasuki/vip/address.hpp"

#include <string_view>

namespace tasuki::vip {

enum class enforcement { agent, lifetime };

[[nodiscard]] std::string_view to_string(enforcement);

inline constexpr duration shortest_lease_with_lifetime = milliseconds{2500};
inline constexpr duration kernel_lateness = milliseconds{250};
/// Renewals come every 100 to 200 ms; faster refreshes would only cost netlink traffic.
inline constexpr duration refresh_spacing = milliseconds{150};

[[nodiscard]] enforcement enforcement_for(duration lease);

/// Seconds of validity for a lease that ends at `deadline`; `forever_s` if the rung is `agent` or
/// the deadline is `never`; zero if it ends too soon for any lifetime.
[[nodiscard]] std::uint32_t valid_seconds(enforcement, instant deadline, instant now);

/// What was last told to the kernel about one group's addresses.
struct told_lifetime {
    instant at = long_ago;
    instant until = long_ago;
    friend bool operator==(told_lifetime const&, told_lifetime const&) = default;
};

/// True if telling the kernel `valid_s` at `now` extends what it knows, and not too often.
[[nodiscard]] bool refresh_due(told_lifetime const&, std::uint32_t valid_s, instant now);

} // namespace tasuki::vip
