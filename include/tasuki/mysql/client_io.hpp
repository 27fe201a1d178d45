#pragma once
// One connection to a mysqld, every step of it bounded in milliseconds.
//
// The only place that knows the client library (MariaDB Connector/C): its own timeouts are whole
// seconds, so its non-blocking calls are driven with poll() and our deadline. A statement that has
// not been answered in time stays in flight: the caller waits on, has it killed through another
// connection, or drops this one. LOAD DATA LOCAL is off; a result is bounded in rows and bytes.
// Not thread-safe: one thread uses one connection.

#include "tasuki/core/time.hpp"
#include "tasuki/mysql/rows.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace tasuki::mysql {

struct connect_options {
    std::string socket_path; ///< a Unix socket; if empty, `host` and `port` over TCP
    std::string host;        ///< a numeric address: names are not resolved
    std::uint16_t port = 3306;
    std::string user;
    std::string password;
    milliseconds limit{1000}; ///< for the whole of connecting and logging in
};

class connection {
  public:
    static constexpr std::size_t rows_max = 100'000;
    static constexpr std::size_t bytes_max = std::size_t{16} << 20U;

    [[nodiscard]] static boost::system::result<connection, sql_error>
    open(connect_options const& options);
    connection(connection&&) noexcept;
    connection& operator=(connection&&) noexcept;
    ~connection();

    /// Sends `text` and waits for its rows. After `timed_out` the statement is still in flight.
    [[nodiscard]] rows_or_error query(std::string const& text, milliseconds limit);

    /// Sends `text` without waiting; `poll` then brings the result, or nothing within `limit`.
    void begin(std::string const& text);
    [[nodiscard]] std::optional<rows_or_error> poll(milliseconds limit);
    [[nodiscard]] bool busy() const;

    /// Unencrypted only: becomes a semi-sync replica number `server_number` that has everything up
    /// to `position` of `file`, which the source takes for an acknowledgement of it; returns at the
    /// first event that comes. Nothing else can be done with this connection afterwards.
    [[nodiscard]] boost::system::result<void, sql_error> acknowledge(std::string const& file,
                                                                     std::uint64_t position,
                                                                     std::uint32_t server_number,
                                                                     milliseconds limit);

    /// To be watched for hang-up; reading from it is the library's business.
    [[nodiscard]] int descriptor() const;
    /// The server's number of this session, as KILL takes it.
    [[nodiscard]] std::uint64_t session() const;

  private:
    struct state;
    explicit connection(std::unique_ptr<state> inner);
    std::unique_ptr<state> state_;
};

/// Server and client errors that decisions depend on.
namespace sql_errno {
inline constexpr unsigned too_many_connections = 1040;
inline constexpr unsigned access_denied = 1045;
inline constexpr unsigned disk_full = 1021;
inline constexpr unsigned table_full = 1114;
inline constexpr unsigned no_such_thread = 1094;
inline constexpr unsigned specific_access_denied = 1227;
inline constexpr unsigned option_prevents_statement = 1290;
inline constexpr unsigned query_interrupted = 1317;
inline constexpr unsigned statement_timeout = 1969;
inline constexpr unsigned cannot_connect_socket = 2002;
inline constexpr unsigned cannot_connect_host = 2003;
inline constexpr unsigned server_gone = 2006;
inline constexpr unsigned server_lost = 2013;
} // namespace sql_errno

} // namespace tasuki::mysql
