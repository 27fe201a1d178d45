#pragma once
// Keeps the set of ackers while the master is open: admission, removal, loss of the last one, and
// the way back from degraded. Runs on the active master's node; it never ends by itself.
//
// One change at a time, always in this order: record {old set, new set} -> silence who leaves (its
// agent restarts it without the role, or the master locks its account) and give the role to who
// comes -> probe -> wait until all of the new set have received the master's position read after
// that -> record the new set alone. So the record covers at each instant who can really
// acknowledge. Degraded is recorded before semi-sync is switched off, and cleared by the same way.
// An acknowledgement that was lost is repeated by another commit: a probe after each reconnection.
//
// It is stopped by dropping its state, once no `journal` of it is under way: the record then covers
// both sets of a change that was not finished. It goes on with a new `begin`.

#include "tasuki/mysql/candidate.hpp"
#include "tasuki/mysql/procedure.hpp"

#include <map>
#include <optional>
#include <set>

namespace tasuki::mysql::ackers {

/// The master has been opened: from here on its set is kept.
struct begin {
    epoch under;
    node_id self;
    std::vector<member> members;
    journal_entry recorded;
};
/// What the caller knows from heartbeats and the operator; send it whenever it changes.
struct presence {
    node_id node;
    bool alive = true;
    bool standby = false;
};
using event = std::variant<begin, presence, answered, journalled, tick>;

struct policy {
    bool degrade_without_acker = true; ///< on_no_acker = "degrade"
    duration observe_every = milliseconds{500};
    duration loss_grace = milliseconds{0}; ///< after heartbeat has called a node dead
    /// Alive, but its receiver does not run, or receives nothing while commits wait for it.
    duration unhealthy_grace = milliseconds{3000};
    duration step_limit = milliseconds{3000};
    duration probe_limit = milliseconds{2000};
    duration barrier_limit = milliseconds{30'000};
    duration journal_limit = milliseconds{5000};
    duration retry_after = milliseconds{5000}; ///< after a change that failed
    duration poll = milliseconds{50};
    std::uint64_t near_bytes = 1024 * 1024; ///< download lag below which a replica may acknowledge
};

enum class phase {
    idle,     ///< before `begin`
    watch,    ///< observes
    announce, ///< journals {old set, new set}
    switch_roles,
    shield, ///< from degraded: semi-sync source on
    probe,
    barrier,
    commit,    ///< journals the new set
    surrender, ///< journals degraded
    unprotect, ///< semi-sync source off
};
[[nodiscard]] std::string_view to_string(phase);

/// How far a replica has read the master's binlog, and since when no further.
struct progress {
    std::string file;
    std::uint64_t position = 0;
    instant since = long_ago;
};

struct state {
    phase at = phase::idle;
    begin input;
    question_book book;
    journal_entry recorded; ///< as committed
    survey_map facts;       ///< of the last observation; absent: no answer
    std::map<node_id, presence> heard;
    std::map<node_id, instant> dead_since;
    std::map<node_id, instant> unhealthy_since;
    std::map<node_id, progress> read_up_to;    ///< while commits wait for an acknowledgement
    std::map<node_id, thread_state> receivers; ///< to see a reconnection
    bool probe_wanted = false;
    std::string blocked;        ///< why commits may wait, for status; empty: they do not
    std::vector<acker> target;  ///< of the change under way
    std::set<node_id> granted;  ///< its agent confirmed the role
    std::set<node_id> leaving;  ///< must not acknowledge after the change
    std::set<node_id> silenced; ///< of these: cannot, confirmed by its agent or by a lock
    gtid_list barrier;
    bool barrier_read = false;
    bool probed = false;
    std::optional<journal_entry> pending; ///< sent to the majority
    instant observe_at = long_ago;
    instant bound = never;
    instant poll_at = never;
    instant quiet_until = long_ago; ///< no new admission before
};

struct outcome {
    state next;
    std::vector<command> commands;
    std::string reason;
};
[[nodiscard]] outcome step(state before, event const&, instant now, policy const&);
[[nodiscard]] instant next_wake(state const&);

} // namespace tasuki::mysql::ackers
