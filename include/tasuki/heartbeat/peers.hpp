#pragma once
// The session table: which messages are believed, what each peer hears, what to send next.
//
// Replay is refused without clocks or stored state. A peer's session is adopted only by a message
// that echoes our current challenge, and each challenge is used for one adoption: a recording of
// any earlier session, ours or the peer's, echoes a challenge that is spent. Within a session the
// message is taken once per path, also one that a later one has overtaken, within a window (as in
// RFC 4303, 3.4.3). Established beats go on while a stranger session is being challenged, so
// replaying an old hello disturbs nobody. A plain value: `accept` and `compose` never allocate;
// copyable, deterministic.
//
// Use: datagram -> open() -> accept(): deliver the payload if not refused; seal and send `reply` if
// there is one. On each interval, per peer and path: compose() -> seal() -> send. A simulator may
// hand composed messages to accept() directly, without sealing.

#include "tasuki/core/time.hpp"
#include "tasuki/heartbeat/detector.hpp"
#include "tasuki/heartbeat/message.hpp"

#include <optional>
#include <span>
#include <vector>

namespace tasuki::heartbeat {

/// A session is not answered again on a path in this time: one replayed message in a flood gets few
/// replies, and does not use up those of a session that is really new.
inline constexpr duration reply_gap = milliseconds{10};
/// After this silence each eighth message is a hello: a node that was rolled back to a snapshot
/// holds sessions of the past, and would otherwise never meet its peer again.
inline constexpr duration rehello_after = milliseconds{1000};

/// A message that so many later ones have overtaken is refused as replayed.
inline constexpr std::uint64_t window = 64;

struct peers_self {
    node_id id;
    session_nonce session; ///< random, drawn at the agent's start
    std::uint64_t config_digest = 0;
    voter_set voters;
    instant started;
};

/// Another node of the configuration and its number of paths, 1..paths_max.
struct seat {
    node_id id;
    std::uint8_t paths = 1;
    friend bool operator==(seat const&, seat const&) = default;
};

struct reception {
    std::optional<reject> refused; ///< if set, the payload must not be looked at
    /// The first message of a newly proven session: whatever was signed for the older one is void.
    bool adopted = false;
    /// To be sent at once to the sender on the same path. If it is a beat, the caller may set its
    /// payload first.
    std::optional<message> reply;
};

struct peer {
    seat place;
    session_nonce theirs; ///< the proven session of the peer, or none
    session_nonce mine;   ///< our nonce in that session
    session_nonce next;   ///< our challenge for the peer's next session
    detector heard;
    std::uint64_t config_digest = 0; ///< as last told by the peer, as are the next three
    voter_set voters;
    std::uint32_t uptime_s = 0;
    key_id key;

    struct counters {
        std::uint64_t received = 0; ///< the newest accepted sequence of `theirs`
        std::uint64_t seen = 0;     ///< bit n: `received - n` has been accepted
        std::uint64_t sent = 0;     ///< the newest sequence given out, over all sessions
        std::optional<instant> replied_at;
        session_nonce replied_to; ///< the peer's session that the last reply went to
    };
    std::array<counters, paths_max> paths{};

    [[nodiscard]] bool is_proven() const { return theirs.is_set(); }
};

class peers {
  public:
    peers(peers_self, std::span<seat const>);

    /// `path` is the one it arrived on.
    [[nodiscard]] reception accept(message const&, std::uint8_t path, instant now);

    /// A beat with the payload if the session is proven, else a hello without. `to` must be in the
    /// table and have the path.
    [[nodiscard]] message compose(node_id to, std::uint8_t path, instant now, byte_view payload);

    /// The last message of the proven session, to be signed in advance: once received, nothing else
    /// of this session is accepted on that path. Nothing if no session is proven.
    [[nodiscard]] std::optional<message> compose_farewell(node_id to, std::uint8_t path,
                                                          instant now, byte_view payload) const;

    /// What the program before this one knew: whoever it has just heard is not silent.
    void remember(node_id, instant heard);

    /// Applies a changed configuration; peers that stay keep their sessions.
    void reseat(std::span<seat const>, std::uint64_t config_digest);
    /// Another set of voters, newer than the one before: what is said in older ones is refused now.
    void count_in(voter_set voters) { self_.voters = voters; }

    [[nodiscard]] peer const* find(node_id) const;
    [[nodiscard]] std::span<peer const> all() const { return table_; }
    /// The ids of `all()`, in its order: the roster for `open`.
    [[nodiscard]] std::span<node_id const> roster() const { return roster_; }

    /// Counts what `open` refused beside what `accept` refused.
    void count(reject reason, std::uint64_t times = 1) { rejects_.count(reason, times); }
    [[nodiscard]] reject_counters const& rejects() const { return rejects_; }

  private:
    enum class standing : std::uint8_t { current, fresh, unproven, stale };

    /// The place in the table; its size if there is none.
    [[nodiscard]] std::size_t index_of(node_id) const;
    [[nodiscard]] static bool may_reply(peer::counters&, session_nonce, instant now);
    [[nodiscard]] peer new_peer(seat) const;
    [[nodiscard]] static standing judge(peer const&, message const&);
    [[nodiscard]] std::optional<reject> misdirected(message const&, std::uint8_t path,
                                                    std::size_t sender) const;
    [[nodiscard]] reception refuse(reject);
    [[nodiscard]] reception challenge(peer&, message const&, instant now);
    [[nodiscard]] reception deliver_in_session(peer&, message const&, instant now);
    [[nodiscard]] reception deliver(peer&, message const&, bool adopted, instant now);
    [[nodiscard]] reception receive(message const&);
    [[nodiscard]] message draft(peer const&, std::uint8_t path, instant now) const;

    peers_self self_;
    std::vector<peer> table_;
    std::vector<node_id> roster_;
    reject_counters rejects_;
};

} // namespace tasuki::heartbeat
