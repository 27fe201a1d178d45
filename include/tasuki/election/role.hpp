#pragma once
// Who may be active, until when? Read this file first: roles, events, commands, reasons.
//
// One machine per group and node. It decides; it never sends, stores, sleeps or asks for the time.
// Commands are a contract of order: a `store` is confirmed by `stored` before anything that depends
// on it is sent, a `stamp` is written before the grant that follows it leaves.
//
//   standby -> canvassing -> claiming -> recovering -> active -> stepping_down -> standby
//              (PreVote)     (Prepare)   (write back)

#include "tasuki/core/ids.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/election/lease.hpp"
#include "tasuki/election/message.hpp"
#include "tasuki/election/record.hpp"

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

namespace tasuki::election {

enum class role { standby, canvassing, claiming, recovering, active, stepping_down };
inline constexpr role every_role[] = {role::standby,    role::canvassing, role::claiming,
                                      role::recovering, role::active,     role::stepping_down};
[[nodiscard]] std::string_view to_string(role);

enum class reason {
    none,
    holder_silent,   ///< the lease of the last known holder has run out
    named_successor, ///< a release named us
    prevote_won,
    prevote_refused,
    promises_won,
    promise_refused,
    attempt_timed_out,
    record_committed, ///< and the lease is held: active
    lease_lost,       ///< no majority renewed in time
    handed_over,      ///< released on purpose
    not_eligible,
    voters_changed,     ///< a claim among other voters than began it
    clock_beyond_bound, ///< the lease would be counted on a clock that cannot be trusted
};
[[nodiscard]] std::string_view to_string(reason);

// --- events -------------------------------------------------------------------------------------

struct received {
    node_id from;
    message what;
};
/// The instant of an earlier `wake_at` has come; harmless at any other time.
struct tick {};
enum class store_outcome { stored, failed, poisoned };
struct stored {
    std::uint64_t ticket = 0;
    store_outcome outcome = store_outcome::stored;
};
/// May this node stand, and how long after the holder's silence (preference, position)?
struct suitability {
    bool eligible = false;
    duration delay{};
    friend bool operator==(suitability const&, suitability const&) = default;
};
/// The active node wants this record committed; epoch and version are set by the machine. One at a
/// time: a second before `committed` of the first is ignored.
struct write_record {
    record content;
};
/// Release on purpose, to a chosen successor or to whoever stands first.
struct hand_over {
    node_id successor;
};
/// The node has stopped serving under this epoch, verified.
struct closed {
    epoch under;
};
/// The operator's first record for a cluster in which no voter has any state.
struct start_cluster {
    record content;
};

/// The policy names other voters than before, or those of before are settled now.
struct voters_changed {};

/// Whether the rate of this node's clock is within the bound that every deadline assumes.
struct clock_checked {
    bool within_bound = true;
};

using event = std::variant<received, tick, stored, suitability, write_record, hand_over, closed,
                           start_cluster, clock_checked, voters_changed>;

// --- commands -----------------------------------------------------------------------------------

struct live_grant {
    epoch under;
    node_id holder;
    incarnation life;
    instant expires = long_ago;
    friend bool operator==(live_grant const&, live_grant const&) = default;
};

/// Whose renewals and writes a voter takes; none of an older epoch.
struct allegiance {
    epoch under;
    node_id to;
    incarnation life;
    friend bool operator==(allegiance const&, allegiance const&) = default;
};

/// Of claims that fail together, each is remembered up to here: the oldest is followed then.
inline constexpr std::size_t allegiances_max = 4;

/// What a voter may never forget.
struct durable_state {
    epoch promised;
    node_id promised_to;
    incarnation promised_life;
    record known;
    /// Promises and records count in the majorities of this set, and of those that follow it.
    voter_set voters;
    /// Whom it followed before that promise, oldest first, without those whose claims have failed;
    /// empty if it copied the promise from others. At most `allegiances_max`.
    std::vector<allegiance> before{};
    /// The claim that it was given to has failed: the last of `before` is followed, or who is newer
    /// than that. No epoch up to `promised` is promised again all the same.
    bool withdrawn = false;
    friend bool operator==(durable_state const&, durable_state const&) = default;
};
void encode(durable_state const&, byte_writer&);
[[nodiscard]] result<durable_state> decode_durable_state(byte_view);

struct send {
    node_id to;
    message what;
};
/// Write both, fsync, then answer `stored` with the ticket.
struct store {
    std::uint64_t ticket = 0;
    durable_state content;
};
/// Keep the grant where a restarted agent of this boot finds it (tmpfs; no system call).
struct stamp {
    live_grant content;
};
/// Active from now on: serve, under this epoch, until the deadlines say otherwise.
struct start_serving {
    epoch under;
    record known;
};
struct extend {
    epoch under;
    deadlines until;
};
/// Stop now and answer `closed`.
struct stop_serving {
    epoch under;
    reason why = reason::none;
};
/// A majority has this version of the record.
struct committed {
    record content;
};
/// A majority of voters has the first record of `start_cluster`.
struct founded {
    record content;
};
struct wake_at {
    instant when = never;
};

using command = std::variant<send, store, stamp, start_serving, extend, stop_serving, committed,
                             founded, wake_at>;

} // namespace tasuki::election
