#pragma once
// The whole decision about one group on one node: step(state, event, now, policy) -> outcome.
//
// Pure: the same inputs give the same outcome, so a simulator's seed reproduces a run. What holds
// at every instant: `may_serve` is true on at most one node; epochs only grow; the node itself
// promises through its own voter. Nothing here pre-empts a living holder.

#include "tasuki/election/voter.hpp"

#include <array>

namespace tasuki::election {

struct policy {
    electorate cluster;
    std::vector<node_id> others; ///< every other node of the cluster, voter or not
    lease_terms terms;
    duration interval = milliseconds{200};
};

/// A try to become active, from PreVote to the committed record.
struct attempt {
    epoch under;
    instant deadline = long_ago;
    instant resend_at = long_ago;
    std::vector<node_id> yes;
    std::vector<duration> refusals; ///< one per refusing voter: how long it still refuses
    std::vector<node_id> no;
    record newest;
    /// Promised while another's lease runs, which is offered to us: it ends before ours begins.
    bool early = false;
};

struct acknowledged {
    node_id node;
    instant sent = long_ago;
};

/// A record on its way to a majority.
struct write_in_flight {
    bool under_way = false;
    record content;
    std::vector<node_id> written_by;
    instant resend_at = long_ago;
    instant counts_until = long_ago; ///< a voter may have lost what it wrote for longer: anew then
};

/// The first record on its way to voters that had no state, each in the life in which it said so.
struct founding {
    struct addressee {
        node_id node;
        incarnation life;
    };
    bool under_way = false; ///< a majority has not shown yet that it has state
    record content;
    std::vector<addressee> to;
    std::vector<node_id> known_by;
};

struct holder_seen {
    node_id node;
    epoch under;
    instant expires = long_ago;
};

/// The holder of this epoch lets us claim, and its release is for us.
struct offer_heard {
    epoch under;
    node_id by;
};

inline constexpr std::size_t renewals_remembered = 64;

struct state {
    role now_role = role::standby;
    voter vote;
    std::uint64_t random = 1;

    // As a candidate.
    suitability fit;
    instant stand_from = long_ago; ///< hold-down; the suitability's delay comes on top
    bool named = false;            ///< a release named us: stand at once
    epoch highest_seen;
    unsigned failures = 0; ///< attempts without success since a holder was heard
    holder_seen holder;
    offer_heard offered;
    attempt claim;
    founding first;

    // As the holder.
    epoch under;
    deadlines until;
    std::uint64_t sequence = 0;
    instant renew_at = long_ago;
    std::array<instant, renewals_remembered> sent{};
    std::vector<acknowledged> grants;
    write_in_flight writing;
    record latest;      ///< committed under our epoch
    bool early = false; ///< as in the claim, until the first majority of grants
    node_id successor;
    instant offered_until = never; ///< an offer ends then, whether the successor is ready or not
    reason leaving = reason::none;
    int releases_left = 0; ///< how often the release is still repeated
    instant release_at = long_ago;
};

struct outcome {
    state next;
    std::vector<command> commands;
    reason why = reason::none;
};

[[nodiscard]] state start(policy const&, voter_start const&, std::uint64_t seed, instant now);
[[nodiscard]] outcome step(state const&, event const&, instant now, policy const&);
/// The same in place, for a caller that has no use for the state before.
struct consequence {
    std::vector<command> commands;
    reason why = reason::none;
};
[[nodiscard]] consequence advance(state&, event const&, instant now, policy const&);
/// With the commands in a list that is used again and again; it is emptied first.
[[nodiscard]] reason advance(state&, event const&, instant now, policy const&,
                             std::vector<command>&);

/// The promise of the product, in one line: only while this is true may the node answer.
[[nodiscard]] inline bool may_serve(state const& it, instant now) {
    return it.now_role == role::active && now < it.until.hard;
}

/// When the newest renewal left that a majority has granted: proof that we were heard, and heard
/// them.
[[nodiscard]] instant confirmed_at(state const&, policy const&);

/// What this node knows of the record: its own committed one, or what its voter has stored.
[[nodiscard]] inline record const& known_record(state const& it) {
    return it.latest.order() > it.vote.memory.known.order() ? it.latest : it.vote.memory.known;
}

} // namespace tasuki::election
