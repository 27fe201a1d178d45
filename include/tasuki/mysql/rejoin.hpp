#pragma once
// A server comes back, or replicates from nowhere or from the wrong master: what is it, and what to
// do? Run by the active master's node, one procedure for each such server.
//
// Only `clean` is acted upon: settle, then follow. Everything else is quarantined: left as it is,
// with a text that names the transactions and the remedy. Replication is never restarted on
// something not understood. A state that the returning server reports is compared with the new
// master's read *after* it, so that a transaction on its way never looks like a divergence.

#include "tasuki/mysql/facts.hpp"
#include "tasuki/mysql/procedure.hpp"

namespace tasuki::mysql::rejoin {

enum class finding {
    clean,     ///< holds nothing that the new master does not
    tail_only, ///< the old master's own last transactions, never acknowledged
    diverged,  ///< others' or acknowledged ones, or written besides
    unknown,   ///< not enough is known to say
};
[[nodiscard]] std::string_view to_string(finding);

struct diagnosis {
    finding what = finding::unknown;
    gtid_list extra;           ///< what only the returning server has
    bool adopt_binlog = false; ///< its own binlog is its position: it was a master
    std::string text;          ///< for the operator, with the remedy
};
struct evidence {
    server_facts returning;
    server_facts master; ///< read later
    gtid_list promotion; ///< of the record
    bool loss_accepted = false;
    bool was_master = false; ///< the master before this one
    std::string name;        ///< of the returning node
};
[[nodiscard]] diagnosis classify(evidence const&);

/// Whether this procedure should run for a member, from its latest facts; the reason in words.
[[nodiscard]] std::optional<std::string> needs_rejoin(server_facts const& returning,
                                                      endpoint const& master);

struct begin {
    epoch under;
    node_id self; ///< the active master's node
    member returning;
    std::vector<member> members;
    journal_entry recorded;
    bool was_master = false;
};
using event = std::variant<begin, answered, tick>;

struct policy {
    duration survey_limit = milliseconds{3000};
    duration settle_limit = milliseconds{30'000};
    duration follow_limit = milliseconds{10'000};
    duration connect_limit = milliseconds{15'000}; ///< until its receiver runs
    duration poll = milliseconds{100};
};

enum class phase {
    idle,
    look,
    look_master,
    settle,
    settle_master,
    unlock,
    follow,
    verify,
    finished
};
[[nodiscard]] std::string_view to_string(phase);

struct state {
    phase at = phase::idle;
    begin input;
    question_book book;
    server_facts returning;
    server_facts master;
    diagnosis found;
    instant bound = never;
    instant poll_at = never;
};

/// Concludes `done` (follows, verified), `quarantined` (text for the operator) or `aborted` (an
/// answer was missing: try again later).
struct outcome {
    state next;
    std::vector<command> commands;
    std::string reason;
};
[[nodiscard]] outcome step(state before, event const&, instant now, policy const&);
[[nodiscard]] instant next_wake(state const&);

} // namespace tasuki::mysql::rejoin
