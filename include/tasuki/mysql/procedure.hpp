#pragma once
// What the long procedures (failover, switchover, ackers, rejoin) say and hear; and the book of
// their open questions.
//
// Commands are run in order. A `journal` must be committed by a majority before `journalled{true}`
// comes back; a procedure asks nothing that depends on it before. A question without an answer by
// its bound is answered by the book itself as timed out: its effect is unknown. Late answers are
// ignored. Tickets of one procedure are unique; the caller keeps those of several apart by setting
// `book.next_ticket` to distinct ranges.

#include "tasuki/mysql/operation.hpp"
#include "tasuki/mysql/standing.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::mysql {

/// Bring `what` to the agent of `node`; its answer comes back as `answered`.
struct ask {
    node_id node;
    order what;
    friend bool operator==(ask const&, ask const&) = default;
};
/// Commit to the record by a majority; `journalled` comes back.
struct journal {
    journal_entry entry;
    friend bool operator==(journal const&, journal const&) = default;
};
/// A line of the operation's timeline.
struct note {
    std::string step;
    std::string text;
    friend bool operator==(note const&, note const&) = default;
};
enum class conclusion {
    done,
    refused,     ///< a rule forbids it; what was frozen or closed has been undone
    aborted,     ///< it failed on the way; the text says what is left
    hand_over,   ///< switchover only: release the lease to `successor`, which promotes itself
    quarantined, ///< rejoin only: left as it is, for the operator
};
[[nodiscard]] std::string_view to_string(conclusion);
/// The last command of a procedure. After `aborted` or `refused` the caller gives the lease up.
struct conclude {
    conclusion how = conclusion::aborted;
    std::string text;
    std::optional<node_id> successor; ///< who should get the lease instead, if anybody
    gtid_list position;               ///< where the new or closed master stands
    /// Switchover only: the old master is known to accept writes. If not, it may be read-only: the
    /// caller has to open it again, or to give the lease up.
    bool writes_open = false;
    friend bool operator==(conclude const&, conclude const&) = default;
};
using command = std::variant<ask, journal, note, conclude>;

/// The agent's answer, or a failure made by the caller if it could not be reached.
struct answered {
    answer what;
};
struct journalled {
    bool ok = false; ///< false: no majority, or the epoch is over
};
/// Time has passed; at the latest at `next_wake` of the procedure's state.
struct tick {};

/// One open question.
struct question {
    std::uint64_t ticket = 0;
    node_id node;
    operation what;
    instant bound = never;
};

/// The open questions of a procedure.
struct question_book {
    std::uint64_t next_ticket = 1;
    std::vector<question> open;

    /// Opens a question. The bound is `limit` and a margin for the way there and back.
    [[nodiscard]] ask put(node_id, operation, duration limit, epoch, instant now);
    /// Closes the question of this answer; empty if it is late or foreign.
    [[nodiscard]] std::optional<question> close(std::uint64_t ticket);
    /// Closes every question whose bound has passed.
    [[nodiscard]] std::vector<question> expire(instant now);
    [[nodiscard]] bool waits_for(node_id) const;
    [[nodiscard]] instant next_bound() const;
    void clear() { open.clear(); }

    template<class Operation>
    [[nodiscard]] bool waits_for() const {
        for (question const& each : open)
            if (std::holds_alternative<Operation>(each.what))
                return true;
        return false;
    }
    template<class Operation>
    [[nodiscard]] bool waits_for(node_id node) const {
        for (question const& each : open)
            if (each.node == node && std::holds_alternative<Operation>(each.what))
                return true;
        return false;
    }
};

/// Whether its facts may be believed to be those of now: read for this answer, or of a server that
/// is of no use anyway. Old positions and roles must not pass for new ones.
[[nodiscard]] bool tells_state(answer const&);

/// The answer that stands in for one that never came.
[[nodiscard]] answer lost_answer(question const&);

} // namespace tasuki::mysql
