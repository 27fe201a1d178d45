#pragma once
// Between the record of a group (election's word) and the journal of its database (mysql's word):
// two rooms that do not know each other describe the same facts.

#include "tasuki/election/record.hpp"
#include "tasuki/mysql/standing.hpp"

#include <cstdint>
#include <optional>

namespace tasuki::agent {

[[nodiscard]] mysql::journal_entry journal_of(election::record const&);
/// Of that only who may acknowledge now.
[[nodiscard]] mysql::standing standing_of(election::record const&);
/// `wall_ms` dates a degradation that begins now. Uses up a permission, whoever had it.
void write_journal(election::record&, mysql::journal_entry const&, std::uint64_t wall_ms);

/// The operator's word that `to` takes over though a rule would forbid it. The holder, who cannot
/// serve, leaves it in the record (`successor`, and a word behind `step`) when it lets go.
struct permission {
    node_id to;
    bool allow_loss = false;
    std::uint64_t until_ms = 0; ///< wall clock: void from then on
    friend bool operator==(permission const&, permission const&) = default;
};
void write_permission(election::record&, permission const&);
void clear_permission(election::record&);
[[nodiscard]] std::optional<permission> permission_of(election::record const&,
                                                      std::uint64_t wall_ms);

} // namespace tasuki::agent
