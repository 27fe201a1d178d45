// Requests to the API, tables of a server, and every configuration of the unit tests.
#include "seeds.hpp"

#include <fstream>
#include <sstream>

namespace tasuki::fuzz {

namespace {

std::string contents_of(std::string const& file) {
    std::ifstream in{TASUKI_SOURCE_DIR + file};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// Every second file of the cases, each from its title to the line of dashes: all are too many.
void add_configurations(seeds& to) {
    to.push_back({"agent_config", "shipped", text_bytes(contents_of("/etc/tasuki.toml"))});
    std::istringstream cases{contents_of("/tests/unit/agent/config_cases.txt")};
    std::string text;
    bool inside = false;
    std::size_t number = 0;
    for (std::string line; std::getline(cases, line);) {
        if (line == "---" && inside && ++number % 2 == 0)
            to.push_back({"agent_config", "case_" + std::to_string(number), text_bytes(text)});
        if (line.starts_with("=== "))
            text.clear();
        else if (inside)
            text += line + "\n";
        inside = (inside && line != "---") || line.starts_with("=== ");
    }
}

} // namespace

void add_requests(seeds& to) {
    add_configurations(to);
    std::size_t number = 0;
    for (std::string_view const text :
         {"GET\n/",
          "GET\n/api/v1/status",
          "GET\n/api/v1/history?limit=5",
          "GET\n/api/v1/operations/42",
          "GET\n/api/v1/operations/42/events",
          "GET\n/api/v1/groups/db/why",
          "GET\n/api/v1/events?operation=42",
          "GET\n/metrics",
          "OPTIONS\n/replica?lag=10s&group=d%62",
          "HEAD\n/active?group=db",
          "GET\n/api/v1/check",
          "POST\n/api/v1/groups/db/"
          "switchover\n{\"to\":\"db2\",\"dry_run\":true,\"reason\":\"why\"}",
          "POST\n/api/v1/groups/db/failover\n{\"to\":\"db2\",\"allow_loss\":true}",
          "POST\n/api/v1/groups/db/pause\n{\"for_ms\":1800000,\"reason\":\"update\"}",
          "POST\n/api/v1/pause\n{\"reason\":\"x\"}",
          "POST\n/api/v1/resume",
          "POST\n/api/v1/nodes/db2/standby\n{\"reason\":\"x\",\"for_ms\":5}",
          "POST\n/api/v1/pause\n{\"reason\":\"x\",\"for_ms\":604800001}",
          "POST\n/api/v1/nodes/db2/activate",
          "POST\n/api/v1/vip/announce\n{\"group\":\"db\"}",
          "POST\n/api/v1/reload",
          "POST\n/api/v1/bootstrap\n{\"masters\":{\"db\":\"db1\"}}",
          "DELETE\n/api/v1/status",
          "GET\n/api/v1/status?x=1"})
        to.push_back({"http_request", std::to_string(++number), text_bytes(text)});

    to.push_back(
        {"mysql_rows", "settings",
         text_bytes("server_id\tread_only\trpl_semi_sync_master_enabled\tgtid_binlog_pos\t"
                    "gtid_binlog_state\tsync_binlog\n1\tON\t1\t0-1-42\t0-1-42,0-2-40\t0\n")});
    to.push_back(
        {"mysql_rows", "replica",
         text_bytes("Connection_name\tMaster_Host\tMaster_Port\tSlave_IO_Running\t"
                    "Slave_SQL_Running\tGtid_IO_Pos\tUsing_Gtid\tGtid_Slave_Pos\t"
                    "Seconds_Behind_Master\tLast_SQL_Error\n"
                    "\t10.0.0.1\t3306\tYes\tNo\t0-1-42\tSlave_Pos\t0-1-41\t12\tbroken\n")});
    to.push_back(
        {"mysql_rows", "sessions",
         text_bytes("ID\tUSER\tHOST\tCOMMAND\tTIME_MS\tSTATE\tINFO\tTRX\tTRX_MS\tLOCKED\t"
                    "MODIFIED\n7\tapp\tweb1\tQuery\t5000\tupdating\tUPDATE t\t\\N\t0\t1\t0\n"
                    "8\trepl_db2\tdb2\tBinlog Dump\t1\t\t\\N\t9\t2000\t0\t1\n")});
    to.push_back({"mysql_rows", "status",
                  text_bytes("Variable_name\tValue\nBinlog_snapshot_file\tbin.000001\n"
                             "Binlog_snapshot_position\t42\nRpl_semi_sync_master_clients\t2\n")});
    to.push_back({"mysql_rows", "grants",
                  text_bytes("Grants\nGRANT SUPER, PROCESS ON *.* TO `tasuki`@`localhost`\n")});
}

} // namespace tasuki::fuzz
