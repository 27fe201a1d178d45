// What agents tell each other: there and back, and everything malformed refused.
#include "tasuki/agent/peer_message.hpp"

#include "tasuki/agent/channel.hpp"

#include "result_text.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

namespace json = boost::json;

std::string text_of(byte_string const& bytes) {
    std::string out;
    for (auto const octet : bytes)
        out += static_cast<char>(octet);
    return out;
}

byte_string bytes_of(std::string const& text) {
    auto const view = std::as_bytes(std::span{text});
    return {view.begin(), view.end()};
}

progress_note sample_note() {
    progress_note it;
    it.operation = operation_id{0xfedcba9876543210ULL};
    it.group = group_named("db");
    it.kind = "failover";
    it.from = node_named("db1");
    it.to = node_named("db2");
    it.under = epoch{7};
    it.node = node_named("db3");
    it.step = "freeze";
    it.text = "2 of 2 ackers frozen";
    it.result = "done";
    it.reason = "mysqld died";
    it.wall_ms = 1'767'225'600'123;
    it.automatic = false;
    return it;
}

mysql::server_facts sample_facts() {
    mysql::server_facts it;
    it.condition = mysql::health::up;
    it.life = server_incarnation{77};
    it.read_only = false;
    it.binlog_position = *mysql::gtid_list::parse("0-1-42");
    it.replica.emplace();
    it.replica->master = *endpoint::parse("10.0.0.1:3306");
    it.replica->lag = milliseconds{12};
    return it;
}

group_report sample_report() {
    group_report it;
    it.group = group_named("db");
    it.under = epoch{7};
    it.role = "active";
    it.not_eligible = "paused";
    it.address_here = true;
    it.address_since_ms = 1'767'225'600'123;
    it.interface = "eth0";
    it.conflict = "10.0.0.50 is also claimed by 02:00:00:00:00:09";
    it.trouble = "no such device";
    it.disk = voter_disk::full;
    it.active_since_ms = 1'767'225'600'000;
    it.loss_accepted = true;
    it.blocked = "commits wait";
    it.quarantined = {{node_named("db3"), "diverged"}};
    return it;
}

operation sample_operation() {
    operation it;
    it.id = operation_id{42};
    it.group = "db";
    it.kind = operation_kind::standby;
    it.by = "root";
    it.reason = "disk swap";
    return it;
}

http::pools_report sample_pools() {
    http::pools_report it;
    http::pool_view pool;
    pool.name = "web";
    pool.listen = {"10.77.0.60:80"};
    pool.backends.resize(1);
    pool.backends[0].name = "app1";
    it.pools = {pool};
    it.deeds = {{"web", "app1", "drain", "root", 7}};
    it.wishes = R"({"form":2,"pools":{}})";
    return it;
}

/// One of each kind, with every member set to something of its own.
std::vector<peer_message> every_kind() {
    auto const db = group_named("db");
    auto const b = node_named("db2");
    mysql::order order{9, epoch{7}, milliseconds{1500}, mysql::lock_account{"repl_db2"}};
    operation_id const id{4711};
    return {peer_order{db, order},
            peer_facts{db, sample_facts()},
            peer_note{sample_note()},
            peer_wish{id, ask_switchover{db, b, true, "why"}},
            peer_wish{id, ask_switchover{db, std::nullopt, false, ""}},
            peer_wish{id, ask_failover{db, b, true, false, "why"}},
            peer_wish{id, ask_pause{db, true, 99, "why"}},
            peer_wish{id, ask_standby{db, b, true, "why"}},
            peer_reports{{sample_report(), group_report{}}},
            peer_operation{sample_operation()},
            peer_history_wanted{},
            peer_tenure_wanted{group_named("db")},
            peer_pools{sample_pools()},
            peer_card{{*mac_address::parse("02:00:00:00:00:01")},
                      "0.1.0",
                      "agent",
                      "no",
                      "none",
                      "1-00 signs 1"}};
}

bool is_refused(std::string const& text) {
    return !decode_peer_message(bytes_of(text)).has_value();
}

} // namespace

TEST_CASE("peer message: every kind comes back as it was sent", "[agent][peer_message]") {
    for (auto const& each : every_kind()) {
        auto const bytes = encode(each);
        INFO(text_of(bytes));
        auto const back = decode_peer_message(bytes);
        CHECK(back.has_value());
        if (!back)
            continue;
        CHECK(back->index() == each.index());
        CHECK(encode(*back) == bytes);
    }
}

TEST_CASE("peer message: the values themselves come back", "[agent][peer_message]") {
    auto const note = decode_peer_message(encode(peer_note{sample_note()}));
    REQUIRE(note);
    auto const& it = std::get<peer_note>(*note).what;
    CHECK(it.operation == sample_note().operation);
    CHECK(it.to == sample_note().to);
    CHECK(it.wall_ms == sample_note().wall_ms);
    CHECK_FALSE(it.automatic);
    auto const facts = decode_peer_message(encode(peer_facts{group_named("db"), sample_facts()}));
    REQUIRE(facts);
    CHECK(std::get<peer_facts>(*facts).facts == sample_facts());
    auto const wish = decode_peer_message(
        encode(peer_wish{operation_id{1}, ask_switchover{group_named("db"), {}, false, "r"}}));
    REQUIRE(wish);
    CHECK_FALSE(std::get<ask_switchover>(std::get<peer_wish>(*wish).wish).to.has_value());
}

TEST_CASE("peer message: a report comes back member by member", "[agent][peer_message]") {
    auto const back = decode_peer_message(encode(peer_reports{{sample_report()}}));
    REQUIRE(back);
    CHECK(std::get<peer_reports>(*back).of_groups == std::vector{sample_report()});
    auto const what = decode_peer_message(encode(peer_operation{sample_operation()}));
    REQUIRE(what);
    CHECK(std::get<peer_operation>(*what).what == sample_operation());
}

TEST_CASE("peer message: a reading is as old there as it was here", "[agent][peer_message]") {
    auto const facts = decode_peer_message(
        encode(peer_facts{group_named("db"), sample_facts(), milliseconds{1'234}}));
    REQUIRE(facts);
    CHECK(std::get<peer_facts>(*facts).age == milliseconds{1'234});
    mysql::answer read;
    read.facts = sample_facts();
    instant const here = long_ago + std::chrono::hours{50}; // since this machine booted
    instant const there = long_ago + std::chrono::hours{3};
    read.facts.read_at = here - milliseconds{700};
    auto const back = decode_order_answer(encode(read, here), there);
    REQUIRE(back);
    CHECK(back->facts.read_at == there - milliseconds{700});
    read.facts.read_at = here - std::chrono::hours{40}; // older than the other machine
    auto const ancient = decode_order_answer(encode(read, here), there);
    REQUIRE(ancient);
    CHECK(ancient->facts.read_at == long_ago);
}

TEST_CASE("peer message: the newest of a history go over the channel", "[agent][peer_message]") {
    history past;
    for (std::uint64_t id = 1; id <= history_operations_max; ++id) {
        auto it = sample_operation();
        it.id = operation_id{id};
        it.started_ms = static_cast<std::int64_t>(id);
        it.detail = std::string(history_text_max, 'x');
        past.put(it);
    }
    auto const bytes = encode(past);
    CHECK(bytes.size() < channel_body_max);
    auto const back = decode_history(bytes);
    REQUIRE(back);
    REQUIRE(back->size() > 50);
    CHECK(back->front().id == operation_id{history_operations_max});
    CHECK_FALSE(decode_history(bytes_of(R"({"v":1,"operations":[1]})")));
    CHECK_FALSE(decode_history(bytes_of(R"({"v":1})")));
}

TEST_CASE("peer message: one that is cut anywhere is refused", "[agent][peer_message]") {
    for (auto const& each : every_kind()) {
        auto const whole = text_of(encode(each));
        for (std::size_t length = 0; length < whole.size(); ++length)
            REQUIRE(is_refused(whole.substr(0, length)));
    }
}

TEST_CASE("peer message: a missing member spoils the whole", "[agent][peer_message]") {
    for (auto const& each : every_kind()) {
        auto const whole = json::parse(text_of(encode(each))).as_object();
        for (auto const& member : whole) {
            auto less = whole;
            less.erase(member.key());
            INFO(json::serialize(less));
            CHECK(is_refused(json::serialize(less)));
        }
    }
}

TEST_CASE("peer message: a member of another type spoils the whole", "[agent][peer_message]") {
    for (auto const& each : every_kind()) {
        auto const whole = json::parse(text_of(encode(each))).as_object();
        for (auto const& member : whole) {
            auto wrong = whole;
            wrong[member.key()] = member.value().is_null() ? json::value(1) : json::value(nullptr);
            INFO(json::serialize(wrong));
            CHECK(is_refused(json::serialize(wrong)));
        }
    }
}

TEST_CASE("peer message: another version is refused", "[agent][peer_message]") {
    for (auto const& version : {json::value(2), json::value("1"), json::value(nullptr)}) {
        auto whole = json::parse(text_of(encode(peer_note{sample_note()}))).as_object();
        whole["v"] = version;
        CHECK(is_refused(json::serialize(whole)));
    }
}

TEST_CASE("peer message: what is out of range or unknown is refused", "[agent][peer_message]") {
    auto const with = [](std::string_view key, json::value value) {
        auto whole = json::parse(text_of(encode(peer_note{sample_note()}))).as_object();
        whole[key] = std::move(value);
        return json::serialize(whole);
    };
    CHECK(is_refused(with("type", "gossip")));
    CHECK(is_refused(with("node", 0x1'0000'0001))); // would be another node if it were cut off
    CHECK(is_refused(with("group", -1)));
    CHECK(is_refused(with("wall_ms", 1.5)));
    CHECK(is_refused(with("step", json::value(std::string(200'000, 'x')))));
    CHECK(is_refused(R"({"v":1,"type":"wish","operation":1,"wish":"dance","group":1})"));
    CHECK(is_refused(R"({"v":1,"type":"order","group":1,"order":"{}"})"));
    CHECK(is_refused(R"({"v":1,"type":"facts","group":1,"facts":"[]"})"));
    CHECK(is_refused(R"({"v":1,"type":"card","version":"","enforcement":"",)"
                     R"("enforcement_reason":"","guard_reason":"","keys":"","macs":["x"]})"));
    CHECK(is_refused(R"({"v":1,"type":"card","version":"","enforcement":"",)"
                     R"("enforcement_reason":"","guard_reason":"","keys":"","macs":[1]})"));
    for (auto const* text : {"", "[]", "1", "null", "{}", "{\"v\":1}", "\xff\xfe"})
        CHECK(is_refused(text));
}

TEST_CASE("peer message: a card tells what takes the address away, and why nothing better does",
          "[agent][peer_message]") {
    auto const back = decode_peer_message(
        encode(peer_card{{}, "0.1.0", "agent", "why", "nobody", "7-00 signs 7"}));
    REQUIRE(back);
    CHECK(std::get<peer_card>(*back).enforcement == "agent");
    CHECK(std::get<peer_card>(*back).enforcement_reason == "why");
    CHECK(std::get<peer_card>(*back).guard_reason == "nobody");
    CHECK(std::get<peer_card>(*back).keys == "7-00 signs 7");
}

TEST_CASE("peer message: nobody is bootstrapped from afar", "[agent][peer_message]") {
    CHECK(is_refused(text_of(
        encode(peer_wish{operation_id{1}, ask_bootstrap{group_named("db"), node_named("db1")}}))));
}

TEST_CASE("peer message: a long note is shortened, a foreign character set travels",
          "[agent][peer_message]") {
    auto note = sample_note();
    for (int each = 0; each < 5000; ++each)
        note.text += "\xc3\xa9"; // the cut falls into a character or not, by one byte
    note.step = "caf\xe9";       // Latin-1, as a server may say it
    for (auto const* ahead : {"", "x"}) {
        auto shifted = note;
        shifted.text = ahead + note.text;
        auto const back = decode_peer_message(encode(peer_note{shifted}));
        REQUIRE(back);
        CHECK(std::get<peer_note>(*back).what.text.size() == 4096);
        CHECK(std::get<peer_note>(*back).what.step == note.step);
    }
}

TEST_CASE("peer message: the answer to an order comes back", "[agent][peer_message]") {
    mysql::answer answer;
    answer.ticket = 9;
    answer.done = false;
    answer.kind = failure::timed_out;
    answer.detail = "no acknowledgement";
    answer.facts = sample_facts();
    instant const now = long_ago + std::chrono::hours{1};
    answer.facts.read_at = now;
    auto const back = decode_order_answer(encode(answer, now), now);
    REQUIRE(back);
    CHECK(*back == answer);
    CHECK_FALSE(decode_order_answer(bytes_of("{}"), now).has_value());
}

TEST_CASE("peer message: the answer to a wish comes back, with its plan", "[agent][peer_message]") {
    answer_operator answer;
    answer.code = "no_candidate";
    answer.text = "no other member is up";
    answer.next_command = "tasuki status";
    answer.plan.emplace();
    answer.plan->to = "db2";
    auto const bytes = encode(answer);
    auto const back = decode_wish_answer(bytes);
    REQUIRE(back);
    CHECK(back->code == answer.code);
    CHECK(back->text == answer.text);
    CHECK(back->next_command == answer.next_command);
    CHECK_FALSE(back->accepted);
    CHECK(back->plan_text.find("db2") != std::string::npos);

    auto const whole = json::parse(text_of(bytes)).as_object();
    for (auto const* key : {"v", "accepted", "code", "text", "next_command"}) {
        auto less = whole;
        less.erase(key);
        CHECK_FALSE(decode_wish_answer(bytes_of(json::serialize(less))).has_value());
    }
    auto const text = text_of(bytes);
    for (std::size_t length = 0; length < text.size(); ++length)
        REQUIRE_FALSE(decode_wish_answer(bytes_of(text.substr(0, length))).has_value());
}
