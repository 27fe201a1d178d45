#pragma once
// What one agent reads from its own mysqld at one instant: a value, the input of every decision.
//
// Empty optionals mean "not known", never "zero": an unknown position is never taken for a drained
// one. Which statements fill these fields is the business of `dialect`.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/mysql/gtid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::mysql {

/// Health is a commit on its own connection. Each kind has its own remedy.
enum class health {
    unknown,         ///< not asked yet
    up,              ///< answers; a commit went through if it is writable
    down,            ///< no process behind the socket
    hanging,         ///< accepts, but neither probe nor control connection answers in time
    disk_full,       ///< a commit fails for lack of space
    full,            ///< too many connections: alive, never a reason to fail over
    waiting_for_ack, ///< commits wait for a semi-sync acknowledgement: restore an acker
    refused,         ///< wrong password or missing grant
};
[[nodiscard]] std::string_view to_string(health);

enum class thread_state { stopped, connecting, running };
[[nodiscard]] std::string_view to_string(thread_state);

struct replica_facts {
    endpoint master;
    thread_state receiver = thread_state::stopped; ///< the I/O thread
    bool applier_runs = false;                     ///< the SQL thread
    /// Everything received in this life of the server; absent after a restart until proven.
    std::optional<gtid_list> received;
    gtid_list applied; ///< gtid_slave_pos
    std::optional<milliseconds> lag;
    /// Bytes between what was received and what was applied, and whether the receiver is far behind
    /// is judged by the master's position: see `master_log_file` and `master_log_position`.
    std::string master_log_file;
    std::uint64_t master_log_position = 0;
    std::uint32_t receiver_errno = 0;
    std::uint32_t applier_errno = 0;
    std::string last_error;
    friend bool operator==(replica_facts const&, replica_facts const&) = default;
};

struct server_facts {
    health condition = health::unknown;
    server_incarnation life;
    std::uint32_t server_number = 0; ///< @@server_id
    bool read_only = true;
    bool source_semi_sync = false;  ///< acts as a semi-sync master
    bool replica_semi_sync = false; ///< acknowledges, once its receiver was restarted
    /// A crash of it takes back no commit that a client was told of, so a restart loses nothing.
    bool keeps_answers = false;
    std::uint32_t semi_sync_clients = 0;
    std::uint32_t waiting_for_ack = 0; ///< sessions whose commit waits
    gtid_list binlog_position;         ///< @@gtid_binlog_pos
    gtid_list binlog_state;            ///< @@gtid_binlog_state
    std::string binlog_file;
    std::uint64_t binlog_offset = 0;
    std::optional<replica_facts> replica; ///< absent: no master configured
    /// Servers that stream from this one now, by replication account name.
    std::vector<std::string> connected_accounts;
    /// Settings under which the promise of no loss does not hold, each with its remedy.
    std::vector<std::string> durability_faults;
    instant read_at = long_ago;
    friend bool operator==(server_facts const&, server_facts const&) = default;
};

} // namespace tasuki::mysql
