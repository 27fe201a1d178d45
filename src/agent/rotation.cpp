#include "tasuki/agent/rotation.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"
#include "tasuki/core/require.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace tasuki::agent {

namespace {

using heartbeat::key_id;
using heartbeat::key_print;

std::string join(std::vector<std::string> const& names) {
    std::string out;
    for (std::size_t at = 0; at < names.size(); ++at)
        out += (at == 0 ? "" : at + 1 == names.size() ? " and " : ", ") + names[at];
    return out;
}

template<class Condition>
std::vector<std::string> names_where(std::vector<node_keys> const& nodes, Condition holds) {
    std::vector<std::string> out;
    for (auto const& each : nodes)
        if (holds(each))
            out.push_back(each.name);
    return out;
}

template<class Condition>
std::vector<node_id> nodes_where(std::vector<node_keys> const& nodes, Condition holds) {
    std::vector<node_id> out;
    for (auto const& each : nodes)
        if (holds(each))
            out.push_back(each.node);
    return out;
}

bool accepts(node_keys const& node, key_id id) {
    return node.told->find(id) != nullptr;
}
bool signs(node_keys const& node, key_id id) {
    return node.told->signer == id;
}

std::optional<rotation_refusal> somebody_is_away(std::vector<node_keys> const& nodes) {
    for (auto const& each : nodes)
        if (each.refuses)
            return rotation_refusal{"busy", each.name + ": " + each.trouble, "tasuki key status"};
    auto const away = names_where(nodes, [](auto const& each) { return !each.told; });
    if (away.empty())
        return std::nullopt;
    auto const first = std::find_if(nodes.begin(), nodes.end(),
                                    [](auto const& each) { return !each.told.has_value(); });
    return rotation_refusal{
        "node_away",
        fmt::format("{} cannot be asked ({}): a sweep begins only when every node has confirmed "
                    "the one before; bring it back, or take it out of the configuration, and "
                    "repeat",
                    join(away), first->trouble),
        "tasuki key rotate"};
}

std::optional<rotation_refusal> files_differ(std::vector<node_keys> const& nodes) {
    for (auto const& each : nodes)
        if (each.told && !each.told->file_trouble.empty())
            return rotation_refusal{
                "file_differs",
                fmt::format("{} would not come back from a restart with the keys that it uses: {}",
                            each.name, each.told->file_trouble),
                fmt::format("on {}: tasuki key load", each.name)};
    return std::nullopt;
}

/// Two keys under one id, as when two files were made by hand.
std::optional<rotation_refusal> keys_differ(std::vector<node_keys> const& nodes) {
    for (auto const& each : nodes)
        for (auto const& other : nodes)
            for (auto const& key : each.told ? each.told->accepted : std::vector<key_fact>{}) {
                auto const* const same = other.told ? other.told->find(key.id) : nullptr;
                if (same == nullptr || same->print == key.print)
                    continue;
                return rotation_refusal{
                    "keys_differ",
                    fmt::format("{} and {} have different keys under the id {}: take the one that "
                                "nobody signs with out of its file",
                                each.name, other.name, key.id.value()),
                    "edit the file on that node, then there: tasuki key load"};
            }
    return std::nullopt;
}

std::optional<rotation_refusal> not_understood(std::vector<node_keys> const& nodes) {
    for (auto const& each : nodes)
        for (auto const& other : nodes)
            if (each.told && other.told && !accepts(other, each.told->signer))
                return rotation_refusal{
                    "not_understood",
                    fmt::format("{} signs with key {}, which {} does not accept: copy the key "
                                "file of {} to {} by hand",
                                each.name, each.told->signer.value(), other.name, each.name,
                                other.name),
                    fmt::format("then on {}: tasuki key load", other.name)};
    return std::nullopt;
}

/// By the order in the files; where nobody has both, or they do not agree, the higher id.
bool is_newer(key_id one, key_id two, std::vector<node_keys> const& nodes) {
    int votes = 0;
    for (auto const& each : nodes) {
        if (!each.told)
            continue;
        auto const* const a = each.told->find(one);
        auto const* const b = each.told->find(two);
        if (a != nullptr && b != nullptr)
            votes += a > b ? 1 : -1; // places in one list
    }
    return votes != 0 ? votes > 0 : one > two;
}

key_id newest(std::set<key_id> const& ids, std::vector<node_keys> const& nodes) {
    auto out = *ids.begin();
    for (auto const id : ids)
        if (id != out && is_newer(id, out, nodes))
            out = id;
    return out;
}

key_fact fact_of(key_id id, std::vector<node_keys> const& nodes) {
    for (auto const& each : nodes)
        if (each.told)
            if (auto const* const found = each.told->find(id))
                return *found;
    return {id, {}};
}

struct key_sets {
    std::set<key_id> signers;
    std::set<key_id> newer; ///< than what everybody signs with
    std::set<key_id> older;
};

key_sets sets_of(std::vector<node_keys> const& nodes) {
    key_sets out;
    for (auto const& each : nodes)
        if (each.told)
            out.signers.insert(each.told->signer);
    if (out.signers.size() != 1)
        return out;
    auto const signer = *out.signers.begin();
    for (auto const& each : nodes)
        for (auto const& key : each.told ? each.told->accepted : std::vector<key_fact>{})
            if (key.id != signer)
                (is_newer(key.id, signer, nodes) ? out.newer : out.older).insert(key.id);
    return out;
}

rotation_step step_to_sign(key_id id, std::vector<node_keys> const& nodes) {
    return {key_verb::sign,
            fact_of(id, nodes),
            nodes_where(nodes, [&](auto const& each) { return each.told && !signs(each, id); }),
            {}};
}

/// Of those who told; `next_step` lets nobody be away.
std::variant<rotation_step, rotation_over> step_among(std::vector<node_keys> const& nodes) {
    auto const sets = sets_of(nodes);
    if (sets.signers.size() > 1)
        return step_to_sign(newest(sets.signers, nodes), nodes);
    auto const has = [&](key_id id, bool wanted) {
        return nodes_where(
            nodes, [&](auto const& each) { return each.told && accepts(each, id) == wanted; });
    };
    if (!sets.newer.empty()) {
        auto const fresh = newest(sets.newer, nodes);
        auto lacking = has(fresh, false);
        if (lacking.empty() || planted(bug::signed_before_accepted))
            return step_to_sign(fresh, nodes);
        return rotation_step{key_verb::accept, fact_of(fresh, nodes), std::move(lacking),
                             has(fresh, true).front()};
    }
    if (!sets.older.empty()) {
        auto const old = *sets.older.begin();
        return rotation_step{key_verb::drop, fact_of(old, nodes), has(old, true), {}};
    }
    return rotation_over{fact_of(*sets.signers.begin(), nodes)};
}

} // namespace

rotation_next next_step(std::vector<node_keys> const& nodes) {
    for (auto const look : {keys_differ, not_understood, files_differ, somebody_is_away})
        if (auto refused = look(nodes))
            return *std::move(refused);
    return std::visit([](auto&& it) { return rotation_next{std::move(it)}; }, step_among(nodes));
}

void carry_out(rotation_step const& step, node_id by, std::vector<node_keys>& nodes) {
    auto const place =
        std::find_if(nodes.begin(), nodes.end(), [&](auto const& each) { return each.node == by; });
    TASUKI_REQUIRE(place != nodes.end() && place->told);
    auto& told = *place->told;
    if (step.what == key_verb::accept && told.find(step.key.id) == nullptr)
        told.accepted.push_back(step.key);
    if (step.what == key_verb::sign)
        told.signer = step.key.id;
    if (step.what == key_verb::drop)
        std::erase(told.accepted, step.key);
}

std::optional<key_id> free_id(std::vector<node_keys> const& nodes) {
    std::set<key_id> used;
    for (auto const& each : nodes)
        for (auto const& key : each.told ? each.told->accepted : std::vector<key_fact>{})
            used.insert(key.id);
    auto const highest = used.empty() ? std::uint16_t{0} : used.rbegin()->value();
    if (highest < heartbeat::key_id_max)
        return key_id{static_cast<std::uint16_t>(highest + 1)};
    for (std::uint16_t id = 1; id < heartbeat::key_id_max; ++id)
        if (!used.contains(key_id{id}))
            return key_id{id};
    return std::nullopt;
}

std::vector<rotation_step> steps_left(std::vector<node_keys> nodes) {
    std::vector<rotation_step> out;
    while (out.size() < steps_max) {
        auto const next = next_step(nodes);
        auto const* const step = std::get_if<rotation_step>(&next);
        if (step == nullptr)
            break;
        for (auto const each : step->nodes)
            carry_out(*step, each, nodes);
        out.push_back(*step);
    }
    return out;
}

std::optional<rotation_refusal> why_not_load(node_keys const& now, key_report const& wanted,
                                             std::vector<node_keys> const& others) {
    for (auto const& key : wanted.accepted)
        if (auto const* const used = now.told->find(key.id); used && used->print != key.print)
            return rotation_refusal{
                "keys_differ",
                fmt::format("the file has another key under the id {} than the one in use: give "
                            "the new key an id of its own",
                            key.id.value()),
                "edit the file, then: tasuki key load"};
    auto nodes = others;
    auto after = now;
    after.told = wanted;
    nodes.push_back(after);
    for (auto const look : {keys_differ, not_understood, somebody_is_away})
        if (auto const refused = look(nodes))
            return rotation_refusal{refused->code, refused->text,
                                    "load a file that every node understands; or, if you accept "
                                    "that some do not: tasuki key load --force"};
    return std::nullopt;
}

rotation_state state_of(std::vector<node_keys> const& nodes) {
    auto const next = next_step(nodes);
    auto const* const refused = std::get_if<rotation_refusal>(&next);
    if (refused != nullptr && refused->code != "node_away")
        return {"unclear", refused->text, refused->next_command};
    auto const away = refused == nullptr ? std::string{} : "; " + refused->text;
    auto const among = step_among(nodes);
    if (auto const* const over = std::get_if<rotation_over>(&among))
        return {away.empty() ? "complete" : "unclear",
                fmt::format("every node{} signs with key {}, and accepts no other{}",
                            away.empty() ? "" : " that answers", over->key.id.value(), away),
                away.empty() ? "" : "tasuki status"};
    auto const& step = std::get<rotation_step>(among);
    auto const missing = names_where(nodes, [&](auto const& each) {
        return std::find(step.nodes.begin(), step.nodes.end(), each.node) != step.nodes.end();
    });
    auto const* const what = step.what == key_verb::accept ? "accept"
                             : step.what == key_verb::sign ? "sign with"
                                                           : "drop";
    return {"half_done",
            fmt::format("a rotation is half done: {} {} to {} key {}{}", join(missing),
                        missing.size() == 1 ? "has" : "have", what, step.key.id.value(), away),
            "tasuki key rotate"};
}

} // namespace tasuki::agent
