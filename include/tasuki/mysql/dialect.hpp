#pragma once
// The words of MariaDB: every SQL text of the project, and how its rows become facts.
//
// What a server can do is probed (which variables exist), never derived from a version string.
// Nothing here talks to a server. Positions that the server leaves empty stay "not known".
// Reference: MariaDB Server documentation, "Replication Statements", "Semisynchronous Replication".

#include "tasuki/core/net.hpp"
#include "tasuki/mysql/facts.hpp"
#include "tasuki/mysql/rows.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::mysql {

/// The user and host of an account as GRANT names it.
struct account_name {
    std::string user;
    std::string host;
    friend bool operator==(account_name const&, account_name const&) = default;
};

/// Where to replicate from, and as whom.
struct source {
    endpoint address;
    std::string user;
    std::string password;
};

/// A session that stands in the way of a switchover.
struct obstacle {
    enum class kind { long_transaction, long_statement, lock_holder, lock_waiter, privileged };
    kind why = kind::long_statement;
    std::uint64_t session = 0;
    std::string account;
    std::string what;
    std::uint64_t age_ms = 0;
    bool writes = false; ///< has changed or locked something
};
[[nodiscard]] std::string_view to_string(obstacle::kind);

/// Added to a server's number while it follows as a former master without acknowledging: MariaDB
/// drops events that carry the receiver's own number, and its position moves on all the same, so
/// that what it had lost of its own would never come back. A restart takes the number away again.
inline constexpr std::uint32_t borrowed_number = 1U << 30U;
/// Added to an acker's number where it acknowledges again beside its own receiver: a source ends
/// the stream of a number that comes a second time.
inline constexpr std::uint32_t repeating_number = 1U << 31U;

class dialect {
  public:
    /// From the rows of `list_variables()`; fails on a server that lacks what a failover needs.
    [[nodiscard]] static result<dialect> probe(table const& variables);
    [[nodiscard]] static std::string list_variables();
    /// Asked first on every connection.
    [[nodiscard]] static std::string set_up_session(bool binlogged);

    [[nodiscard]] std::string read_settings() const;
    [[nodiscard]] std::string read_replica() const;
    /// Counters of semi-sync and the end of the binary log. Not SHOW MASTER STATUS: that one hangs
    /// while two groups of commits wait for an acknowledgement.
    [[nodiscard]] std::string read_status() const;
    [[nodiscard]] std::string list_streams_and_waiters() const;
    void parse_settings(table const& rows, server_facts& into) const;
    void parse_replica(table const& rows, server_facts& into) const;
    void parse_status(table const& rows, server_facts& into) const;
    /// Returns how long the oldest commit has been waiting for an acknowledgement.
    milliseconds parse_streams_and_waiters(table const& rows, server_facts& into) const;
    /// True if the replica side acknowledges at this moment, not only after the next connection.
    [[nodiscard]] static bool acknowledges_now(table const& status);

    [[nodiscard]] std::string stop_receiver() const;
    [[nodiscard]] std::string start_receiver() const;
    [[nodiscard]] std::string start_applier() const;
    [[nodiscard]] std::string stop_replica() const;
    [[nodiscard]] std::string start_replica() const;
    [[nodiscard]] std::string forget_source() const;
    [[nodiscard]] std::string change_source(source const& from) const;
    [[nodiscard]] std::string adopt_binlog_position() const;
    /// How long a receiver takes a silent master for connected; counts from its next connection.
    [[nodiscard]] std::string limit_silence() const;
    /// Answers 0 once `position` was applied, -1 when `limit` has run out.
    [[nodiscard]] std::string wait_applied(gtid_list const& position, milliseconds limit) const;

    [[nodiscard]] std::string set_source_semi_sync(bool on) const;
    [[nodiscard]] std::string set_replica_semi_sync(bool on) const;
    /// The next transaction of this session gets this sequence number.
    [[nodiscard]] std::string continue_at(std::uint64_t sequence) const;
    /// The server's number as configured, or with `borrowed_number` added.
    [[nodiscard]] std::string set_server_number(std::uint32_t number) const;
    /// The settings under which a commit waits for ever rather than go unacknowledged.
    [[nodiscard]] std::vector<std::string> prepare_source_semi_sync() const;
    [[nodiscard]] std::string read_only_off() const;
    /// Gives up after `limit`: unbounded, it would wait behind a commit and block all others.
    [[nodiscard]] std::string read_only_on(milliseconds limit) const;
    [[nodiscard]] std::string list_hosts_of(std::string_view user) const;
    [[nodiscard]] std::string list_accounts(std::string_view prefix) const;
    [[nodiscard]] std::string set_account_locked(account_name const& account, bool locked) const;
    [[nodiscard]] std::string list_streams_of(std::string_view user) const;
    [[nodiscard]] std::string kill_session(std::uint64_t session) const;
    [[nodiscard]] std::string kill_statement(std::uint64_t session) const;

    [[nodiscard]] std::string find_probe_table() const;
    [[nodiscard]] std::vector<std::string> create_probe_table() const;
    [[nodiscard]] std::string commit_probe(std::uint32_t server, std::uint64_t beat) const;
    [[nodiscard]] std::string count_probes(std::string_view ours) const;
    [[nodiscard]] std::string state_of_session(std::uint64_t session) const;

    /// Sessions with their transaction, if any; `ours` and `replication_prefix` are left out.
    [[nodiscard]] std::string list_sessions(std::string_view ours,
                                            std::string_view replication_prefix) const;
    [[nodiscard]] std::string list_privileged() const;
    [[nodiscard]] static std::vector<obstacle>
    parse_obstacles(table const& sessions, table const& privileged, milliseconds long_is);

    /// Settings under which the promise of no loss does not hold, each with its remedy.
    [[nodiscard]] std::vector<std::string> durability_faults(table const& settings) const;
    [[nodiscard]] std::string list_own_grants() const;
    /// Where the value of read_only comes from: a server has to boot with it on.
    [[nodiscard]] std::string read_boot_read_only() const;
    [[nodiscard]] static std::vector<std::string> boot_faults(table const& boot_read_only);
    /// Where the disk may be full.
    [[nodiscard]] std::string data_folder() const;

  private:
    std::map<std::string, std::string, std::less<>> variables_;
};

/// `GRANT ...` for exactly what the operations need, and not more.
[[nodiscard]] std::vector<std::string> required_grants(account_name const& account);
/// The entries of `required_grants` that `SHOW GRANTS` (rows of `held`) does not cover.
[[nodiscard]] std::vector<std::string> missing_grants(account_name const& account,
                                                      table const& held);
/// The privilege an error names, as the GRANT to run; empty if the error is not about privileges.
[[nodiscard]] std::string remedy_for(sql_error const& error, account_name const& account);

/// Quotes a text for SQL with backslash escapes (the session's sql_mode allows them).
[[nodiscard]] std::string sql_literal(std::string_view text);

} // namespace tasuki::mysql
