#pragma once
// What operators want of the backends, by command, on all balancers of a cluster: pure.
//
// Each wish carries a stamp, and everywhere the one with the greatest stamp counts, in whatever
// order they arrive and however often: a register whose last writer wins, with Lamport's clock
// ("Time, Clocks, and the Ordering of Events in a Distributed System", 1978), no wall clock. What
// was wanted while a balancer was away reaches it when it is back. A backend that was removed by
// command leaves an empty wish, so that nobody who was away brings it back.
//
// As text it is JSON with a number for its form, the same in the file and on the way; whoever reads
// another form refuses it. A text is read whole or not at all.

#include "tasuki/lb/roster.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::balancer {

struct stamp {
    std::uint64_t revision = 0;
    std::string node; ///< where the command was given
    friend auto operator<=>(stamp const&, stamp const&) = default;
};
struct stamped_word {
    stamp at;
    lb::backend_word word;
    friend bool operator==(stamped_word const&, stamped_word const&) = default;
};
using pool_words = std::map<std::string, stamped_word>;  ///< by backend
using shared_wishes = std::map<std::string, pool_words>; ///< by pool

/// The stamp of what is wanted now: greater than any that is known.
[[nodiscard]] stamp next_stamp(shared_wishes const&, std::string node);

/// Takes over what is newer, of backends that are here, or were added or removed by command;
/// returns which.
[[nodiscard]] std::vector<std::string> merge(pool_words&, pool_words const& told,
                                             lb::roster const& here);

/// What the file has no more is wanted no more.
void forget_gone(pool_words&, lb::roster const& here);

[[nodiscard]] lb::pool_wishes wishes_in(pool_words const&);

/// "drain", "ready, weight 20", "removed"
[[nodiscard]] std::string to_string(lb::backend_word const&);

[[nodiscard]] std::string to_text(shared_wishes const&);
[[nodiscard]] result<shared_wishes> parse_shared_wishes(std::string_view text);

} // namespace tasuki::balancer
