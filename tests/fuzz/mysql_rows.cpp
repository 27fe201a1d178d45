// What a mysqld answers to the agent's questions, as any text under any name: read without harm,
// and what was read travels to another agent unchanged.
#include "fuzz.hpp"
#include "tasuki/mysql/dialect.hpp"
#include "tasuki/mysql/wire.hpp"

namespace tasuki::fuzz {

namespace {

using namespace mysql;

/// Lines of fields apart by tabs; the first names the columns, "\N" is NULL.
table table_of(std::string_view text) {
    table out;
    for (bool heading = true; !text.empty(); heading = false) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        row fields;
        while (true) {
            auto const word = line.substr(0, line.find('\t'));
            fields.push_back(word == "\\N" ? field{} : field{word});
            if (word.size() == line.size())
                break;
            line.remove_prefix(word.size() + 1);
        }
        if (!heading)
            out.rows.push_back(fields);
        for (auto const& each : heading ? fields : row{})
            out.columns.push_back(each.value_or(""));
    }
    return out;
}

dialect const& words() {
    static auto const known = [] {
        table variables{{"Variable_name", "Value"}, {}};
        for (auto const* name :
             {"server_id", "read_only", "log_bin", "log_slave_updates", "gtid_strict_mode",
              "gtid_binlog_pos", "gtid_binlog_state", "gtid_slave_pos", "sync_binlog",
              "sync_relay_log", "binlog_format", "rpl_semi_sync_master_enabled",
              "rpl_semi_sync_master_timeout", "rpl_semi_sync_master_wait_point",
              "rpl_semi_sync_master_wait_no_slave", "rpl_semi_sync_slave_enabled"})
            variables.rows.push_back({field{name}, field{"ON"}});
        return dialect::probe(variables);
    }();
    return *known;
}

} // namespace

void try_input(byte_view input) {
    auto const rows = table_of(text_of(input));
    answer read;
    read.done = true;
    words().parse_settings(rows, read.facts);
    words().parse_replica(rows, read.facts);
    words().parse_status(rows, read.facts);
    auto const waiting = words().parse_streams_and_waiters(rows, read.facts);
    TASUKI_REQUIRE(waiting >= milliseconds{0});
    for (auto const& each : dialect::parse_obstacles(rows, rows, milliseconds{1000}))
        TASUKI_REQUIRE(!to_string(each.why).empty());
    static_cast<void>(dialect::boot_faults(rows));
    static_cast<void>(missing_grants({"tasuki", "localhost"}, rows));
    static_cast<void>(dialect::probe(rows));

    auto const back = decode_answer(encode(read));
    TASUKI_REQUIRE(back && back->facts == read.facts);
}

} // namespace tasuki::fuzz
