#pragma once
// The record of a group: the one thing that a majority of voters keeps about it.
//
// It is the journal of the active node: who becomes active reads it from a majority first, writes
// it back under its own epoch, and resumes or rolls forward what its predecessor had begun. Records
// order by (epoch, version). Bounds: at most 16 nodes in each list, 255 bytes in each text, so that
// a record always fits one heartbeat datagram.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasuki::election {

inline constexpr std::size_t record_nodes_max = 16;
inline constexpr std::size_t record_voters_max = 9;
inline constexpr std::size_t record_text_max = 255;
inline constexpr std::size_t record_bytes_max = 960;

/// A replica whose acknowledgement counts, in one life of its server.
struct acker {
    node_id node;
    server_incarnation life;
    friend auto operator<=>(acker const&, acker const&) = default;
};

/// Who votes, in the record of the reserved group that the voters keep about themselves. A set
/// follows another by one voter that is added or removed, so that their majorities share a voter.
struct roll {
    std::uint32_t version = 0;   ///< 0: the voters of the files
    std::vector<node_id> voters; ///< a majority of the set before has agreed to them
    std::vector<node_id> next;   ///< proposed to follow; empty if nothing is
    std::vector<node_id> before; ///< until nobody counts in that set, and what it knew is copied
    epoch floor{}; ///< no group's claim of this epoch or an older one is promised any more
    [[nodiscard]] bool is_settled() const { return before.empty(); }
    friend bool operator==(roll const&, roll const&) = default;
};

enum class operation_kind : std::uint8_t { none, start, failover, switchover, reopen };
[[nodiscard]] std::string_view to_string(operation_kind);

struct record {
    epoch written_under;
    record_version version;
    node_id active;
    node_id successor; ///< set by a release with a chosen successor

    // MySQL: who has the data, and who can acknowledge it.
    node_id master;
    std::uint8_t required_acks = 1;
    std::vector<acker> ackers;
    std::vector<acker> next_ackers;
    std::uint64_t degraded_since_ms = 0; ///< wall clock, 0 = not degraded
    std::string position; ///< what `step` is about: promotion or closing, as the server writes it
    bool loss_accepted = false;

    // The operation under way.
    operation_id operation;
    operation_kind kind = operation_kind::none;
    std::string step;
    node_id chosen;
    std::vector<acker> frozen;

    // The operator's word.
    bool paused = false;
    std::uint64_t paused_until_ms = 0; ///< wall clock, 0 = until resumed
    std::string pause_reason;
    std::vector<node_id> standby; ///< nodes that may not become active

    std::optional<roll> voters{}; ///< of the reserved group only

    [[nodiscard]] bool exists() const { return written_under.is_set(); }
    [[nodiscard]] std::pair<epoch, record_version> order() const {
        return {written_under, version};
    }
    friend bool operator==(record const&, record const&) = default;
};

/// Refuses a record beyond the bounds above.
[[nodiscard]] result<void> check_bounds(record const&);
void encode(record const&, byte_writer&);
[[nodiscard]] result<record> decode_record(byte_reader&);

} // namespace tasuki::election
