#pragma once
// Reads the facts of one mysqld over one connection. Changes nothing.
//
// Four short statements under one deadline; the answer is whole or an error. The condition is not
// judged here: it takes a commit and a clock.

#include "tasuki/mysql/client_io.hpp"
#include "tasuki/mysql/dialect.hpp"
#include "tasuki/mysql/facts.hpp"

#include <functional>

namespace tasuki::mysql {

struct reading {
    server_facts facts;
    milliseconds oldest_wait{0};     ///< of the commits that wait for an acknowledgement
    bool acknowledges_now = false;   ///< the replica side, at this moment
    bool number_is_borrowed = false; ///< see `borrowed_number`
};

/// How a statement is run: by the caller's own rules on limits and interruption.
using statement_runner = std::function<rows_or_error(std::string const&)>;

[[nodiscard]] boost::system::result<reading, sql_error> read_facts(dialect const& words,
                                                                   statement_runner const& run);

/// Opens a connection and sets its session up; the dialect is probed if `words` is empty.
[[nodiscard]] boost::system::result<connection, sql_error>
open_session(connect_options const& options, bool binlogged, std::optional<dialect>& words);

/// CLOCK_BOOTTIME, as `instant` counts it.
[[nodiscard]] instant boottime_now();

} // namespace tasuki::mysql
