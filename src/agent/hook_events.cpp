#include "tasuki/agent/hook_events.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

group_settings const* find(node_settings const& names, group_id id) {
    auto const found = std::find_if(names.groups.begin(), names.groups.end(),
                                    [&](auto const& each) { return each.id == id; });
    return found == names.groups.end() ? nullptr : &*found;
}

/// "x -> y"
bool is_turn(std::string_view change, election::role from, election::role to) {
    auto const before = to_string(from);
    auto const after = to_string(to);
    return change.size() == before.size() + 4 + after.size() && change.starts_with(before) &&
           change.ends_with(after);
}

} // namespace

std::optional<hook_event> event_of(transition const& it, node_settings const& names) {
    using election::role;
    auto const* group = find(names, it.group);
    bool const came = is_turn(it.change, role::recovering, role::active);
    bool const left = is_turn(it.change, role::active, role::stepping_down);
    if (group == nullptr || (!came && !left))
        return std::nullopt;
    hook_event out;
    out.name = came ? "active" : "left";
    out.group = group->name;
    out.under = it.under;
    out.result = it.why;
    out.text = names.name_of(names.self) + (came ? " has become active" : " is active no more") +
               (it.detail.empty() ? "" : ": " + it.detail);
    return out;
}

std::optional<hook_event> event_of(progress_note const& it, node_settings const& names) {
    auto const* group = find(names, it.group);
    bool const moves = it.kind == "failover" || it.kind == "switchover";
    if (group == nullptr || !group->mysql || !moves || it.result.empty())
        return std::nullopt;
    hook_event out;
    out.name = it.result == "done" ? "promotion-done" : "promotion-refused";
    out.group = group->name;
    out.under = it.under;
    out.operation = std::to_string(it.operation.value());
    out.result = it.result;
    out.text = it.kind + " to " + (it.to.is_set() ? names.name_of(it.to) : "whoever is best") +
               " " + it.result + (it.text.empty() ? "" : ": " + it.text);
    return out;
}

std::optional<hook_event> event_of(conflict_note const& it, node_settings const& names) {
    auto const* group = find(names, it.group);
    if (group == nullptr)
        return std::nullopt;
    hook_event out;
    out.name = it.begun ? "conflict" : "conflict-over";
    out.group = group->name;
    out.address = it.address;
    out.mac = it.mac;
    out.text =
        it.address + (it.begun ? " is also claimed by " : " is no longer claimed by ") + it.mac;
    return out;
}

} // namespace tasuki::agent
