#pragma once
// Between the record of a group (election's word) and the journal of its database (mysql's word):
// two rooms that do not know each other describe the same facts.

#include "tasuki/election/record.hpp"
#include "tasuki/mysql/standing.hpp"

#include <cstdint>

namespace tasuki::agent {

[[nodiscard]] mysql::journal_entry journal_of(election::record const&);
/// `wall_ms` dates a degradation that begins now.
void write_journal(election::record&, mysql::journal_entry const&, std::uint64_t wall_ms);

} // namespace tasuki::agent
