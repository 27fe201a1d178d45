#include "tasuki/mysql/boot_options.hpp"
#include "tasuki/mysql/dialect.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

table variables_of(std::vector<std::pair<std::string, std::string>> const& values) {
    table out{{"Variable_name", "Value"}, {}};
    for (auto const& [name, value] : values)
        out.rows.push_back({name, value});
    return out;
}

std::vector<std::pair<std::string, std::string>> const mariadb_variables{
    {"server_id", "2"},
    {"read_only", "ON"},
    {"log_bin", "ON"},
    {"log_slave_updates", "ON"},
    {"gtid_strict_mode", "ON"},
    {"gtid_binlog_pos", ""},
    {"gtid_binlog_state", ""},
    {"gtid_slave_pos", ""},
    {"rpl_semi_sync_master_enabled", "OFF"},
    {"rpl_semi_sync_master_timeout", "10000"},
    {"rpl_semi_sync_master_wait_point", "AFTER_SYNC"},
    {"rpl_semi_sync_master_wait_no_slave", "ON"},
    {"rpl_semi_sync_slave_enabled", "OFF"},
    {"sync_binlog", "1"},
    {"sync_relay_log", "1"},
    {"binlog_format", "ROW"},
    {"datadir", "/var/lib/mysql/"},
};

dialect mariadb() {
    return *dialect::probe(variables_of(mariadb_variables));
}

table settings_of(std::vector<std::pair<std::string, std::string>> const& changed) {
    table out{{}, {{}}};
    for (auto const& [name, value] : mariadb_variables) {
        out.columns.push_back(name);
        auto shown = value;
        for (auto const& [other, instead] : changed)
            if (other == name)
                shown = instead;
        out.rows[0].emplace_back(shown);
    }
    return out;
}

table replica_status(std::vector<std::pair<std::string, field>> const& values) {
    table out{{}, {{}}};
    for (auto const& [name, value] : values) {
        out.columns.push_back(name);
        out.rows[0].push_back(value);
    }
    return out;
}

} // namespace

TEST_CASE("a server is judged by the variables it has", "[mysql][dialect]") {
    auto const words = mariadb();
    CHECK(words.data_folder() == "/var/lib/mysql/");
    // This one was not among them, so it is not asked for.
    CHECK(words.read_settings().find("innodb_flush_log_at_trx_commit") == std::string::npos);
    CHECK(words.read_settings().find("@@global.sync_relay_log AS sync_relay_log") !=
          std::string::npos);
    auto const other = dialect::probe(variables_of({{"server_id", "1"}, {"gtid_mode", "ON"}}));
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().kind == failure::unavailable);
    CHECK(other.error().text.find("rpl_semi_sync_master_enabled") != std::string::npos);
}

TEST_CASE("texts are quoted so that they end where they end", "[mysql][dialect]") {
    CHECK(sql_literal("a'b\\c") == "'a\\'b\\\\c'");
    CHECK(sql_literal(std::string_view("a\0b", 3)) == "'a\\0b'");
    auto const text = mariadb().change_source({*endpoint::parse("10.0.0.1:3307"), "repl_a", "p'w"});
    CHECK(text == "CHANGE MASTER TO MASTER_HOST='10.0.0.1', MASTER_PORT=3307, "
                  "MASTER_USER='repl_a', MASTER_PASSWORD='p\\'w', MASTER_USE_GTID=slave_pos, "
                  "MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=0.5");
    CHECK(mariadb().read_only_on(milliseconds{200}) ==
          "SET STATEMENT max_statement_time=0.200 FOR SET GLOBAL read_only=1");
    CHECK(mariadb().wait_applied(*gtid_list::parse("0-1-5"), milliseconds{1250}) ==
          "SELECT MASTER_GTID_WAIT('0-1-5', 1.250) AS waited");
}

TEST_CASE("settings become facts, and each weak one is a fault with its remedy",
          "[mysql][dialect]") {
    auto const words = mariadb();
    server_facts facts;
    words.parse_settings(settings_of({{"gtid_binlog_pos", "0-2-9"}}), facts);
    CHECK(facts.server_number == 2);
    CHECK(facts.read_only);
    CHECK(facts.binlog_position.to_string() == "0-2-9");
    CHECK(facts.durability_faults.empty());
    for (auto const& [name, weak] : std::vector<std::pair<std::string, std::string>>{
             {"sync_binlog", "0"},
             {"sync_relay_log", "10000"},
             {"log_slave_updates", "0"},
             {"gtid_strict_mode", "0"},
             {"binlog_format", "MIXED"},
             {"rpl_semi_sync_master_wait_point", "AFTER_COMMIT"}}) {
        words.parse_settings(settings_of({{name, weak}}), facts);
        REQUIRE(facts.durability_faults.size() == 1);
        CHECK(facts.durability_faults[0].find(name + "=" + weak + ": ") == 0);
        CHECK(facts.durability_faults[0].find("; set " + name + "=") != std::string::npos);
    }
    words.parse_settings(settings_of({{"rpl_semi_sync_master_enabled", "1"}, {"read_only", "0"}}),
                         facts);
    CHECK(facts.source_semi_sync);
    CHECK_FALSE(facts.read_only);
    REQUIRE(facts.durability_faults.size() == 1);
    CHECK(facts.durability_faults[0].find("rpl_semi_sync_master_timeout=10000") == 0);
    words.parse_settings(settings_of({{"read_only", "NO_LOCK"}}), facts);
    CHECK(facts.read_only);
}

TEST_CASE("only a flush at the engine's commit, too, keeps what was answered", "[mysql][dialect]") {
    auto const words = mariadb();
    for (char const* const value : {"0", "1", "2", "3"}) {
        auto rows = settings_of({});
        rows.columns.emplace_back("innodb_flush_log_at_trx_commit");
        rows.rows[0].emplace_back(value);
        server_facts facts;
        words.parse_settings(rows, facts);
        bool const safe = std::string_view(value) == "3";
        CHECK(facts.keeps_answers == safe);
        CHECK(facts.durability_faults.empty() == safe);
    }
}

TEST_CASE("a replica's status becomes facts and an empty position stays unknown",
          "[mysql][dialect]") {
    auto const words = mariadb();
    server_facts facts;
    std::vector<std::pair<std::string, field>> values{
        {"Connection_name", ""},        {"Master_Host", "10.0.0.1"},
        {"Master_Port", "3306"},        {"Slave_IO_Running", "Connecting"},
        {"Slave_SQL_Running", "Yes"},   {"Using_Gtid", "Slave_Pos"},
        {"Gtid_IO_Pos", "0-1-12"},      {"Gtid_Slave_Pos", "0-1-11"},
        {"Seconds_Behind_Master", "3"}, {"Read_Master_Log_Pos", "4711"},
        {"Last_SQL_Errno", "1062"},     {"Last_SQL_Error", "Duplicate entry"},
        {"Last_IO_Error", "lost"}};
    words.parse_replica(replica_status(values), facts);
    REQUIRE(facts.replica);
    CHECK(facts.replica->master == *endpoint::parse("10.0.0.1:3306"));
    CHECK(facts.replica->receiver == thread_state::connecting);
    CHECK(facts.replica->applier_runs);
    CHECK(facts.replica->received->to_string() == "0-1-12");
    CHECK(facts.replica->applied.to_string() == "0-1-11");
    CHECK(facts.replica->lag == milliseconds{3000});
    CHECK(facts.replica->master_log_position == 4711);
    CHECK(facts.replica->applier_errno == 1062);
    CHECK(facts.replica->last_error == "Duplicate entry");

    // What is read has to travel: no agent takes an address without a port.
    for (auto const* port : {"", "0", "65536"}) {
        values[2].second = port;
        words.parse_replica(replica_status(values), facts);
        CHECK(facts.replica->master == *endpoint::parse("10.0.0.1:3306"));
    }

    values[6].second = "";
    values[8].second = std::nullopt;
    words.parse_replica(replica_status(values), facts);
    CHECK_FALSE(facts.replica->received);
    CHECK_FALSE(facts.replica->lag);
    values[6].second = "no gtid";
    words.parse_replica(replica_status(values), facts);
    CHECK_FALSE(facts.replica->received);
    values[8].second = "18446744073709551615";
    words.parse_replica(replica_status(values), facts);
    CHECK(facts.replica->lag == std::chrono::hours{24 * 365});
    words.parse_replica(table{}, facts);
    CHECK_FALSE(facts.replica);
}

TEST_CASE("streams and waiting commits are counted apart", "[mysql][dialect]") {
    auto const words = mariadb();
    server_facts facts;
    table const rows{{"ID", "USER", "COMMAND", "STATE", "TIME_MS"},
                     {{"5", "repl_b", "Binlog Dump", "Master has sent all", "9000.1"},
                      {"6", "repl_a", "Binlog Dump", "Sending", "8000.0"},
                      {"7", "app", "Query", "Waiting for semi-sync ACK from slave", "412.7"},
                      {"8", "app", "Query", "Waiting for semi-sync ACK from slave", "12.7"}}};
    CHECK(words.parse_streams_and_waiters(rows, facts) == milliseconds{412});
    table const absurd{{"COMMAND", "TIME_MS"}, {{"Query", "14031214839052078649"}}};
    server_facts others;
    CHECK(words.parse_streams_and_waiters(absurd, others) == std::chrono::hours{24 * 365});
    CHECK(facts.waiting_for_ack == 2);
    CHECK(facts.connected_accounts == std::vector<std::string>{"repl_a", "repl_b"});
    words.parse_status(variables_of({{"Binlog_snapshot_file", "binlog.000007"},
                                     {"Binlog_snapshot_position", "4711"},
                                     {"Rpl_semi_sync_master_clients", "2"},
                                     {"Rpl_semi_sync_master_wait_sessions", "1"}}),
                       facts);
    CHECK(facts.binlog_file == "binlog.000007");
    CHECK(facts.binlog_offset == 4711);
    CHECK(facts.semi_sync_clients == 2);
    CHECK(facts.waiting_for_ack == 1);
    CHECK(dialect::acknowledges_now(variables_of({{"RPL_SEMI_SYNC_SLAVE_STATUS", "ON"}})));
    CHECK_FALSE(dialect::acknowledges_now(variables_of({})));
}

TEST_CASE("the grants are complete or what is missing is named", "[mysql][grants]") {
    account_name const account{"tasuki", "localhost"};
    auto const lines = required_grants(account);
    REQUIRE(lines.size() == 3);
    table held{{"Grants"}, {}};
    CHECK(missing_grants(account, held).size() == 16);
    for (std::string const& line : lines) {
        auto shown = line;
        if (auto const at = shown.find("REPLICA MONITOR"); at != std::string::npos)
            shown.replace(at, 15, "SLAVE MONITOR");
        held.rows.push_back({shown});
    }
    CHECK(missing_grants(account, held).empty());
    held.rows.pop_back();
    CHECK(missing_grants(account, held) ==
          std::vector<std::string>{"GRANT SELECT ON tasuki.* TO 'tasuki'@'localhost'",
                                   "GRANT CREATE ON tasuki.* TO 'tasuki'@'localhost'",
                                   "GRANT INSERT ON tasuki.* TO 'tasuki'@'localhost'",
                                   "GRANT UPDATE ON tasuki.* TO 'tasuki'@'localhost'"});
    held.rows = {{"GRANT ALL PRIVILEGES ON *.* TO `tasuki`@`localhost` WITH GRANT OPTION"}};
    CHECK(missing_grants(account, held).empty());
    // BINLOG MONITOR does not pass for MONITOR-like others, nor CREATE USER for CREATE.
    held.rows = {{"GRANT CREATE USER, BINLOG MONITOR ON *.* TO `tasuki`@`localhost`"}};
    CHECK(missing_grants(account, held).size() == 14);
}

TEST_CASE("an access error becomes the GRANT to run", "[mysql][grants]") {
    account_name const account{"tasuki", "localhost"};
    sql_error error{sql_error::origin::server, 1227,
                    "Access denied; you need (at least one of) the REPLICATION SLAVE ADMIN "
                    "privilege(s) for this operation"};
    CHECK(remedy_for(error, account) ==
          "GRANT REPLICATION SLAVE ADMIN ON *.* TO 'tasuki'@'localhost'");
    error = {sql_error::origin::server, 1142, "INSERT command denied"};
    CHECK(remedy_for(error, account).find("GRANT SELECT, CREATE, INSERT, UPDATE ON tasuki.*") == 0);
    error = {sql_error::origin::server, 1290, "--read-only"};
    CHECK(remedy_for(error, account).empty());
    error = {sql_error::origin::connection, 2013, "Lost connection"};
    CHECK(remedy_for(error, account).empty());
}

TEST_CASE("obstacles are those who would be hurt", "[mysql][dialect]") {
    table const sessions{
        {"ID", "USER", "HOST", "COMMAND", "STATE", "TIME_MS", "INFO", "TRX", "TRX_MS", "LOCKED",
         "MODIFIED"},
        {{"1", "app", "h", "Sleep", "", "50000", std::nullopt, std::nullopt, std::nullopt,
          std::nullopt, std::nullopt},
         {"2", "app", "h", "Query", "executing", "3000", "SELECT 1", std::nullopt, std::nullopt,
          std::nullopt, std::nullopt},
         {"3", "app", "h", "Sleep", "", "2000", std::nullopt, "77", "2500", "0", "4"},
         {"4", "dba", "h", "Sleep", "", "10", std::nullopt, std::nullopt, std::nullopt,
          std::nullopt, std::nullopt},
         {"5", "app", "h", "Query", "Waiting for table metadata lock", "20", "INSERT", std::nullopt,
          std::nullopt, std::nullopt, std::nullopt}}};
    table const privileged{{"GRANTEE", "PRIVILEGE_TYPE"}, {{"'dba'@'%'", "SUPER"}}};
    auto const found = dialect::parse_obstacles(sessions, privileged, milliseconds{1000});
    REQUIRE(found.size() == 4);
    CHECK(found[0].session == 2);
    CHECK(found[0].why == obstacle::kind::long_statement);
    CHECK_FALSE(found[0].writes);
    CHECK(found[1].session == 3);
    CHECK(found[1].why == obstacle::kind::long_transaction);
    CHECK(found[1].age_ms == 2500);
    CHECK(found[1].writes);
    CHECK(found[2].why == obstacle::kind::privileged);
    CHECK(found[3].why == obstacle::kind::lock_waiter);
}

TEST_CASE("a server that boots writable is a fault, unless nobody can tell", "[mysql][dialect]") {
    auto const boot = [](char const* value, char const* origin) {
        return dialect::boot_faults({{"GLOBAL_VALUE", "GLOBAL_VALUE_ORIGIN"}, {{value, origin}}})
            .size();
    };
    CHECK(boot("OFF", "COMPILE-TIME") == 1);
    CHECK(boot("OFF", "CONFIG") == 1);
    CHECK(boot("ON", "CONFIG") == 0);
    CHECK(boot("OFF", "SQL") == 0);
}

TEST_CASE("an option file is read as a server reads it", "[mysql][options]") {
    CHECK(is_skip_slave_start("--skip-slave-start"));
    CHECK(is_skip_slave_start("skip_slave_start = ON"));
    CHECK(is_skip_slave_start("skip-replica-start=1"));
    CHECK_FALSE(is_skip_slave_start("skip_slave_start=0"));
    CHECK_FALSE(is_skip_slave_start("# skip_slave_start"));
    CHECK(
        read_option_file("[client]\nuser=a\n[mysqld]\r\n skip_slave_start \r\n").skips_slave_start);
    CHECK(read_option_file("[mariadb-10.11]\nskip-slave-start").skips_slave_start);
    CHECK_FALSE(read_option_file("skip-slave-start").skips_slave_start);
    CHECK_FALSE(read_option_file("[mysqldump]\nskip-slave-start\n").skips_slave_start);
    auto const including = read_option_file("!include /a.cnf\n!includedir /b/\n[");
    CHECK(including.files == std::vector<std::string>{"/a.cnf"});
    CHECK(including.folders == std::vector<std::string>{"/b/"});
}
