#pragma once
// Orders, answers and journal entries as JSON text for the peer channel and the record.
//
// Total and bounded: any text in, a value or a problem out; never an exception. Version field "v"
// is 1; another version, an unknown operation, a missing field, a number out of range or more than
// `text_max` bytes are refused. GTID lists travel as MariaDB writes them, durations as nanoseconds,
// absent optionals as null.

#include "tasuki/mysql/operation.hpp"
#include "tasuki/mysql/standing.hpp"

#include <string>
#include <string_view>

namespace tasuki::mysql {

inline constexpr std::size_t text_max = 256 * 1024;

[[nodiscard]] std::string encode(order const&);
[[nodiscard]] std::string encode(answer const&);
[[nodiscard]] std::string encode(journal_entry const&);
[[nodiscard]] result<order> decode_order(std::string_view);
[[nodiscard]] result<answer> decode_answer(std::string_view);
[[nodiscard]] result<journal_entry> decode_journal_entry(std::string_view);

} // namespace tasuki::mysql
