#pragma once
// The first deed of a start: addresses that an agent left here when it was killed go away.
//
// It needs nothing but the configuration, so that it is done even if the rest of the start fails (a
// disk that cannot be written, a key that is gone) while another node serves already. It leaves
// everything alone if another agent runs with the same state folder: they are that agent's.

#include "tasuki/agent/config.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/vip/address.hpp"

#include <set>
#include <string>
#include <vector>

namespace tasuki::agent {

/// All that this node may ever carry.
[[nodiscard]] std::vector<vip::configured_address> addresses_of(configuration const&,
                                                                std::string const& node);

/// Of all nodes, on all paths.
[[nodiscard]] std::set<ip_address> all_addresses(configuration const&);

/// What was done, one line each, for the log.
[[nodiscard]] result<std::vector<std::string>>
sweep_leftovers(configuration const&, std::string const& node, std::string const& state_dir);

} // namespace tasuki::agent
