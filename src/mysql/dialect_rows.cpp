#include "tasuki/mysql/dialect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace tasuki::mysql {
namespace {

constexpr std::uint64_t port_max = 65535;
constexpr std::uint16_t default_port = 3306; ///< of a server that is told of none
constexpr std::uint64_t endless_ms = 365ULL * 24 * 3600 * 1000;

bool same_letters(std::string_view left, std::string_view right) {
    auto const lower = [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    };
    return std::ranges::equal(left, right, {}, lower, lower);
}

/// Booleans come as 1 or ON; newer servers know several kinds of read-only, all of them "on".
bool is_on(std::string_view value) {
    return value == "1" || same_letters(value, "ON") || value.starts_with("NO_LOCK");
}

std::uint64_t to_number(std::string_view text) {
    std::uint64_t value = 0;
    auto const end = std::from_chars(text.data(), text.data() + text.size(), value);
    return end.ec == std::errc{} ? value : 0;
}

/// What a server tells in such units; longer than a year is as good as a year, and no overflow.
template<class Unit>
milliseconds told_span(std::uint64_t count) {
    constexpr auto longest = std::chrono::duration_cast<Unit>(milliseconds{endless_ms}).count();
    return Unit{std::min(count, static_cast<std::uint64_t>(longest))};
}

/// A list we cannot read is not a position: it stays empty, which nobody takes for "drained".
gtid_list list_or_empty(std::string const& text) {
    auto parsed = gtid_list::parse(text);
    return parsed ? *parsed : gtid_list{};
}

thread_state receiver_state(std::string_view word) {
    if (word == "Yes")
        return thread_state::running;
    return word == "No" ? thread_state::stopped : thread_state::connecting;
}

/// A running statement that can hold read_only up. One that waits for a lock holds nobody up.
bool may_change(std::string_view statement, std::string_view state) {
    if (statement.empty() || state.starts_with("Waiting for"))
        return false;
    auto const word = statement.substr(0, statement.find_first_of(" \t\n(;"));
    for (std::string_view const reading :
         {"SELECT", "SHOW", "EXPLAIN", "DESCRIBE", "DESC", "WITH", "SET", "USE", "KILL", "COMMIT"})
        if (same_letters(word, reading))
            return false;
    return true;
}

std::string status_value(table const& rows, std::string_view name) {
    for (row const& line : rows.rows)
        if (line.size() >= 2 && line[0] && same_letters(*line[0], name))
            return line[1].value_or("");
    return {};
}

} // namespace

field table::at(std::size_t index, std::string_view column) const {
    if (index >= rows.size())
        return std::nullopt;
    for (std::size_t place = 0; place < columns.size() && place < rows[index].size(); ++place)
        if (same_letters(columns[place], column))
            return rows[index][place];
    return std::nullopt;
}

std::string table::text(std::size_t index, std::string_view column) const {
    return at(index, column).value_or("");
}

std::uint64_t table::number(std::size_t index, std::string_view column) const {
    return to_number(text(index, column));
}

void dialect::parse_settings(table const& rows, server_facts& into) const {
    into.server_number = static_cast<std::uint32_t>(rows.number(0, "server_id")) & ~borrowed_number;
    into.read_only = is_on(rows.text(0, "read_only"));
    into.source_semi_sync = is_on(rows.text(0, "rpl_semi_sync_master_enabled"));
    into.replica_semi_sync = is_on(rows.text(0, "rpl_semi_sync_slave_enabled"));
    into.keeps_answers = rows.text(0, "innodb_flush_log_at_trx_commit") == "3";
    into.binlog_position = list_or_empty(rows.text(0, "gtid_binlog_pos"));
    into.binlog_state = list_or_empty(rows.text(0, "gtid_binlog_state"));
    into.durability_faults = durability_faults(rows);
}

void dialect::parse_replica(table const& rows, server_facts& into) const {
    into.replica.reset();
    std::size_t chosen = 0;
    for (std::size_t index = 0; index < rows.rows.size(); ++index)
        if (rows.text(index, "Connection_name").empty())
            chosen = index;
    if (rows.text(chosen, "Master_Host").empty())
        return;
    replica_facts out;
    if (auto const host = ip_address::parse(rows.text(chosen, "Master_Host")))
        out.master.address = *host;
    auto const port = rows.number(chosen, "Master_Port");
    bool const is_port = port > 0 && port <= port_max;
    out.master.port = is_port ? static_cast<std::uint16_t>(port) : default_port;
    out.receiver = receiver_state(rows.text(chosen, "Slave_IO_Running"));
    out.applier_runs = rows.text(chosen, "Slave_SQL_Running") == "Yes";
    auto const received = list_or_empty(rows.text(chosen, "Gtid_IO_Pos"));
    if (!received.empty() && rows.text(chosen, "Using_Gtid") != "No")
        out.received = received;
    out.applied = list_or_empty(rows.text(chosen, "Gtid_Slave_Pos"));
    if (rows.at(chosen, "Seconds_Behind_Master"))
        out.lag = told_span<std::chrono::seconds>(rows.number(chosen, "Seconds_Behind_Master"));
    out.master_log_file = rows.text(chosen, "Master_Log_File");
    out.master_log_position = rows.number(chosen, "Read_Master_Log_Pos");
    out.receiver_errno = static_cast<std::uint32_t>(rows.number(chosen, "Last_IO_Errno"));
    out.applier_errno = static_cast<std::uint32_t>(rows.number(chosen, "Last_SQL_Errno"));
    out.last_error = rows.text(chosen, "Last_SQL_Error");
    if (out.last_error.empty())
        out.last_error = rows.text(chosen, "Last_IO_Error");
    into.replica = std::move(out);
}

void dialect::parse_status(table const& rows, server_facts& into) const {
    into.binlog_file = status_value(rows, "Binlog_snapshot_file");
    into.binlog_offset = to_number(status_value(rows, "Binlog_snapshot_position"));
    into.semi_sync_clients =
        static_cast<std::uint32_t>(to_number(status_value(rows, "Rpl_semi_sync_master_clients")));
    into.waiting_for_ack = static_cast<std::uint32_t>(
        to_number(status_value(rows, "Rpl_semi_sync_master_wait_sessions")));
}

bool dialect::acknowledges_now(table const& status) {
    return is_on(status_value(status, "Rpl_semi_sync_slave_status"));
}

milliseconds dialect::parse_streams_and_waiters(table const& rows, server_facts& into) const {
    into.connected_accounts.clear();
    std::uint32_t waiting = 0;
    std::uint64_t oldest_ms = 0;
    for (std::size_t index = 0; index < rows.rows.size(); ++index) {
        if (rows.text(index, "COMMAND").starts_with("Binlog Dump")) {
            into.connected_accounts.push_back(rows.text(index, "USER"));
            continue;
        }
        ++waiting;
        oldest_ms = std::max(oldest_ms, rows.number(index, "TIME_MS"));
    }
    std::ranges::sort(into.connected_accounts);
    into.waiting_for_ack = std::max(into.waiting_for_ack, waiting);
    return told_span<milliseconds>(oldest_ms);
}

std::vector<std::string> dialect::durability_faults(table const& settings) const {
    std::vector<std::string> out;
    auto const wants = [&](std::string_view name, std::string_view value, std::string_view why) {
        auto const held = settings.at(0, name);
        bool const fits = held && (*held == value || (value == "1" && is_on(*held)));
        if (held && !fits)
            out.push_back(fmt::format("{}={}: {}; set {}={} in my.cnf and with SET GLOBAL", name,
                                      *held, why, name, value));
    };
    wants("log_bin", "1", "nothing can be replicated");
    wants("sync_binlog", "1", "a power cut loses commits that were answered");
    // With 1 the engine's commit is flushed after the answer: a recovery that cuts off what only
    // the binary log has kept (init_rpl_role=SLAVE) would take it back.
    wants("innodb_flush_log_at_trx_commit", "3", "a crash takes back commits that were answered");
    wants("sync_relay_log", "1", "an acker's power cut loses what it has acknowledged");
    wants("log_slave_updates", "1", "a promoted replica could not feed the others");
    wants("gtid_strict_mode", "1", "diverged servers would replicate from each other unnoticed");
    wants("binlog_format", "ROW", "a replica may apply a statement differently");
    wants("rpl_semi_sync_master_wait_point", "AFTER_SYNC",
          "others see a commit before it is safe on a second server");
    if (is_on(settings.text(0, "rpl_semi_sync_master_enabled"))) {
        wants("rpl_semi_sync_master_wait_no_slave", "1",
              "commits go on without acknowledgement once the last acker has left");
        if (settings.number(0, "rpl_semi_sync_master_timeout") < endless_ms)
            out.push_back(fmt::format("rpl_semi_sync_master_timeout={}: a commit goes on without "
                                      "acknowledgement after that many milliseconds; leave it to "
                                      "the agent",
                                      settings.text(0, "rpl_semi_sync_master_timeout")));
    }
    return out;
}

std::string_view to_string(obstacle::kind value) {
    switch (value) {
    case obstacle::kind::long_transaction:
        return "long transaction";
    case obstacle::kind::long_statement:
        return "long statement";
    case obstacle::kind::lock_holder:
        return "holds table locks";
    case obstacle::kind::lock_waiter:
        return "waits for a table lock";
    case obstacle::kind::privileged:
        return "may write in spite of read_only";
    }
    return "unknown";
}

std::vector<obstacle> dialect::parse_obstacles(table const& sessions, table const& privileged,
                                               milliseconds long_is) {
    std::set<std::string> writers;
    for (std::size_t index = 0; index < privileged.rows.size(); ++index) {
        // 'user'@'host': the session shows its client's host, so the user alone is compared.
        auto const grantee = privileged.text(index, "GRANTEE");
        auto const end = grantee.find('\'', 1);
        if (end != std::string::npos)
            writers.insert(grantee.substr(1, end - 1));
    }
    std::vector<obstacle> out;
    auto const bound = static_cast<std::uint64_t>(long_is.count());
    for (std::size_t index = 0; index < sessions.rows.size(); ++index) {
        auto const user = sessions.text(index, "USER");
        obstacle one{.session = sessions.number(index, "ID"),
                     .account = fmt::format("{}@{}", user, sessions.text(index, "HOST")),
                     .what = sessions.text(index, "INFO"),
                     .age_ms = sessions.number(index, "TIME_MS"),
                     .writes = sessions.number(index, "LOCKED") > 0 ||
                               sessions.number(index, "MODIFIED") > 0};
        bool const asleep = sessions.text(index, "COMMAND") == "Sleep";
        one.writes = one.writes || (!asleep && may_change(one.what, sessions.text(index, "STATE")));
        auto const add = [&](obstacle::kind why, std::uint64_t age) {
            one.why = why;
            one.age_ms = age;
            out.push_back(one);
        };
        if (writers.contains(user))
            add(obstacle::kind::privileged, one.age_ms);
        if (auto const age = sessions.number(index, "TRX_MS");
            sessions.at(index, "TRX") && age >= bound)
            add(obstacle::kind::long_transaction, age);
        else if (!asleep && one.age_ms >= bound)
            add(obstacle::kind::long_statement, one.age_ms);
        if (sessions.number(index, "LOCKED") > 0 && asleep)
            add(obstacle::kind::lock_holder, sessions.number(index, "TRX_MS"));
        if (sessions.text(index, "STATE").starts_with("Waiting for table"))
            add(obstacle::kind::lock_waiter, sessions.number(index, "TIME_MS"));
    }
    return out;
}

std::vector<std::string> dialect::boot_faults(table const& boot_read_only) {
    auto const origin = boot_read_only.text(0, "GLOBAL_VALUE_ORIGIN");
    // Once it was SET, the server no longer tells what it has booted with.
    bool const booted_open =
        origin == "COMPILE-TIME" ||
        (origin != "SQL" && origin != "AUTO" && !is_on(boot_read_only.text(0, "GLOBAL_VALUE")));
    if (!booted_open || boot_read_only.rows.empty())
        return {};
    return {"read_only is off at boot: a master that comes back would take writes that nobody "
            "acknowledges; set read_only=ON in my.cnf"};
}

} // namespace tasuki::mysql
