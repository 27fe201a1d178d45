#pragma once
// Answers to the question what a session has made its server remember.
#include "tasuki/lb/session_state.hpp"

#include "mysql_dialogue.hpp"

#include <algorithm>
#include <iterator>

namespace tasuki::lb {

/// Of a session with nothing but its schema, and so many settings made.
inline state_row state_row_of(std::string const& schema, unsigned settings) {
    state_row out{"0", schema, "0", std::to_string(settings), "0"};
    for (auto const name : carried_variables) {
        bool const is_text = name.starts_with("character") || name.starts_with("collation");
        out.emplace_back(is_text ? "utf8mb4" : name == "sql_auto_is_null" ? "0" : "1");
    }
    return out;
}

inline std::size_t variable_at(std::string_view name) {
    auto const found = std::find(std::begin(carried_variables), std::end(carried_variables), name);
    return 5 + static_cast<std::size_t>(found - std::begin(carried_variables));
}

/// As a server sends it; `twice`, though nobody has asked for two rows.
inline std::string rows_of(state_row const& row, std::uint64_t capable, bool twice = false) {
    std::uint8_t sequence = 1;
    auto columns = little(row.size(), 1);
    bool const cached = (capable & wire::mariadb_cache_metadata) != 0;
    if (cached)
        columns += '\0';
    auto out = packet_of(sequence++, columns);
    for (std::size_t each = 0; each < row.size() && !cached; ++each)
        out += packet_of(sequence++, definition);
    bool const has_eof = (capable & wire::deprecate_eof) == 0;
    if (has_eof)
        out += packet_of(sequence++, eof(autocommit));
    std::string values;
    for (auto const& value : row)
        values += value ? with_length(*value) : std::string{"\xfb"};
    out += packet_of(sequence++, values);
    if (twice)
        out += packet_of(sequence++, values);
    return out + packet_of(sequence, has_eof ? eof(autocommit) : ok_end(autocommit));
}

} // namespace tasuki::lb
