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
    /// Who looks for it: worlds, walks, the world in tests/sim/played, or words that name an
    /// exploration of tests/model.
    std::string_view looker;
    /// Another rule that keeps the same promise: it is removed, too, and alone it must not be
    /// found.
    bug with = bug::none;
};
inline constexpr std::string_view worlds = "sim";
inline constexpr std::string_view walks = "walk";
inline constexpr std::string_view played = "played";

/// Removes a rule, or two.
void remove_rules(bug which, bug with = bug::none);
[[nodiscard]] mutant const* find_mutant(std::string_view name);
[[nodiscard]] mutant const& mutant_of(bug);

/// In the order of the enumeration, without `none`; the last is the canary, which removes nothing.
[[nodiscard]] std::span<mutant const> all_mutants();

} // namespace tasuki::sim
