#pragma once
// All that a MySQL session has made its server remember, asked for in one question, and said to
// another server in one statement.
//
// The server counts what a session does, also within routines and triggers (its session status):
// that tells whether there is anything that the question does not ask for. MariaDB 10.11; tried in
// tests/lab/test_lb_move.py.

#include "tasuki/core/result.hpp"
#include "tasuki/lb/mysql_login.hpp"
#include "tasuki/lb/state_watch.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::lb {

/// In the order in which they can be set.
inline constexpr std::string_view carried_variables[] = {
    "character_set_client",
    "character_set_results",
    "character_set_connection",
    "collation_connection",
    "autocommit",
    "sql_mode",
    "time_zone",
    "tx_isolation",
    "tx_read_only",
    "foreign_key_checks",
    "unique_checks",
    "sql_safe_updates",
    "sql_select_limit",
    "sql_auto_is_null",
    "sql_big_selects",
    "sql_notes",
    "sql_warnings",
    "group_concat_max_len",
    "max_statement_time",
    "wait_timeout",
    "interactive_timeout",
    "net_read_timeout",
    "net_write_timeout",
    "lock_wait_timeout",
    "innodb_lock_wait_timeout",
    "lc_time_names",
    "lc_messages",
    "default_week_format",
    "div_precision_increment",
};

/// The text of a query, which changes nothing but what the next statement could look back at.
[[nodiscard]] std::string state_question();

/// The one row of an answer, or nothing where a value is NULL.
using state_row = std::vector<std::optional<std::string>>;

/// The answer to a question, packet by packet.
class row_answer {
  public:
    enum class progress : std::uint8_t { more, done, failed };
    /// `capabilities` are those of the session.
    explicit row_answer(std::uint64_t capabilities)
        : capabilities_(capabilities) {}
    [[nodiscard]] progress read(byte_view bytes);
    [[nodiscard]] state_row const& row() const { return row_; }

  private:
    void on_packet(byte_view payload);
    [[nodiscard]] bool is_end(byte_view payload) const;

    std::uint64_t capabilities_;
    short_packets packets_;
    std::uint64_t definitions_left_ = 0;
    enum class expects : std::uint8_t { columns, definitions, row, end } next_ = expects::columns;
    progress now_ = progress::more;
    std::uint64_t columns_ = 0;
    state_row row_;
};

struct session_state {
    std::optional<std::string> schema;
    std::string settings; ///< a statement
};
/// `settings_seen` is how often the session has been seen to begin a statement with SET.
struct state_reading {
    obstacle why = obstacle::none;
    session_state state; ///< if there is none
};
[[nodiscard]] state_reading read_state(state_row const&, std::uint64_t settings_seen);

} // namespace tasuki::lb
