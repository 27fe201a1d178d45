#include "shape.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::sim {

namespace {

constexpr double drift = 0.005;

std::size_t draw_voters(dice& die) {
    auto const draw = die.below(100);
    return draw < 72 ? 3 : draw < 87 ? 5 : draw < 92 ? 4 : draw < 95 ? 6 : draw < 98 ? 7 : 9;
}

/// The profiles, and what an operator may set besides.
void draw_terms(dice& die, agent::node_settings& out) {
    auto const draw = die.below(10);
    if (draw < 5) {
        out.interval = milliseconds{200};
        out.terms = {milliseconds{2500}, milliseconds{300}, drift};
    } else if (draw < 6) {
        out.interval = milliseconds{100};
        out.terms = {milliseconds{800}, milliseconds{100}, drift};
    } else {
        out.interval = milliseconds{500};
        out.terms = {milliseconds{draw < 9 ? 3000 : 10'000}, milliseconds{500}, drift};
    }
}

mysql::member member_of(std::size_t number, bool never_master) {
    auto const place = static_cast<std::byte>(number + 1);
    auto const server = ip_address::v4({std::byte{10}, std::byte{0}, std::byte{0}, place});
    return {node_number(number), fmt::format("node{}", number), endpoint{server, 3306},
            fmt::format("repl_{}", number), never_master};
}

agent::group_settings draw_group(dice& die, std::string name, std::vector<node_id> members) {
    for (std::size_t left = members.size(); left > 1; --left)
        std::swap(members[left - 1], members[die.below(left)]);
    auto const id = group_named(name);
    return {id, std::move(name), std::move(members), {"10.0.0.50"}, {}};
}

agent::group_settings draw_data_group(dice& die, std::size_t candidates) {
    std::size_t const servers = std::min<std::size_t>(candidates, 2 + die.below(3));
    agent::group_settings out{group_named("db"), "db", {}, {"10.0.0.60"}, {}};
    out.mysql = agent::mysql_settings{{}, die.chance(0.8), false};
    for (std::size_t number = 0; number < servers; ++number) {
        out.members.push_back(node_number(number));
        out.mysql->members.push_back(member_of(number, number == 3));
    }
    return out;
}

/// A few clusters have two voters, most of them with a fence.
void draw_pair(dice& die, shape& out) {
    if (!die.chance(0.08))
        return;
    out.voters = 2;
    bool const fence = die.chance(0.75);
    out.changes_voters = !fence && die.chance(0.5);
    if (!fence)
        return;
    auto& it = out.common.fence.emplace();
    it.delay = duration{die.between(0, 5 * second)};
    it.after = duration{die.between(0, 2 * second)}; // and a lease
    out.fence_fails = die.chance(0.5) ? 0.4 : 0;
}

} // namespace

node_id node_number(std::size_t number) {
    return node_named(fmt::format("node{}", number));
}

shape make_shape(std::uint64_t seed) {
    dice die{seed * 0x2545f4914f6cdd1dULL + 1};
    shape out;
    out.voters = draw_voters(die);
    dice more{seed * 0x2545f4914f6cdd1dULL + 2};
    out.changes_voters = more.chance(0.2);
    dice pair{seed * 0x2545f4914f6cdd1dULL + 3};
    draw_pair(pair, out);
    std::size_t const spare = out.changes_voters && out.voters < 8 ? 1 + more.below(2) : 0;
    std::size_t const observers = (die.below(5) == 0 ? 1 : 0) + spare;
    bool const witness = out.voters == 3 && die.chance(0.5);
    draw_terms(die, out.common);
    out.common.cluster = "simulated";
    if (out.common.fence)
        out.common.fence->after += out.common.terms.lease;
    std::vector<node_id> candidates;
    for (std::size_t number = 0; number < out.voters + observers; ++number) {
        auto const id = node_number(number);
        out.common.names[id] = fmt::format("node{}", number);
        if (number < out.voters)
            out.common.voters.push_back(id);
        if (!(witness && number + 1 == out.voters))
            candidates.push_back(id);
        // Rates at both ends of the bound, and in between.
        auto const half = static_cast<std::int64_t>(drift / 2 * 1e9);
        std::int64_t const choices[] = {half, -half, die.between(-half, half)};
        out.parts_per_billion.push_back(choices[die.below(3)]);
        out.speaks_newer.push_back(die.chance(0.1));
    }
    if (out.common.fence)
        out.common.fence->voters = out.common.voters;
    // Two voters without a fence never promote a server, which would always be late.
    bool const data = die.chance(0.35) && (out.voters != 2 || out.common.fence);
    std::size_t const plain = data ? die.below(2) : 1 + (die.chance(0.15) ? 1 : 0);
    for (std::size_t number = 0; number < plain; ++number)
        out.common.groups.push_back(draw_group(die, fmt::format("vip{}", number), candidates));
    if (data) {
        out.data = out.common.groups.size();
        out.common.groups.push_back(draw_data_group(die, candidates.size()));
        out.facts_pause = die.between(300 * millisecond, second);
        out.commit_pause = die.between(300 * millisecond, 4 * second);
    }
    out.sealed = die.chance(0.05);
    out.blank = die.chance(0.1);
    if (data)
        out.common.groups[*out.data].mysql->promote_degraded = die.chance(0.2);
    out.even_delay = die.chance(0.1) ? die.between(5 * millisecond, 30 * millisecond) : 0;
    return out;
}

std::string shape::describe() const {
    std::string groups;
    for (auto const& each : common.groups)
        groups += fmt::format(" {}({})", each.name, each.members.size());
    return fmt::format("{} nodes, {} voters, interval {} ms, lease {} ms, groups{}{}{}{}{}",
                       nodes(), voters, to_ms(common.interval), to_ms(common.terms.lease), groups,
                       sealed ? ", sealed" : "", blank ? ", blank" : "",
                       even_delay > 0 ? ", even delays" : "",
                       changes_voters ? ", voters change"
                       : common.fence ? ", a fence"
                                      : "");
}

} // namespace tasuki::sim
