#pragma once
// [[pool]]: what tasuki-lb serves, and on which nodes.

#include "tasuki/lb/pool.hpp"

#include <string>
#include <vector>

namespace tasuki::agent {

inline constexpr std::size_t pools_max = 64;
inline constexpr std::size_t backends_max = 4096; ///< of a pool

struct pool_config {
    lb::pool_settings settings;
    std::vector<std::string> nodes; ///< or, if there are none:
    std::string group;              ///< on all its members, whoever holds its address
    friend bool operator==(pool_config const&, pool_config const&) = default;
};

/// In one fixed order and spelling.
[[nodiscard]] std::string canonical_text(pool_config const&);

} // namespace tasuki::agent
