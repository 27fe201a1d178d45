#pragma once
// Why a datagram was not believed: one closed list for codec and session table, with counters.
//
// The order is the order of the checks. Nothing up to `bad_mac` proves anything about the sender;
// what follows was written by somebody who holds the cluster key. A refused datagram changes no
// state but these counters and the note that something unproven was heard; only those of
// `other_voters` and `older_voters` count as heard: their sender is shown with what it told.

#include <boost/system/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tasuki::heartbeat {

enum class reject : std::uint8_t {
    too_many,        ///< more than its source may send: dropped unread
    too_short,       ///< shorter than a message without payload
    too_long,        ///< longer than any message
    bad_magic,       ///< not ours at all
    unknown_version, ///< a newer or older tasuki
    unknown_type,    ///< a message of a newer minor version
    bad_length,      ///< the length field disagrees with the datagram
    other_cluster,   ///< another cluster on the same network and port
    reflected,       ///< our own message came back
    unknown_sender,  ///< a node that the configuration does not name
    not_for_us,      ///< addressed to another node
    unknown_key,     ///< signed with a key id that we do not have
    bad_mac,         ///< forged, damaged, or signed with another key of the same id
    bad_body,        ///< authentic, yet breaks a rule of the format: a bug of the sender
    wrong_path,      ///< sent for one network path and arrived on another
    unproven,        ///< a session that has not answered our nonce yet; handshake under way
    stale_session,   ///< answers a session that is over, ours or the sender's
    replayed,        ///< a sequence number that is not above the last one
    other_voters,    ///< the sender's file names other voters
    older_voters,    ///< the sender has not learnt of a change of voters yet
};

inline constexpr std::size_t reject_count = static_cast<std::size_t>(reject::older_voters) + 1;

[[nodiscard]] std::string_view to_string(reject);
/// The sentence for an operator: what it means and what to look at.
[[nodiscard]] std::string_view explain(reject);

class reject_counters {
  public:
    void count(reject reason, std::uint64_t times = 1) {
        counts_[static_cast<std::size_t>(reason)] += times;
        total_ += times;
    }
    [[nodiscard]] std::uint64_t of(reject reason) const {
        return counts_[static_cast<std::size_t>(reason)];
    }
    [[nodiscard]] std::uint64_t total() const { return total_; }

  private:
    std::array<std::uint64_t, reject_count> counts_{};
    std::uint64_t total_ = 0;
};

/// What `value()` of a refused result throws; for tests and programming errors only.
[[noreturn]] void throw_exception_from_error(reject, boost::source_location const&);

} // namespace tasuki::heartbeat
