#pragma once
// Three ways to look for a removed rule: whole nodes in worlds with faults, the promotion
// procedures alone among model servers, and the election core in every state within bounds.

#include "mutants.hpp"
#include "world.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tasuki::sim {

struct patience {
    std::uint64_t seeds = 400; ///< of the worlds, at most
    std::uint64_t walks = 1500;
};

struct death {
    std::string killer; ///< "sim two_answer", "walk", "model: two machines answer ..."
    std::uint64_t seed = 0;
    std::uint64_t tried = 0; ///< seeds or walks, this one included, or states
    std::string text;
};

/// Looks with the mutant's own looker; the canary is looked for with all three. Each repeat plays
/// other seeds; an exploration knows none, and is the same each time.
///
/// What is found counts only if it is not found with this rule in its place (and the partner's, if
/// it has one, still removed): neither on the same seed, nor, where there is a partner, on ten
/// times as many.
[[nodiscard]] std::optional<death> look(mutant const&, patience const&, std::uint64_t repeat);
[[nodiscard]] bool explores(mutant const&);
/// A world whose faults are written down: chance alone would hardly ever make all of them meet.
[[nodiscard]] world_options played_world(mutant const&);

} // namespace tasuki::sim
