#pragma once
// What a run is asked for, and what came of it.

#include "script.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::sim {

struct world_options {
    std::uint64_t seed = 1;
    world_time ends_at = 600 * second;
    std::optional<script> faults{}; ///< instead of those of the seed
    bool trace = false;
};

struct statistics {
    std::uint64_t events = 0;
    std::uint64_t faults = 0;
    std::uint64_t openings = 0;
    std::uint64_t commits = 0;    ///< that clients were told to be safe
    std::uint64_t promotions = 0; ///< servers opened for writes
    std::uint64_t replaced = 0;   ///< programs, while what they served went on
    std::uint64_t sweeps = 0;     ///< of key rotations, or parts of one
    std::uint64_t voters_changed = 0;
    std::uint64_t fenced = 0;      ///< machines switched off by the other of two voters
    std::uint64_t helped = 0;      ///< times that the operator had to say who takes over
    std::uint64_t fingerprint = 0; ///< of everything that happened, in order
};

/// Which promise was broken: its short name, and what happened.
struct violation {
    std::string check;
    std::string text;
    world_time when = 0;
};

/// The one check that a run may fail a few times, if it is told how often: nothing unsafe happens,
/// and an operator can help.
inline constexpr std::string_view late_database = "database_late";

} // namespace tasuki::sim
