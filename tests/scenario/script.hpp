#pragma once
// A scenario as a person wrote it: the shape of a cluster, what is done to it at which millisecond,
// and the trace that has to come of it. Reading is strict: a word that is not known is an error
// with its line and the words that are.
//
// Deterministic: the same script gives the same trace, so a changed trace is a changed behaviour.

#include "doubles/cluster.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::scenario {

struct deed {
    std::int64_t at_ms = 0;
    std::string words; ///< "cut a b one-way"
    std::size_t line = 0;
};

struct script {
    std::string head; ///< everything above the trace, as it was written
    agent::stage::shape cluster;
    std::string recorded_master; ///< empty: no voter has any state
    std::vector<deed> deeds;
    std::int64_t ends_ms = 0;
    std::vector<std::string> trace;
};

/// Throws std::invalid_argument with "line N: ...".
[[nodiscard]] script parse(std::string_view text);
/// The trace that comes of it; whatever must never happen is its last lines.
[[nodiscard]] std::vector<std::string> play(script const&);
[[nodiscard]] std::string with_trace(script const&, std::vector<std::string> const& trace);

} // namespace tasuki::scenario
