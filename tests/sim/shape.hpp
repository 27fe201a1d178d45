#pragma once
// What kind of cluster a seed plays: its nodes, groups, clocks and habits. Drawn once, before
// anything happens, so that a shortened list of faults meets the same cluster again.

#include "dice.hpp"
#include "tasuki/agent/settings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tasuki::sim {

inline constexpr std::size_t nodes_max = 11;

struct shape {
    std::size_t voters = 3;
    agent::node_settings common;                 ///< of every node, but for `self` and `peers`
    std::vector<std::int64_t> parts_per_billion; ///< by which each clock runs fast
    std::vector<bool> speaks_newer;              ///< says more than the others understand
    std::optional<std::size_t> data;             ///< the group that has a database
    bool sealed = false;                         ///< datagrams really are sealed and opened
    bool changes_voters = false;                 ///< it has nodes to spare
    world_time even_delay = 0;                   ///< of every datagram, if they all take the same
    double fence_fails = 0;                      ///< share of tries, where two voters have one
    bool blank = false; ///< no voter has any state: the operator has to bootstrap
    world_time facts_pause = 500 * millisecond;
    world_time commit_pause = 2 * second;

    [[nodiscard]] std::size_t nodes() const { return common.names.size(); }
    [[nodiscard]] std::string describe() const;
};

[[nodiscard]] shape make_shape(std::uint64_t seed);
/// In the order of their numbers.
[[nodiscard]] node_id node_number(std::size_t);

} // namespace tasuki::sim
