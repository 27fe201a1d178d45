#pragma once
// The voter of one group on one node: what it has promised, granted and stored.
//
// It never takes a side: it grants the lease of the epoch it promised (of the one before, if that
// claim is withdrawn), refuses every other while a grant is live, and answers a promise or a record
// write only after both are on disk. A voter that restarted without knowing its grants is silent
// for the longest lease; one without any state first asks the others what it may have forgotten;
// (those of the set before as well, while voters have just changed); one whose state belongs to a
// set of voters that it knows nothing of does not vote, for two sets have two majorities.
// The holder's own vote passes through here as well.

#include "tasuki/election/role.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace tasuki::election {

struct delayed_reply {
    std::uint64_t ticket = 0;
    node_id to;
    message what;
};

struct memory_of_other {
    node_id node;
    recalled what;
};

struct voter {
    bool votes = false;     ///< this node is in the voter set
    bool blank = true;      ///< nothing on disk: must not vote
    bool poisoned = false;  ///< an fsync failed: never votes again in this life
    bool misplaced = false; ///< the state is of a set that this node has not learnt of: no vote
    bool clock_beyond_bound = false; ///< a grant would be timed wrongly: gives none
    durable_state memory;
    instant promised_at = long_ago; ///< a fresh promise discourages others for a moment
    live_grant granted;
    epoch offered;      ///< whoever is granted this epoch lets another claim before it ends
    node_id offered_to; ///< only this one
    epoch released;     ///< renewals of this epoch or older are refused
    instant silent_until = long_ago;
    std::uint64_t last_ticket = 0;
    std::uint64_t stored_ticket = 0;
    std::uint64_t failed_ticket = 0;
    std::vector<delayed_reply> delayed;
    std::vector<memory_of_other> recollections;
    instant recall_at = long_ago;

    [[nodiscard]] bool may_vote(instant now) const {
        return votes && !blank && !poisoned && !misplaced && !clock_beyond_bound &&
               now >= silent_until;
    }
};

/// Whose renewals and writes count, and those of newer epochs.
[[nodiscard]] allegiance followed(durable_state const&);

/// What a voter needs to know about the cluster.
struct electorate {
    node_id self;
    incarnation life;
    std::vector<node_id> voters;
    bool everybody_votes = false;  ///< no node without a vote can hold the lease
    std::uint32_t version = 0;     ///< of the set of voters
    std::vector<node_id> before{}; ///< the set before, until this one is settled
    std::vector<node_id> next{};   ///< the set that a majority may have agreed to by now
    epoch floor{}; ///< former voters may have promised epochs up to this one: none is promised anew
    bool is_known = true; ///< this node cannot have lost what it knew of the voters
    node_id absent{}; ///< the other one of two voters, if it is switched off: it can say nothing
    [[nodiscard]] bool has(node_id node) const {
        return std::find(voters.begin(), voters.end(), node) != voters.end();
    }
    [[nodiscard]] voter_set set() const;
    [[nodiscard]] std::size_t majority() const {
        return majority_of(voters.size()) - (is_one_of_two_absent() ? 1U : 0U);
    }
    [[nodiscard]] bool is_one_of_two_absent() const { return voters.size() == 2 && has(absent); }
    /// Of two voters a claim needs both, so that the holder's own vote alone keeps its lease: that
    /// of the other one only tells that it is there. Not while others may be counted among.
    [[nodiscard]] bool renews_alone() const;
};

/// The same for every order of the voters.
[[nodiscard]] voter_set voter_set_of(std::vector<node_id> voters, std::uint32_t version = 0);

/// A voter at the start of an agent. `remembered` is the state from disk, `stamped` a grant from
/// tmpfs that is known to be the last one of this boot.
struct voter_start {
    std::optional<durable_state> remembered;
    std::optional<live_grant> stamped;
};
[[nodiscard]] voter start_voter(electorate const&, voter_start const&, instant now);

/// Handles the messages that a voter answers; true if `what` was one of them.
[[nodiscard]] bool answer(voter&, electorate const&, received const&, instant now,
                          std::vector<command>&);
/// The node counts in another set of voters now. What it has promised holds in both, for each
/// majority of one shares a voter with each of the other.
void move_to(voter&, electorate const&, instant now, std::vector<command>&);
void on_stored(voter&, stored const&, std::vector<command>&);
/// Asks the others while blank; returns when to come again.
[[nodiscard]] instant remind(voter&, electorate const&, duration interval, instant now,
                             std::vector<command>&);

} // namespace tasuki::election
