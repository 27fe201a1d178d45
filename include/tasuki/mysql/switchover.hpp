#pragma once
// A planned change of the master, first half: run by the holder of the lease, on the old master.
//
//   precheck -> (plan shown; a dry run ends here) -> catch_up -> hold -> close -> settle_down ->
//   journal `closed` -> hand_over
//
// Where balancers follow the master they hear of `hold`, and begin no more statements there. It
// lasts until they have no session left there, or as long as they get on with it, within a bound.
// Writes go on while the candidate catches up. The point of no return is the journal of `closed`;
// any overrun before it opens the writes again and says so. When that journal's fate is unknown the
// writes stay closed: a successor may already believe the position. The second half is `failover`
// with the journal at `closed`, run by the successor. Meanwhile the caller runs no `ackers`.

#include "tasuki/mysql/candidate.hpp"
#include "tasuki/mysql/procedure.hpp"

#include <cstdint>
#include <map>
#include <set>

namespace tasuki::mysql::switchover {

struct begin {
    epoch under;
    node_id self;
    std::optional<node_id> to; ///< empty: the best
    std::vector<member> members;
    journal_entry recorded;
    std::set<node_id> silent;
    std::set<node_id> standby;
    bool dry_run = false;
    std::set<node_id> balancers{}; ///< where one follows the master; none: there is no `hold`
};
/// The balancer of a node begins no more statements here; so many sessions are still to leave.
struct held {
    node_id by;
    std::uint32_t sessions = 0;
};
using event = std::variant<begin, answered, journalled, held, tick>;

/// Who replicates from whom, for the operator's eye.
struct tree {
    node_id master;
    std::vector<node_id> replicas;
    std::vector<node_id> apart; ///< not replicating from the master
    friend bool operator==(tree const&, tree const&) = default;
};
/// What would happen, before anything does.
struct plan {
    node_id to;
    tree before;
    tree after;
    std::vector<std::string> steps;
    std::string obstacles; ///< as the server lists them: long statements, lock holders, writers
    std::vector<std::string> warnings;
    friend bool operator==(plan const&, plan const&) = default;
};

struct policy {
    duration precheck_limit = milliseconds{3000};
    duration lag_limit = milliseconds{60'000}; ///< for the candidate to catch up, writes going on
    duration caught_up = milliseconds{500};    ///< reached the position of just now within this
    duration hold = milliseconds{150};         ///< for what runs to end, since the last one left
    duration hold_limit = milliseconds{1000};  ///< in all
    duration close_limit = milliseconds{200};  ///< one try of read_only
    unsigned close_tries = 5;
    duration close_pause = milliseconds{300};  ///< writes flow between two tries
    duration reach_limit = milliseconds{3000}; ///< closed: until the candidate has all
    duration journal_limit = milliseconds{3000};
    duration step_limit = milliseconds{3000};
    unsigned undo_tries = 5;
    duration poll = milliseconds{20};
};

enum class phase {
    idle,
    precheck,
    catch_up,
    hold,
    close,
    pause,
    settle_down,
    reach,
    record,
    undo,
    finished
};
[[nodiscard]] std::string_view to_string(phase);

struct state {
    phase at = phase::idle;
    begin input;
    question_book book;
    survey_map facts;
    node_id to;
    std::optional<plan> shown; ///< set when the plan was made
    std::string obstacles;
    gtid_list position;       ///< where the old master was closed
    bool writes_open = false; ///< known: seen so, and not closed since, or opened again
    unsigned tries_left = 0;
    instant bound = never;
    instant poll_at = never;
    instant closing_since = never;
    std::map<node_id, std::uint32_t> held; ///< sessions that are still to leave, by balancer
    instant hold_ends = never;
    conclude verdict;
};

struct outcome {
    state next;
    std::vector<command> commands;
    std::string reason;
};
[[nodiscard]] outcome step(state before, event const&, instant now, policy const&);
[[nodiscard]] instant next_wake(state const&);

} // namespace tasuki::mysql::switchover
