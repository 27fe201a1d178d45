#pragma once
// Desired versus observed addresses -> the operations that make them equal. Never a toggle.
//
// An observed address is ours if it carries our tag or is one of the configured addresses, on any
// link and with any prefix length. Ours and not desired: removed. An empty desired set therefore
// removes all that is ours. A desired address whose deadline has passed is not desired any more.
// Removals come first, so that an address never stands on two links. Nothing else is ever touched.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/address.hpp"
#include "tasuki/vip/lifetime.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::vip {

struct desired_address {
    ip_prefix address;
    std::uint32_t link = 0;
    group_id group;
    epoch owner;              ///< the epoch under which we hold it
    instant deadline = never; ///< the end of the lease: from then on it is not desired
};

enum class action { remove, add, refresh };

enum class reason {
    wanted,      ///< the group is active here and the address is not
    leftover,    ///< ours, and no group here wants it
    released,    ///< its group was active here until now (told by who knows that)
    lease_ended, ///< its group's deadline has passed
    misplaced,   ///< wanted, but stands on another link or with another prefix length
    duplicate,   ///< the kernel has found a duplicate and does not use it; added anew
    untagged,    ///< wanted and present, but not under our tag
    lifetime,    ///< wanted and present, but with another lifetime
};

[[nodiscard]] std::string_view to_string(action);
[[nodiscard]] std::string_view to_string(reason);

struct operation {
    action what = action::add;
    ip_prefix address;
    std::uint32_t link = 0;
    reason why = reason::wanted;
    std::uint32_t valid_s = forever_s; ///< meaningless for `remove`
    group_id group;                    ///< not set for what no group here desires
    epoch owner;

    /// "remove 10.77.0.50/32 (leftover)", for log and history.
    [[nodiscard]] std::string name() const;
    friend bool operator==(operation const&, operation const&) = default;
};

struct plan_policy {
    std::uint8_t tag = address_tag;
    enforcement rung = enforcement::agent;
};

[[nodiscard]] std::vector<operation> plan(std::vector<desired_address> const& desired,
                                          std::vector<observed_address> const& observed,
                                          std::set<ip_address> const& configured,
                                          plan_policy const& policy, instant now);

/// The link that carries `address`: the one named in the configuration, or the one that has an
/// address of its own in the narrowest subnet around it. Configured addresses are no one's own.
[[nodiscard]] result<std::uint32_t> choose_link(configured_address const& address,
                                                std::vector<link_state> const& links,
                                                std::vector<observed_address> const& observed,
                                                std::set<ip_address> const& configured);

} // namespace tasuki::vip
