#include "tasuki/agent/key_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

void show(http::node_keys_view& out, key_report const& told, node_settings const& names) {
    for (auto const& key : told.accepted)
        out.keys.push_back({key.id.value(), to_string(key.print), key.id == told.signer});
    out.file_trouble = told.file_trouble;
    for (auto const& heard : told.heard)
        out.heard.push_back({names.name_of(heard.from), heard.key.value(), heard.age});
}

std::vector<http::placement_view> tree_of(std::vector<node_keys> const& nodes,
                                          std::string const& cluster) {
    std::vector<http::placement_view> out{{cluster, {}, {}}};
    for (auto const& each : nodes) {
        if (!each.told) {
            out.push_back({each.name, "away", {}});
            continue;
        }
        std::vector<std::uint16_t> ids;
        for (auto const& key : each.told->accepted)
            ids.push_back(key.id.value());
        out.push_back({each.name, fmt::format("accepts {}", fmt::join(ids, ", ")),
                       fmt::format("signs with {}", each.told->signer.value())});
    }
    return out;
}

std::string sweep_name(rotation_step const& step) {
    auto const* const words = step.what == key_verb::accept ? "accept key {}"
                              : step.what == key_verb::sign ? "sign with key {}"
                                                            : "drop key {}";
    return fmt::format(fmt::runtime(words), step.key.id.value());
}

} // namespace

http::keys_view view_of(std::vector<node_keys> const& nodes, told_keys& told, instant now,
                        node_settings const& names) {
    auto state = state_of(nodes);
    http::keys_view out{
        std::move(state.state), std::move(state.text), std::move(state.next_command), {}};
    for (auto const& each : nodes) {
        if (each.told)
            told[each.node] = {*each.told, now};
        auto& shown = out.nodes.emplace_back();
        shown.name = each.name;
        shown.reachable = each.told.has_value();
        shown.trouble = each.trouble;
        auto const known = told.find(each.node);
        if (known == told.end())
            continue;
        shown.since = std::chrono::duration_cast<milliseconds>(now - known->second.second);
        show(shown, known->second.first, names);
    }
    return out;
}

http::plan_view plan_of(std::vector<node_keys> const& nodes, heartbeat::key_id drawn,
                        std::vector<rotation_step> const& steps, node_settings const& names) {
    http::plan_view out;
    out.kind = "key_rotation";
    out.lossless = true;
    out.before = tree_of(nodes, names.cluster);
    auto after = nodes;
    auto const self = names.name_of(names.self);
    if (drawn.is_set()) {
        for (auto& each : after)
            if (each.node == names.self)
                each.told->accepted.push_back({drawn, {}});
        out.steps.push_back(
            {fmt::format("draw key {}", drawn.value()), self, std::nullopt, {}, "at random"});
    }
    for (auto const& step : steps) {
        std::vector<std::string> who;
        for (auto const node : step.nodes) {
            who.push_back(names.name_of(node));
            carry_out(step, node, after);
        }
        out.steps.push_back(
            {sweep_name(step), {}, std::nullopt, {}, fmt::format("{}", fmt::join(who, ", "))});
    }
    out.after = tree_of(after, names.cluster);
    out.warnings.push_back({"leaked_key",
                            "the new key is sent under the present one: if that has leaked, put "
                            "the new one into the files by hand, and run `tasuki key load`",
                            {}});
    return out;
}

} // namespace tasuki::agent
