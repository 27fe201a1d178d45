#pragma once
// What a statement brings back, as a value: names of columns and rows of optional texts.
//
// `std::nullopt` is SQL's NULL. Kept apart from the client library so that the texts and parsers of
// `dialect` are pure and can be tested without a server.

#include "tasuki/core/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::mysql {

using field = std::optional<std::string>;
using row = std::vector<field>;

struct table {
    std::vector<std::string> columns;
    std::vector<row> rows;

    /// The text at `index` under `column` (letters of either case), or NULL where there is none.
    [[nodiscard]] field at(std::size_t index, std::string_view column) const;
    /// As above with NULL read as the empty text.
    [[nodiscard]] std::string text(std::size_t index, std::string_view column) const;
    /// As above read as an unsigned integer; anything else is zero.
    [[nodiscard]] std::uint64_t number(std::size_t index, std::string_view column) const;
};

/// How a statement fails. `number` is the server's or the client library's, zero for our own
/// bounds.
struct sql_error {
    enum class origin { server, connection, timed_out, too_large };
    origin from = origin::server;
    unsigned number = 0;
    std::string text;
    /// The connection is of no further use.
    [[nodiscard]] bool lost() const { return from != origin::server; }
};

[[noreturn]] inline void throw_exception_from_error(sql_error const& cause,
                                                    boost::source_location const&) {
    throw std::runtime_error(cause.text);
}

using rows_or_error = boost::system::result<table, sql_error>;

} // namespace tasuki::mysql
