#include "tasuki/mysql/dialect.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

namespace tasuki::mysql {
namespace {

struct setting {
    std::string_view name;
    bool needed; ///< without it no failover is possible
};

/// Read at every look; those that a server does not have are left out of the statement.
constexpr std::array<setting, 17> settings_read{{
    {"server_id", true},
    {"read_only", true},
    {"log_bin", true},
    {"log_slave_updates", true},
    {"gtid_strict_mode", true},
    {"gtid_binlog_pos", true},
    {"gtid_binlog_state", true},
    {"gtid_slave_pos", true},
    {"rpl_semi_sync_master_enabled", true},
    {"rpl_semi_sync_master_timeout", true},
    {"rpl_semi_sync_master_wait_point", true},
    {"rpl_semi_sync_master_wait_no_slave", true},
    {"rpl_semi_sync_slave_enabled", true},
    {"sync_binlog", true},
    {"sync_relay_log", true},
    {"binlog_format", true},
    {"innodb_flush_log_at_trx_commit", false},
}};

std::string seconds(milliseconds value) {
    return fmt::format("{}.{:03}", value.count() / 1000, value.count() % 1000);
}

} // namespace

std::string sql_literal(std::string_view text) {
    std::string out = "'";
    for (char const letter : text) {
        if (letter == '\'' || letter == '\\')
            out += '\\';
        if (letter == '\0') {
            out += "\\0";
            continue;
        }
        out += letter;
    }
    return out + "'";
}

std::string dialect::list_variables() {
    return "SHOW GLOBAL VARIABLES";
}

std::string dialect::set_up_session(bool binlogged) {
    // Our own settings win over the server's defaults: quoting depends on sql_mode, an idle
    // connection must stay, and no metadata lock may hold us for longer than a second.
    return fmt::format("SET SESSION sql_mode='STRICT_TRANS_TABLES', autocommit=1, "
                       "wait_timeout=31536000, lock_wait_timeout=1, max_statement_time=0{}",
                       binlogged ? "" : ", sql_log_bin=0");
}

result<dialect> dialect::probe(table const& variables) {
    dialect out;
    for (row const& line : variables.rows)
        if (line.size() >= 2 && line[0])
            out.variables_.emplace(*line[0], line[1].value_or(""));
    std::string absent;
    for (auto const& [name, needed] : settings_read)
        if (needed && !out.variables_.contains(name))
            absent += fmt::format("{}{}", absent.empty() ? "" : ", ", name);
    if (!absent.empty())
        return problem{failure::unavailable,
                       fmt::format("mysqld lacks {}: this group needs MariaDB 10.5 or newer with "
                                   "binary log and built-in semi-sync",
                                   absent)};
    return out;
}

std::string dialect::read_settings() const {
    std::string out = "SELECT ";
    bool first = true;
    for (auto const& [name, needed] : settings_read) {
        if (!variables_.contains(name))
            continue;
        out += fmt::format("{}@@global.{} AS {}", first ? "" : ", ", name, name);
        first = false;
    }
    return out;
}

std::string dialect::read_replica() const {
    return "SHOW ALL SLAVES STATUS";
}

std::string dialect::read_status() const {
    return "SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Rpl\\_semi\\_sync%' "
           "OR Variable_name LIKE 'Binlog\\_snapshot%'";
}

std::string dialect::list_streams_and_waiters() const {
    return "SELECT ID, USER, COMMAND, STATE, TIME_MS FROM information_schema.PROCESSLIST "
           "WHERE COMMAND LIKE 'Binlog Dump%' OR STATE LIKE 'Waiting for semi-sync ACK%'";
}

std::string dialect::stop_receiver() const {
    return "STOP SLAVE IO_THREAD";
}

std::string dialect::start_receiver() const {
    return "START SLAVE IO_THREAD";
}

std::string dialect::start_applier() const {
    return "START SLAVE SQL_THREAD";
}

std::string dialect::stop_replica() const {
    return "STOP SLAVE";
}

std::string dialect::start_replica() const {
    return "START SLAVE";
}

std::string dialect::forget_source() const {
    return "RESET SLAVE ALL";
}

std::string dialect::change_source(source const& from) const {
    return fmt::format("CHANGE MASTER TO MASTER_HOST={}, MASTER_PORT={}, MASTER_USER={}, "
                       "MASTER_PASSWORD={}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, "
                       "MASTER_HEARTBEAT_PERIOD=0.5",
                       sql_literal(from.address.address.to_string()), from.address.port,
                       sql_literal(from.user), sql_literal(from.password));
}

std::string dialect::adopt_binlog_position() const {
    return "SET GLOBAL gtid_slave_pos=@@global.gtid_binlog_pos";
}

std::string dialect::limit_silence() const {
    // Four heartbeats of `change_source`.
    return "SET GLOBAL slave_net_timeout=2";
}

std::string dialect::wait_applied(gtid_list const& position, milliseconds limit) const {
    return fmt::format("SELECT MASTER_GTID_WAIT({}, {}) AS waited",
                       sql_literal(position.to_string()), seconds(limit));
}

std::string dialect::set_source_semi_sync(bool on) const {
    return fmt::format("SET GLOBAL rpl_semi_sync_master_enabled={}", on ? 1 : 0);
}

std::string dialect::set_replica_semi_sync(bool on) const {
    return fmt::format("SET GLOBAL rpl_semi_sync_slave_enabled={}", on ? 1 : 0);
}

std::string dialect::continue_at(std::uint64_t sequence) const {
    return fmt::format("SET SESSION gtid_seq_no={}", sequence);
}

std::string dialect::set_server_number(std::uint32_t number) const {
    return fmt::format("SET GLOBAL server_id={}", number);
}

std::vector<std::string> dialect::prepare_source_semi_sync() const {
    // A server clamps the timeout to the largest value that it knows.
    return {"SET GLOBAL rpl_semi_sync_master_wait_point='AFTER_SYNC'",
            "SET GLOBAL rpl_semi_sync_master_timeout=18446744073709551615",
            "SET GLOBAL rpl_semi_sync_master_wait_no_slave=1"};
}

std::string dialect::read_only_off() const {
    return "SET GLOBAL read_only=0";
}

std::string dialect::read_only_on(milliseconds limit) const {
    return fmt::format("SET STATEMENT max_statement_time={} FOR SET GLOBAL read_only=1",
                       seconds(limit));
}

std::string dialect::list_hosts_of(std::string_view user) const {
    return fmt::format("SELECT Host FROM mysql.user WHERE User={} AND is_role='N'",
                       sql_literal(user));
}

std::string dialect::list_accounts(std::string_view prefix) const {
    return fmt::format("SELECT DISTINCT User FROM mysql.user WHERE LEFT(User, {})={} AND "
                       "is_role='N'",
                       prefix.size(), sql_literal(prefix));
}

std::string dialect::set_account_locked(account_name const& account, bool locked) const {
    return fmt::format("ALTER USER {}@{} ACCOUNT {}", sql_literal(account.user),
                       sql_literal(account.host), locked ? "LOCK" : "UNLOCK");
}

std::string dialect::list_streams_of(std::string_view user) const {
    return fmt::format("SELECT ID FROM information_schema.PROCESSLIST "
                       "WHERE USER={} AND COMMAND LIKE 'Binlog Dump%'",
                       sql_literal(user));
}

std::string dialect::kill_session(std::uint64_t session) const {
    return fmt::format("KILL CONNECTION {}", session);
}

std::string dialect::kill_statement(std::uint64_t session) const {
    return fmt::format("KILL QUERY {}", session);
}

std::string dialect::find_probe_table() const {
    return "SELECT COUNT(*) AS found FROM information_schema.TABLES "
           "WHERE TABLE_SCHEMA='tasuki' AND TABLE_NAME='probe'";
}

std::vector<std::string> dialect::create_probe_table() const {
    return {"CREATE DATABASE IF NOT EXISTS tasuki",
            "CREATE TABLE IF NOT EXISTS tasuki.probe (server INT UNSIGNED NOT NULL PRIMARY KEY, "
            "beat BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB "
            "COMMENT='A commit of our own: proves that writes are acknowledged'"};
}

std::string dialect::commit_probe(std::uint32_t server, std::uint64_t beat) const {
    return fmt::format("INSERT INTO tasuki.probe (server, beat) VALUES ({}, {}) "
                       "ON DUPLICATE KEY UPDATE beat={}",
                       server, beat, beat);
}

std::string dialect::count_probes(std::string_view ours) const {
    return fmt::format("SELECT COUNT(*) AS found FROM information_schema.PROCESSLIST "
                       "WHERE USER={} AND INFO LIKE 'INSERT INTO tasuki.probe%'",
                       sql_literal(ours));
}

std::string dialect::state_of_session(std::uint64_t session) const {
    return fmt::format("SELECT STATE FROM information_schema.PROCESSLIST WHERE ID={}", session);
}

std::string dialect::list_sessions(std::string_view ours,
                                   std::string_view replication_prefix) const {
    return fmt::format("SELECT p.ID, p.USER, p.HOST, p.COMMAND, p.STATE, p.TIME_MS, "
                       "LEFT(p.INFO, 200) AS INFO, t.trx_id AS TRX, "
                       "TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)) DIV 1000 AS TRX_MS, "
                       "t.trx_tables_locked AS LOCKED, t.trx_rows_modified AS MODIFIED "
                       "FROM information_schema.PROCESSLIST p "
                       "LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id=p.ID "
                       "WHERE p.USER NOT IN ('system user', 'event_scheduler', {}) "
                       "AND p.COMMAND NOT IN ('Daemon', 'Slave_IO', 'Slave_SQL') "
                       "AND p.COMMAND NOT LIKE 'Binlog Dump%' AND LEFT(p.USER, {})<>{}",
                       sql_literal(ours), replication_prefix.size(),
                       replication_prefix.empty() ? "'-'" : sql_literal(replication_prefix));
}

std::string dialect::list_privileged() const {
    return "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES "
           "WHERE PRIVILEGE_TYPE IN ('SUPER', 'READ_ONLY ADMIN', 'READ ONLY ADMIN')";
}

std::string dialect::list_own_grants() const {
    return "SHOW GRANTS";
}

std::string dialect::read_boot_read_only() const {
    return "SELECT GLOBAL_VALUE, GLOBAL_VALUE_ORIGIN FROM information_schema.SYSTEM_VARIABLES "
           "WHERE VARIABLE_NAME='READ_ONLY'";
}

std::string dialect::data_folder() const {
    auto const found = variables_.find("datadir");
    return found == variables_.end() ? std::string{} : found->second;
}

} // namespace tasuki::mysql
