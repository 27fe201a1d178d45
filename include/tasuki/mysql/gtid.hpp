#pragma once
// Positions in a MariaDB replication stream: lists of `domain-server-sequence`.
//
// Two readings of one syntax. A *position* (`gtid_slave_pos`, `Gtid_IO_Pos`, `gtid_binlog_pos`)
// has one entry per domain: the last transaction. A *state* (`gtid_binlog_state`) has one per
// domain and server: which server last wrote what. Only a state can show a divergence, because the
// same sequence number from another server is another transaction.
// Reference: MariaDB Knowledge Base, "Global Transaction ID".

#include "tasuki/core/result.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::mysql {

struct gtid {
    std::uint32_t domain = 0;
    std::uint32_t server = 0;
    std::uint64_t sequence = 0;
    friend auto operator<=>(gtid const&, gtid const&) = default;
};

class gtid_list {
  public:
    gtid_list() = default;
    /// Parses `0-1-42,1-3-7`; the empty text is the empty list. Sorted by domain and server.
    [[nodiscard]] static result<gtid_list> parse(std::string_view text);
    /// From entries in any order; of one domain and server the highest sequence stays.
    [[nodiscard]] static gtid_list of(std::vector<gtid> entries);
    [[nodiscard]] std::vector<gtid> const& entries() const { return entries_; }
    [[nodiscard]] bool empty() const { return entries_.empty(); }
    [[nodiscard]] std::string to_string() const;
    friend bool operator==(gtid_list const&, gtid_list const&) = default;

  private:
    std::vector<gtid> entries_;
};

enum class position_order { equal, ahead, behind, diverged };
[[nodiscard]] std::string_view to_string(position_order);

/// How position `left` stands to `right`: per domain by sequence; ahead in one domain and behind in
/// another is `diverged`, and so is one sequence written by two servers.
[[nodiscard]] position_order compare(gtid_list const& left, gtid_list const& right);

/// True if who holds `have` holds all of `want`: equal or ahead, in every domain of `want`.
[[nodiscard]] bool covers(gtid_list const& have, gtid_list const& want);

/// The position of who holds both: per domain the entry with the highest sequence.
[[nodiscard]] gtid_list furthest(gtid_list const& left, gtid_list const& right);

/// The state of who holds both: per domain and server the highest sequence.
[[nodiscard]] gtid_list merge(gtid_list const& left, gtid_list const& right);

/// The entries of state `mine` that state `theirs` does not hold: what would be lost or is errant.
[[nodiscard]] gtid_list missing_from(gtid_list const& theirs, gtid_list const& mine);

/// Of these, what lies beyond the last transaction that both states know in its domain. A server
/// that was provisioned from a copy does not know who wrote the older ones; with
/// gtid_strict_mode=ON a common transaction proves a common history up to it.
[[nodiscard]] gtid_list divergence(gtid_list const& theirs, gtid_list const& mine);

} // namespace tasuki::mysql
