#pragma once
// What the keeper of the addresses reports: changes it made, changes others made, and conflicts.
//
// Each event is told once, at the transition, with the time at which the keeper knew it. Values
// only, compared by tests and translated by the agent into log lines, history and status.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/address.hpp"
#include "tasuki/vip/conflict.hpp"
#include "tasuki/vip/plan.hpp"

#include <string>
#include <variant>

namespace tasuki::vip {

struct address_added {
    group_id group;
    ip_prefix address;
    std::string interface;
    instant at = long_ago;
};

/// `group` is not set for a leftover that belongs to no configured group any more.
struct address_removed {
    group_id group;
    ip_prefix address;
    std::string interface;
    reason why = reason::leftover;
    instant at = long_ago;
};

/// Somebody else took away an address that has to be here, or the kernel did. It is put back.
struct address_lost {
    group_id group;
    ip_prefix address;
    std::string interface;
    bool by_kernel = false; ///< its lifetime ran out, or its link was switched off
    instant at = long_ago;
};

/// The link that carries an address of the group, or would carry it here, does not work. The group
/// may not be active here: this is about the node's fitness as well as about its service.
struct link_down {
    group_id group;
    std::string interface; ///< or what it is for, if there is none
    std::string why;       ///< with the remedy
    instant at = long_ago;
};
/// All links of the group work again.
struct link_up {
    group_id group;
    std::string interface; ///< the one that was told to be down
    instant at = long_ago;
};

struct conflict_seen {
    group_id group;
    conflict what;
};
struct conflict_cleared {
    group_id group;
    conflict what;
};

struct keeper_failure {
    problem what;
    instant at = long_ago;
};

using keeper_event = std::variant<address_added, address_removed, address_lost, link_down, link_up,
                                  conflict_seen, conflict_cleared, keeper_failure>;

/// One line for log and history: "conflict: 10.77.0.50 is also claimed by 02:...".
[[nodiscard]] std::string to_string(keeper_event const&);

} // namespace tasuki::vip
