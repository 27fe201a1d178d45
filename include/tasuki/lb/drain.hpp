#pragma once
// The ladder by which a session leaves its backend: what is to be done with it now, and why.
//
//   1 no new connections (that is the schedule's part: weight 0)
//   2 idle and outside a transaction: moved to another server, where it may be; else closed, best
//     where its pool asks whether it lives
//   3 in a transaction, or holding what the server would take away: waited for
//   4 at the deadline: cut, and named
//
// Pure and without memory: asked again after each event of the session and at `again_at`.

#include "tasuki/core/time.hpp"
#include "tasuki/lb/mysql_session.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::lb {

struct drain_rules {
    /// A pool validates what it has not used for so long (HikariCP: 500 ms): an idle session is
    /// closed after this, so that the pool finds out before it sends a statement.
    duration idle_before_close = milliseconds{600};
    /// A session that is busy all the time is closed between two statements after this part of the
    /// time until the deadline.
    double patience = 0.5;
    /// Of what cannot be read (TLS, plain TCP) only silence tells: it is closed after so much of
    /// it.
    duration silence_before_close = milliseconds{5000};
    friend bool operator==(drain_rules const&, drain_rules const&) = default;
};

/// A drain that goes on.
struct draining {
    instant began = long_ago;
    instant deadline = never;
    bool is_urgent = false; ///< closed at the first safe point: no patience with who is busy
    friend bool operator==(draining const&, draining const&) = default;
    template<class Archive>
    void members(Archive& it) {
        it(began, deadline, is_urgent);
    }
};

/// What is seen of one session.
struct session_view {
    activity doing = activity::blind;
    bool in_transaction = false;
    bool is_transaction_unknown = false; ///< an error came; COM_PING would tell
    bool has_cursor = false;
    bool may_hold_locks = false;
    bool validates = false; ///< its pool has been seen to ask whether it lives
    bool is_asking = false; ///< our own COM_PING has no answer yet
    bool may_move = false;  ///< another server can take it, as far as is known
    bool is_moving = false;
    instant last_byte = long_ago;
    instant transaction_since = never;
};
[[nodiscard]] session_view look_at(mysql_session const&);

enum class deed : std::uint8_t {
    wait,  ///< look again at `again_at`, or when something passes
    ask,   ///< put a COM_PING in, for its answer carries the status
    move,  ///< to another server: it is between two statements
    close, ///< nothing is lost by it
    cut,   ///< the deadline has come, and there is work
};

/// Why a session is still there, or why it went: for people, in logs and in `tasuki lb`.
enum class because : std::uint8_t {
    idle,
    validation,     ///< closed as the answer to a validation, or that is waited for
    statement,      ///< an answer is due
    transaction,    ///< open
    unknown,        ///< after an error
    cursor,         ///< open
    locks,          ///< GET_LOCK or LOCK TABLES
    file,           ///< LOAD DATA LOCAL
    stream,         ///< a replica
    login,          ///< not logged in yet
    moving,         ///< to another server
    cannot_be_read, ///< TLS or plain TCP: only its silence counts
    deadline,
};
[[nodiscard]] std::string_view to_string(because);

struct decision {
    deed what = deed::wait;
    because why = because::idle;
    instant again_at = never;
    friend bool operator==(decision const&, decision const&) = default;
};

/// `validates_now`: the client has just begun a command that is a validation; it has not been
/// passed on.
[[nodiscard]] decision decide(drain_rules const&, draining const&, session_view const&, instant now,
                              bool validates_now = false);

/// "in transaction for 12 s": behind who it is, in the list of those who are left.
[[nodiscard]] std::string why_left(decision const&, session_view const&, instant now);

} // namespace tasuki::lb
