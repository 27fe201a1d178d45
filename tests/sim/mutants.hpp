#pragma once
// The planted bugs: the same simulators, with one rule of the product removed.

#include "tasuki/core/planted.hpp"

#include <span>
#include <string_view>

namespace tasuki::sim {

struct mutant {
    bug which;
    std::string_view name;
    std::string_view room; ///< where the rule is
    std::string_view removes;
};

/// In the order of the enumeration, without `none`; the last is the canary, which removes nothing.
[[nodiscard]] std::span<mutant const> all_mutants();

} // namespace tasuki::sim
