#pragma once
// What the halves of the voter share: `voter` (promises, grants, records) and `recall` (how one
// without state learns what it may have forgotten). Private to this room; callers use `voter.hpp`.

#include "tasuki/election/voter.hpp"

namespace tasuki::election {

inline bool holds(std::vector<node_id> const& list, node_id node) {
    return std::find(list.begin(), list.end(), node) != list.end();
}

void persist(voter&, std::vector<command>&);
/// Sends `what` once everything up to the newest ticket is on disk.
void reply_when_stored(voter&, node_id to, message what, std::vector<command>&);

void on_recall(voter&, electorate const&, node_id from, recall const&, std::vector<command>&);
void on_recalled(voter&, electorate const&, node_id from, recalled const&, std::vector<command>&);
void on_bootstrap(voter&, electorate const&, node_id from, bootstrap const&, instant now,
                  std::vector<command>&);

} // namespace tasuki::election
