#pragma once
// What one program hands to the next that takes its place in the same process: the lease goes on.
//
// A node that is only replaced by another version of itself need not give up what it holds. Two
// things make it safe: the old program does nothing more after `bequeath`, and the new
// one is the same node in the same life, so that every grant and promise is meant for it too.
// `highest` keeps it from using an epoch again that the old program has used.

#include "tasuki/election/machine.hpp"

#include <optional>

namespace tasuki::election {

/// What a holder has to know to go on; times are of the machine's clock, which runs on.
struct tenure {
    epoch under;
    deadlines until;
    std::uint64_t sequence = 0;
    record latest;
    friend bool operator==(tenure const&, tenure const&) = default;
};

struct inheritance {
    epoch highest;        ///< seen or used, in any role
    live_grant granted;   ///< by this node's voter
    epoch released;       ///< of which it grants no renewal any more
    instant silent_until; ///< of a voter that does not know what it had granted in a former life
    std::optional<tenure> held; ///< if this node is active
    epoch under; ///< the last one that it wrote under: no claim up to there is withdrawn
    friend bool operator==(inheritance const&, inheritance const&) = default;
};

/// Nothing while something is between two states: a claim, a record on its way, a promise that is
/// not on disk yet, a step down. It takes moments: ask again.
[[nodiscard]] std::optional<inheritance> bequeath(state const&);

/// The state with which the new program goes on. A lease that is over by `now` is given up by the
/// first step, as any lease is.
[[nodiscard]] state inherit(policy const&, voter_start const&, inheritance const&,
                            std::uint64_t seed, instant now);

void encode(inheritance const&, byte_writer&);
[[nodiscard]] result<inheritance> decode_inheritance(byte_reader&);

} // namespace tasuki::election
