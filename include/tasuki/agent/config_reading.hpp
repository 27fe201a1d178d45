#pragma once
// The parts that parse_configuration is made of: sections first, then the rules between them.
//
// Reading fills in values and notes what is wrong within one key; rules look only at the values
// and at the kept places. Neither stops at an error, and neither repeats an error of the other.

#include "tasuki/agent/config_section.hpp"

#include <vector>

namespace tasuki::agent {

[[nodiscard]] cluster_config read_cluster(section_reader& top);
[[nodiscard]] std::vector<node_config> read_nodes(section_reader& top);
[[nodiscard]] std::vector<group_config> read_groups(section_reader& top);
[[nodiscard]] std::vector<pool_config> read_pools(section_reader& top);
[[nodiscard]] hook_config read_hook(section_reader&);
[[nodiscard]] fence_config read_fence(section_reader&);

/// One lease of the file against its own interval, step-down time and clock drift.
void check_timing(timing_config const&, config_notes&);
void check_enforcement(configuration const&, config_notes&);
void check_nodes(configuration const&, config_notes&);
void check_groups(configuration const&, config_notes&);
void check_hooks(configuration const&, config_notes&);
void check_addresses(configuration const&, config_notes&);
void check_ports(configuration const&, config_notes&);
void check_pools(configuration const&, config_notes&);
/// `follow` of a [[pool]], and the backends that come of it once all groups are known.
void read_follow(section_reader& pool, lb::pool_settings&);
void fill_followed(configuration&, config_notes&);

/// What the voters can promise, with a warning where that is less than `safe`.
[[nodiscard]] safety judge_voters(configuration const&, config_notes&);

} // namespace tasuki::agent
