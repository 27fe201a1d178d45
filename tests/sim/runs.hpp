#pragma once
// Many seeds after each other on several threads, and what came of them.

#include "world.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::sim {

struct run_plan {
    std::uint64_t first = 1;
    std::uint64_t seeds = 100;
    world_time length = 600 * second;
    unsigned threads = 2;
    std::uint64_t failures_most = 1;            ///< after so many no further seed is begun
    std::function<bool(shape const&)> wanted{}; ///< other seeds are left out
};

struct failure_found {
    std::uint64_t seed = 0;
    violation what;
};

struct run_result {
    std::uint64_t seeds = 0;
    statistics total;
    std::vector<failure_found> failures; ///< in the order of their seeds
    std::vector<failure_found> late;     ///< a database came back later than its bound, no more
    double core_seconds = 0;             ///< of processor time, over all threads
    double simulated_seconds = 0;

    [[nodiscard]] double speed() const { return simulated_seconds / core_seconds; }
};

[[nodiscard]] run_result run_seeds(run_plan const&);
[[nodiscard]] std::string describe(run_result const&);

/// Leaves faults out, and shortens the run, as long as the same check still fails.
[[nodiscard]] world_options shorten(world_options, std::string const& check);
/// `options` as a file that `sim --replay` reads.
[[nodiscard]] std::string to_text(world_options const&, violation const&);
[[nodiscard]] world_options parse_replay(std::string const& text);

} // namespace tasuki::sim
