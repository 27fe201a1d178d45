#pragma once
// What an operator may change about the voters, and in which order it is done. Pure functions.
//
// One voter at a time: two sets that differ by one voter have no two majorities apart. Until a new
// voter has copied what the others know (a longest lease, and a moment) only they can vote: they
// have to be a majority of the new set alone.

#include "tasuki/agent/wish.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/election/machine.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tasuki::agent {

/// The voters of a set that follows `now`, one step closer to what is wished; empty if nothing is
/// left to be done. A voter that is replaced goes first if it is silent, for then it is only in
/// the way; else its successor comes first.
[[nodiscard]] std::vector<node_id> next_voters(std::vector<node_id> const& now, ask_voters const&,
                                               bool silent_goes_first);

struct voter_refusal {
    std::string code; ///< a fixed word: no_change, already_voter, not_a_voter, too_few, too_many,
                      ///< not_heard, too_few_heard, other_files
    std::string text;
    std::string next_command;
};
/// What the refusals need to know of the cluster.
struct voter_eyes {
    std::function<bool(node_id)> hears; ///< true for this node itself
    std::function<std::string(node_id)> name;
    std::function<bool(node_id)> same_file; ///< true for one that is not heard
};
[[nodiscard]] std::optional<voter_refusal> why_not(std::vector<node_id> const& now,
                                                   ask_voters const&, voter_eyes const&);

/// What one voter has on disk about one group.
struct voter_memory {
    bool blank = true;
    std::pair<epoch, record_version> newest{};
    epoch promised{};
};
/// Whether what a majority of the set before has written cannot be missed by a majority of this
/// one: the newest record that a majority tells of lies with a majority.
[[nodiscard]] bool is_copied(std::map<node_id, voter_memory> const& told,
                             election::electorate const&);
/// No epoch newer than this has been promised by a majority of the set before; whoever of it is
/// asked after counting in this set promises nothing there any more.
[[nodiscard]] epoch newest_promised(std::map<node_id, voter_memory> const& told,
                                    election::electorate const&);

} // namespace tasuki::agent
