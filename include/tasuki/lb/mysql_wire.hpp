#pragma once
// Numbers of the MySQL client/server protocol that the follower of a session needs, and the packets
// whose content it reads. Sources: MySQL 8.0 source documentation, "Client/Server Protocol";
// MariaDB knowledge base, "Clients & Utilities / Protocol". All integers there are little-endian.

#include "tasuki/core/bytes.hpp"

#include <cstdint>
#include <optional>

namespace tasuki::lb::wire {

// Capabilities, as client and server agree on them.
inline constexpr std::uint64_t mysql_server = 1; ///< not set: MariaDB, with capabilities of its own
inline constexpr std::uint64_t with_schema = 1U << 3U;
inline constexpr std::uint64_t compress = 1U << 5U;
inline constexpr std::uint64_t protocol_41 = 1U << 9U;
inline constexpr std::uint64_t tls = 1U << 11U;
inline constexpr std::uint64_t secure_connection = 1U << 15U; ///< the answer has its length first
inline constexpr std::uint64_t names_plugin = 1U << 19U;
inline constexpr std::uint64_t has_attributes = 1U << 20U;
inline constexpr std::uint64_t answer_with_length = 1U << 21U; ///< of one byte or more
inline constexpr std::uint64_t session_track = 1U << 23U;
inline constexpr std::uint64_t deprecate_eof = 1U << 24U;
inline constexpr std::uint64_t optional_metadata = 1U << 25U;
inline constexpr std::uint64_t compress_zstd = 1U << 26U;
inline constexpr std::uint64_t query_attributes = 1U << 27U;
inline constexpr std::uint64_t mariadb_progress = std::uint64_t{1} << 32U;
inline constexpr std::uint64_t mariadb_cache_metadata = std::uint64_t{1} << 36U;
/// What a follower does not understand is never offered to a client.
inline constexpr std::uint64_t not_followed =
    compress | compress_zstd | optional_metadata | query_attributes;

// Status flags.
inline constexpr unsigned in_transaction = 0x0001;
inline constexpr unsigned more_results = 0x0008;
inline constexpr unsigned cursor_exists = 0x0040;
inline constexpr unsigned last_row_sent = 0x0080;
inline constexpr unsigned in_transaction_readonly = 0x2000;
inline constexpr unsigned session_state_changed = 0x4000;

enum command : std::uint8_t {
    com_quit = 0x01,
    com_init_db = 0x02,
    com_query = 0x03,
    com_field_list = 0x04,
    com_statistics = 0x09,
    com_ping = 0x0e,
    com_change_user = 0x11,
    com_binlog_dump = 0x12,
    com_table_dump = 0x13,
    com_register_slave = 0x15,
    com_stmt_prepare = 0x16,
    com_stmt_execute = 0x17,
    com_stmt_send_long_data = 0x18,
    com_stmt_close = 0x19,
    com_stmt_reset = 0x1a,
    com_set_option = 0x1b,
    com_stmt_fetch = 0x1c,
    com_binlog_dump_gtid = 0x1e,
    com_reset_connection = 0x1f,
    com_clone = 0x20,
    com_stmt_bulk_execute = 0xfa,
};

/// Reads little-endian; like `byte_reader`, zero and `failed()` beyond the end.
class reader {
  public:
    explicit reader(byte_view bytes)
        : in_(bytes) {}
    [[nodiscard]] std::uint64_t number(std::size_t bytes);
    /// Of one to nine bytes; 0xfb (NULL) and 0xff are none.
    [[nodiscard]] std::optional<std::uint64_t> length();
    /// With its length in front.
    [[nodiscard]] byte_view text();
    [[nodiscard]] byte_view take(std::size_t bytes) { return in_.take(bytes); }
    [[nodiscard]] std::size_t left() const { return in_.left(); }
    [[nodiscard]] bool failed() const { return in_.failed(); }

  private:
    byte_reader in_;
};

/// What an OK or EOF packet says of the session.
struct status {
    unsigned flags = 0;
    std::optional<bool> tables_locked; ///< where the tracker of transactions is on
};
[[nodiscard]] std::optional<status> read_ok(byte_view head, std::uint64_t capabilities);
[[nodiscard]] std::optional<status> read_eof(byte_view head);

/// What a client that answers a greeting is capable of; nothing if it speaks a protocol from before
/// 4.1, or none.
[[nodiscard]] std::optional<std::uint64_t> read_client_capabilities(byte_view head);

/// Takes what is not followed out of a server's greeting, in place; nothing happens to a packet
/// that is none (an error, for instance).
void offer_less(std::span<std::byte> greeting);

} // namespace tasuki::lb::wire
