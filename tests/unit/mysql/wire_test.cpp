#include "tasuki/mysql/wire.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

gtid_list list(std::string_view text) {
    return gtid_list::parse(text).value();
}

endpoint at(std::string_view text) {
    return endpoint::parse(text).value();
}

std::vector<operation> every_operation() {
    return {survey{},
            settle{},
            freeze{at("10.0.0.1:3306")},
            unfreeze{},
            drain{},
            await_position{list("0-1-42,1-2-3")},
            follow{at("[fd00::2]:3307"), "repl_db2", true, true},
            set_acker{true},
            arm{false, {"repl_db2", "repl_\"db3\""}},
            await_ackers{2},
            open_writes{},
            close_writes{},
            lock_account{"repl_db2"},
            unlock_account{"repl_db3"},
            probe_commit{},
            repeat_ack{at("10.0.0.1:3306"), "repl_db2", list("0-1-7")},
            disable_semi_sync{},
            enable_semi_sync{},
            kill_server{},
            list_obstacles{}};
}

answer full_answer() {
    answer out;
    out.ticket = 18446744073709551615ULL;
    out.kind = failure::timed_out;
    out.detail = "statement \"\xff\xfe\" of\n'app'";
    out.took = milliseconds{12};
    out.facts_age = milliseconds{900};
    server_facts& facts = out.facts;
    facts.condition = health::waiting_for_ack;
    facts.life = server_incarnation{9223372036854775809ULL};
    facts.server_number = 4294967295U;
    facts.read_only = false;
    facts.source_semi_sync = true;
    facts.keeps_answers = true;
    facts.semi_sync_clients = 2;
    facts.waiting_for_ack = 3;
    facts.binlog_position = list("0-1-42");
    facts.binlog_state = list("0-1-42,0-2-7");
    facts.binlog_file = "binlog.000003";
    facts.binlog_offset = 1'000'000'000'000ULL;
    facts.connected_accounts = {"repl_db2"};
    facts.durability_faults = {"sync_binlog is 0: set it to 1"};
    facts.read_at = instant{milliseconds{77}};
    replica_facts replica;
    replica.master = at("10.0.0.1:3306");
    replica.receiver = thread_state::connecting;
    replica.applier_runs = true;
    replica.received = gtid_list{};
    replica.applied = list("0-1-41");
    replica.lag = milliseconds{1500};
    replica.master_log_file = "binlog.000003";
    replica.master_log_position = 99;
    replica.receiver_errno = 2003;
    replica.applier_errno = 1062;
    replica.last_error = "Duplicate entry";
    facts.replica = replica;
    return out;
}

std::string replaced(std::string text, std::string const& what, std::string const& by) {
    auto const place = text.find(what);
    REQUIRE(place != std::string::npos);
    return text.replace(place, what.size(), by);
}

} // namespace

TEST_CASE("wire: every operation comes back as it was sent", "[wire]") {
    CHECK(every_operation().size() == std::variant_size_v<operation>);
    for (operation const& what : every_operation()) {
        order sent;
        sent.ticket = 99;
        sent.decided_under = epoch{7};
        sent.limit = milliseconds{250};
        sent.what = what;
        INFO(encode(sent));
        auto const got = decode_order(encode(sent));
        REQUIRE(got.has_value());
        CHECK(*got == sent);
    }
}

TEST_CASE("wire: an answer with all its facts comes back as it was sent", "[wire]") {
    answer const sent = full_answer();
    auto const got = decode_answer(encode(sent));
    REQUIRE(got.has_value());
    CHECK(*got == sent);
    answer bare;
    CHECK(*decode_answer(encode(bare)) == bare);
    answer unknown = full_answer();
    unknown.facts.replica->received.reset();
    unknown.facts.replica->lag.reset();
    CHECK(*decode_answer(encode(unknown)) == unknown);
    CHECK_FALSE(decode_answer(encode(unknown))->facts.replica->received.has_value());
}

TEST_CASE("wire: a journal entry comes back as it was sent", "[wire]") {
    journal_entry sent;
    sent.reached = milestone::choose;
    sent.chosen = node_id{3};
    sent.frozen = {{node_id{2}, server_incarnation{5}}};
    sent.promotion = list("0-1-9");
    sent.loss_accepted = true;
    sent.now.master = node_id{1};
    sent.now.required = 2;
    sent.now.ackers = {{node_id{2}, server_incarnation{5}}, {node_id{3}, server_incarnation{6}}};
    sent.now.next_ackers = {{node_id{2}, server_incarnation{5}}};
    sent.now.degraded = true;
    CHECK(*decode_journal_entry(encode(sent)) == sent);
    CHECK(*decode_journal_entry(encode(journal_entry{})) == journal_entry{});
}

TEST_CASE("wire: malformed text is refused with a reason", "[wire]") {
    order sent;
    sent.what = follow{at("10.0.0.1:3306"), "repl_db2", true, false};
    std::string const good = encode(sent);
    std::vector<std::string> const bad = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        replaced(good, "\"v\":1", "\"v\":2"),
        replaced(good, "\"v\":1", "\"v\":\"1\""),
        replaced(good, "\"op\":\"follow\"", "\"op\":\"erase\""),
        replaced(good, "\"op\":\"follow\"", "\"op\":4"),
        replaced(good, "10.0.0.1:3306", "10.0.0.1"),
        replaced(good, "\"as_acker\":true", "\"as_acker\":1"),
        replaced(good, "\"account\"", "\"a\""),
        replaced(good, "\"ticket\":0", "\"ticket\":-1"),
        replaced(good, "\"ticket\":0", "\"ticket\":0.5"),
        replaced(good, "\"limit_ns\":1000000000", "\"limit_ns\":-1"),
        // Whoever obeys adds it to a clock.
        replaced(good, "\"limit_ns\":1000000000", "\"limit_ns\":9223372036854775807"),
        replaced(good, "\"limit_ns\":1000000000", "\"limit_ns\":99999999999999999999"),
        good + "x",
        std::string(text_max + 1, ' '),
        std::string(64, '[') + std::string(64, ']'),
    };
    for (std::string const& text : bad) {
        INFO(text.substr(0, 200));
        auto const got = decode_order(text);
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().kind == failure::invalid);
        CHECK_FALSE(got.error().text.empty());
    }
    CHECK_FALSE(decode_answer(replaced(encode(full_answer()), "0-1-41", "0-1")).has_value());
    CHECK_FALSE(decode_answer(replaced(encode(full_answer()), "connecting", "dozing")).has_value());
}

TEST_CASE("wire: no truncation of a valid text is taken for a valid one", "[wire]") {
    std::string const text = encode(full_answer());
    for (std::size_t length = 0; length < text.size(); ++length)
        REQUIRE_FALSE(decode_answer(std::string_view(text).substr(0, length)).has_value());
}

TEST_CASE("wire: a detail without end is cut, so that the answer still arrives", "[wire]") {
    answer sent;
    sent.detail = std::string(text_max * 2, 'x');
    auto const got = decode_answer(encode(sent));
    REQUIRE(got.has_value());
    CHECK(got->detail.size() < text_max);
}
