#pragma once
// The promotion: run by the holder of the lease of the new epoch, which always promotes itself.
//
//   confirm -> fence + freeze -> survey -> choose -> drain -> equalise -> repoint -> open -> done
//
// Invariants: nobody is opened unless a proof of completeness exists (the freeze rule over the
// recorded ackers, or a position recorded by a majority that this node has reached), or loss was
// accepted. fence, choose and open are journalled before their effect. A new acker counts only
// after it has received all up to the promotion position. On refusal and abort, what was frozen is
// unfrozen, except where the majority could not be told. Each wait has a bound. Resuming after a
// predecessor re-derives everything from a new survey; only its journal is believed.
// `kind` is a wish: the journal overrules it (see `begin`).

#include "tasuki/mysql/candidate.hpp"
#include "tasuki/mysql/procedure.hpp"

#include <map>
#include <set>

namespace tasuki::mysql::failover {

enum class kind {
    failover,   ///< the recorded master is gone
    switchover, ///< the recorded master was closed in good order (journal: `closed`)
    start,      ///< bootstrap: this node is the designated master and nobody was before
    reopen,     ///< this node is the recorded master and has the lease again
};
[[nodiscard]] std::string_view to_string(kind);

/// Starts or resumes. Normalised: recorded master = self is a `reopen`; a journal at `closed` is a
/// `switchover` (to whomever holds the lease now); a failover without a recorded master is refused.
struct begin {
    kind wish = kind::failover;
    epoch under;
    node_id self;
    std::vector<member> members; ///< in order of preference
    journal_entry recorded;      ///< as read from the majority
    bool allow_loss = false;     ///< the operator's `--allow-loss`
    std::set<node_id> silent;    ///< by heartbeat: not waited for unless a recorded acker
    std::set<node_id> standby;   ///< by the operator: never made an acker
};
using event = std::variant<begin, answered, journalled, tick>;

enum class no_acker { degrade, block };
struct policy {
    no_acker on_no_acker = no_acker::degrade;
    bool promote_degraded = false; ///< when_degraded = "promote"
    duration confirm_limit = milliseconds{2000};
    duration freeze_limit = milliseconds{3000};
    duration straggler_grace = milliseconds{200}; ///< for those that no rule needs
    duration journal_limit = milliseconds{5000};
    duration drain_slice = milliseconds{1000}; ///< one `drain`; errors are read in between
    duration drain_limit = milliseconds{60'000};
    duration reach_limit = milliseconds{10'000}; ///< to a position: equalise, switchover
    duration acker_limit = milliseconds{10'000}; ///< for k ackers before on_no_acker decides
    duration step_limit = milliseconds{3000};    ///< arm, follow, open_writes: one try
    duration poll = milliseconds{20};
    duration recheck = milliseconds{1000}; ///< of servers that were of no use
    unsigned tries = 3;
};

enum class phase {
    idle,
    confirm,
    reach,  ///< switchover: up to the closed position
    freeze, ///< journals `fence`, asks the old master's agent to kill, freezes everybody
    look,   ///< start and reopen: survey everybody, freeze nobody
    choose, ///< journals
    drain,
    equalise, ///< drains the more advanced node and follows it
    arm,      ///< self: end of the replica role, semi-sync source on
    repoint,  ///< the others follow; wait for ackers that hold everything
    record,   ///< journals `open`
    open,     ///< semi-sync off if degraded, then read_only off
    recant,   ///< journals `steady` before an abort after `choose`
    undo,     ///< unfreezes
    finished,
};
[[nodiscard]] std::string_view to_string(phase);

struct state {
    phase at = phase::idle;
    begin input;
    kind what = kind::failover; ///< the wish, normalised
    question_book book;
    survey_map facts;
    std::set<node_id> frozen;               ///< answered its freeze with success
    std::map<node_id, std::string> refused; ///< why a freeze failed
    std::set<node_id> to_unfreeze;      ///< was asked to freeze, and neither follows nor was undone
    std::set<node_id> drained;          ///< has applied all that it received
    std::set<node_id> repointed;        ///< follows us
    std::set<node_id> given_up;         ///< left to `rejoin`, with a note
    std::map<node_id, acker> possible;  ///< may acknowledge us: the record has to cover it
    gtid_list target;                   ///< what this node has to hold before it may open
    std::optional<node_id> ahead;       ///< whom to follow to get there
    std::optional<node_id> alternative; ///< who could be promoted instead
    bool following_ahead = false;
    bool armed = false;
    bool ackers_seen = false; ///< the server itself counts enough ackers
    bool degrade = false;     ///< opens without ackers
    bool unprotected = false; ///< semi-sync is off, after `degrade` was recorded
    bool lossy = false;       ///< not proven complete; accepted
    bool chose = false;       ///< a `choose` of ours may be in the record
    bool fence_recorded = false;
    bool awaits_journal = false;
    bool retracted = false; ///< reopen: another's `choose` is no longer in the record
    bool blocking = false;  ///< waits for an acker without end, as configured
    unsigned tries_left = 0;
    instant bound = never; ///< of this phase
    instant grace = never; ///< of those that are not needed
    instant poll_at = never;
    instant recheck_at = long_ago; ///< of servers that were of no use
    instant journal_bound = never;
    conclude verdict; ///< what to say when the undoing is over
};

struct outcome {
    state next;
    std::vector<command> commands;
    std::string reason; ///< of this step, in a few words; empty: nothing changed
};
[[nodiscard]] outcome step(state before, event const&, instant now, policy const&);
/// When the next `tick` is due at the latest.
[[nodiscard]] instant next_wake(state const&);

} // namespace tasuki::mysql::failover
