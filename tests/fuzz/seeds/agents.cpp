// What agents, servers and operators say, as text and in frames.
#include "seeds.hpp"
#include "tasuki/agent/channel.hpp"
#include "tasuki/agent/inheritance.hpp"
#include "tasuki/agent/key_message.hpp"
#include "tasuki/agent/peer_message.hpp"
#include "tasuki/mysql/wire.hpp"

namespace tasuki::fuzz {

namespace {

using namespace agent;

group_id const db = group_named("db");
node_id const first = node_named("db1");
node_id const second = node_named("db2");

mysql::server_facts facts() {
    mysql::server_facts it;
    it.condition = mysql::health::up;
    it.life = server_incarnation{77};
    it.server_number = 1;
    it.source_semi_sync = true;
    it.binlog_position = *mysql::gtid_list::parse("0-1-42");
    it.binlog_state = *mysql::gtid_list::parse("0-1-42,0-2-40");
    it.replica.emplace();
    it.replica->master = *endpoint::parse("10.0.0.1:3306");
    it.replica->received = mysql::gtid_list{};
    it.replica->lag = milliseconds{12};
    it.connected_accounts = {"repl_db2"};
    it.durability_faults = {"sync_binlog=0"};
    return it;
}

operation moved() {
    operation it;
    it.id = operation_id{42};
    it.group = "db";
    it.from = "db1";
    it.to = "db2";
    it.steps = {{"freeze", "db2", 12, "2 of 2"}};
    it.lossless = true;
    return it;
}

http::pools_report pools() {
    http::pools_report out;
    out.pools.resize(1);
    out.pools[0].name = "web";
    out.pools[0].listen = {"10.77.0.60:80"};
    out.pools[0].backends.resize(1);
    out.pools[0].backends[0].drain_left = milliseconds{900};
    out.deeds = {{"web", "app1", "drain", "root", 7}};
    out.wishes = "{}";
    return out;
}

std::vector<peer_message> every_message() {
    mysql::order const order{9, epoch{7}, milliseconds{1500}, mysql::lock_account{"repl_db2"}};
    operation_id const id{4711};
    group_report report;
    report.group = db;
    report.role = "active";
    report.stuck = "no acker";
    report.quarantined = {{second, "diverged"}};
    progress_note note;
    note.operation = id;
    note.text = "2 of 2 ackers frozen";
    return {peer_order{db, order},
            peer_facts{db, facts(), milliseconds{5}},
            peer_note{note},
            peer_wish{id, ask_switchover{db, second, true, "why"}},
            peer_wish{id, ask_failover{db, second, true, false, "why"}},
            peer_wish{id, ask_pause{db, true, 99, "why"}},
            peer_wish{id, ask_standby{db, second, true, "why"}},
            peer_reports{{report}},
            peer_operation{moved()},
            peer_history_wanted{},
            peer_tenure_wanted{group_named("db")},
            peer_pools{pools()},
            peer_card{{*mac_address::parse("02:00:00:00:00:01")},
                      "0.1.0",
                      "agent",
                      "no",
                      "none",
                      "1-00 signs 1"}};
}

byte_string with_form(char form, byte_string const& text) {
    byte_writer out;
    out.u8(static_cast<std::uint8_t>(form));
    out.append(text);
    return std::move(out).take();
}

} // namespace

void add_channel(seeds& to) {
    auto const hello = encode(channel_hello{channel_role::listener, 7, {}, first, second, {}});
    to.push_back({"agent_channel", "hello", {hello.begin(), hello.end()}});
    to.push_back({"agent_channel", "message",
                  encode(channel_message{message_kind::answer, 7, text_bytes("body")})});
    to.push_back({"agent_channel", "in_order", text_bytes("\x02.\x03one\x02.\x03two")});
    to.push_back({"agent_channel", "doubled", text_bytes("\x02.\x03one\x02.\x03two\xc3\x04")});
    to.push_back(
        {"agent_channel", "changed", text_bytes("\x02.\x03one\x10\x09\x03two\x02.\x03six")});

    auto const all = every_message();
    for (std::size_t at = 0; at < all.size(); ++at)
        to.push_back(
            {"agent_peer_message", "kind_" + std::to_string(at), with_form('m', encode(all[at]))});
    history kept;
    kept.put(moved());
    to.push_back({"agent_peer_message", "history", with_form('h', encode(kept))});
    mysql::answer const done{9, true, failure::broken, "found", facts(), {}, milliseconds{3}};
    instant const now{std::chrono::hours{1}};
    to.push_back({"agent_peer_message", "answer", with_form('a', encode(done, now))});
    answer_operator refused;
    refused.code = "paused";
    to.push_back({"agent_peer_message", "wish_answer", with_form('w', encode(refused))});
}

void add_keys(seeds& to) {
    key_fact const old_key{heartbeat::key_id{7}, heartbeat::key_print{0x1122}};
    key_fact const new_key{heartbeat::key_id{8}, heartbeat::key_print{0xffee}};
    auto const wrapped = text_bytes("sealed under the present key");
    for (auto const verb : {key_verb::report, key_verb::give, key_verb::accept, key_verb::sign,
                            key_verb::drop, key_verb::finish}) {
        bool const carries = verb == key_verb::accept;
        key_order const order{verb, true, new_key, carries ? old_key.id : heartbeat::key_id{},
                              carries ? wrapped : byte_string{}};
        to.push_back({"agent_key_message", "order_" + std::string{to_string(verb)},
                      with_form('o', encode(peer_message{peer_keys{order}}))});
    }
    key_answer answer;
    answer.now = {{old_key, new_key}, old_key.id, "", {{second, new_key.id, milliseconds{40}}}};
    to.push_back({"agent_key_message", "refused", with_form('a', encode(answer))});
    answer.trouble = std::string(999, 'x') + "\xc3\xa9"; // cut within a letter
    to.push_back({"agent_key_message", "long_trouble", with_form('a', encode(answer))});
    answer = {true, "", answer.now, old_key.id, wrapped};
    to.push_back({"agent_key_message", "given", with_form('a', encode(answer))});
}

void add_inheritance(seeds& to) {
    election::record latest;
    latest.written_under = epoch{7};
    latest.version = record_version{3};
    latest.active = first;
    latest.pause_reason = "a reason";
    election::tenure const held{
        epoch{7}, {instant{milliseconds{900}}, instant{milliseconds{1000}}}, 12, latest};
    election::live_grant const granted{epoch{7}, first, incarnation{5}, instant{milliseconds{950}}};
    inheritance left;
    left.life = incarnation{5};
    to.push_back({"agent_inheritance", "nothing", encode(left)});
    left.groups[group_named("web")] = {{epoch{2}, {}, {}, long_ago, {}, {}}, false, 0, {}};
    left.heard[second] = instant{milliseconds{250}};
    to.push_back({"agent_inheritance", "standby", encode(left)});
    left.groups[db] = {{epoch{9}, granted, epoch{3}, instant{milliseconds{77}}, held, epoch{8}},
                       true,
                       4711,
                       server_incarnation{8}};
    to.push_back({"agent_inheritance", "holder", encode(left)});
}

void add_mysql(seeds& to) {
    auto const account = std::string{"repl_db2"};
    auto const position = *mysql::gtid_list::parse("0-1-42");
    auto const master = *endpoint::parse("10.0.0.1:3306");
    for (auto const& what : std::vector<mysql::operation>{
             mysql::survey{}, mysql::freeze{master}, mysql::await_position{position},
             mysql::follow{master, account, true, false}, mysql::set_acker{true},
             mysql::arm{true, {account}}, mysql::await_ackers{2}, mysql::lock_account{account},
             mysql::repeat_ack{master, account, position}})
        to.push_back(
            {"mysql_wire", "order_" + std::string{mysql::name_of(what)},
             text_bytes(mysql::encode(mysql::order{9, epoch{7}, milliseconds{1500}, what}))});
    mysql::answer answer;
    answer.facts = facts();
    to.push_back({"mysql_wire", "answer", text_bytes(mysql::encode(answer))});
    mysql::journal_entry entry;
    entry.promotion = position;
    entry.frozen = {{second, server_incarnation{77}}};
    entry.now.ackers = entry.frozen;
    to.push_back({"mysql_wire", "journal", text_bytes(mysql::encode(entry))});

    for (std::string_view const text : {"0-1-42/0-1-42", "0-1-42,1-3-7/0-2-42,1-3-6", "/0-1-1",
                                        " 0-1-42 , 0-2-43/0-1-44", "0-1-5,0-2-7/0-1-6"})
        to.push_back({"mysql_gtid", "pair_" + std::to_string(to.size() % 10), text_bytes(text)});
}

} // namespace tasuki::fuzz
