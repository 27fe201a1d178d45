#pragma once
// What of a group's life is told to the operator's program, as docs/hooks.md lists it. Pure.

#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/hook.hpp"
#include "tasuki/agent/settings.hpp"

#include <optional>
#include <string>

namespace tasuki::agent {

/// Somebody else answers for an address of the group, or no longer.
struct conflict_note {
    group_id group;
    bool begun = false;
    std::string address;
    std::string mac;
};

/// "active" and "left"; no other turn is told.
[[nodiscard]] std::optional<hook_event> event_of(transition const&, node_settings const&);
/// "promotion-done" and "promotion-refused", of a group with MySQL.
[[nodiscard]] std::optional<hook_event> event_of(progress_note const&, node_settings const&);

/// "conflict" and "conflict-over".
[[nodiscard]] std::optional<hook_event> event_of(conflict_note const&, node_settings const&);

} // namespace tasuki::agent
