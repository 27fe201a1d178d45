#include "tasuki/mysql/wire.hpp"

#include "tasuki/core/overloaded.hpp"
#include "wire_fields.hpp"

#include <array>

namespace tasuki::mysql {

namespace wire {

namespace {

constexpr std::uint64_t version = 1;
constexpr std::size_t depth_max = 8;
/// A list of obstacles may quote long statements; the rest of it is cut off.
constexpr std::size_t detail_max = 32 * 1024;
/// No operation takes so long; whoever obeys adds it to a clock.
constexpr duration limit_max = std::chrono::days{1};

constexpr std::array healths{health::unknown,         health::up,        health::down,
                             health::hanging,         health::disk_full, health::full,
                             health::waiting_for_ack, health::refused};
constexpr std::array thread_states{thread_state::stopped, thread_state::connecting,
                                   thread_state::running};
constexpr std::array failures{failure::invalid,     failure::not_permitted, failure::absent,
                              failure::unavailable, failure::timed_out,     failure::refused,
                              failure::conflict,    failure::exhausted,     failure::broken};
constexpr std::array milestones{milestone::steady, milestone::fence, milestone::choose,
                                milestone::closed, milestone::open};

json::string text_of(std::string_view word) {
    return json::string(word.data(), word.size());
}

void write_operation(json::object& out, operation const& what) {
    out["op"] = text_of(name_of(what));
    std::visit(overloaded{
                   [&](freeze const& it) { out["old_master"] = it.old_master.to_string(); },
                   [&](await_position const& it) { out["position"] = it.position.to_string(); },
                   [&](follow const& it) {
                       out["master"] = it.master.to_string();
                       out["account"] = it.account;
                       out["as_acker"] = it.as_acker;
                       out["adopt_binlog"] = it.adopt_binlog;
                   },
                   [&](set_acker const& it) { out["on"] = it.on; },
                   [&](arm const& it) {
                       out["semi_sync"] = it.semi_sync;
                       out["accounts"] = to_array(it.accounts);
                   },
                   [&](await_ackers const& it) { out["count"] = it.count; },
                   [&](lock_account const& it) { out["account"] = it.account; },
                   [&](unlock_account const& it) { out["account"] = it.account; },
                   [&](repeat_ack const& it) {
                       out["master"] = it.master.to_string();
                       out["account"] = it.account;
                       out["position"] = it.position.to_string();
                   },
                   [](auto const&) {},
               },
               what);
}

template<class Operation>
bool is_plain(std::string_view name, operation& out) {
    if (name != name_of(operation{Operation{}}))
        return false;
    out = Operation{};
    return true;
}

bool read_plain(std::string_view name, operation& out) {
    return is_plain<survey>(name, out) || is_plain<settle>(name, out) ||
           is_plain<unfreeze>(name, out) || is_plain<drain>(name, out) ||
           is_plain<open_writes>(name, out) || is_plain<close_writes>(name, out) ||
           is_plain<probe_commit>(name, out) || is_plain<disable_semi_sync>(name, out) ||
           is_plain<enable_semi_sync>(name, out) || is_plain<kill_server>(name, out) ||
           is_plain<list_obstacles>(name, out);
}

operation read_operation(fields& in) {
    std::string const name = in.text("op");
    operation plain;
    if (read_plain(name, plain))
        return plain;
    if (name == "freeze")
        return freeze{in.address("old_master")};
    if (name == "await_position")
        return await_position{in.gtids("position")};
    if (name == "follow")
        return follow{in.address("master"), in.text("account"), in.flag("as_acker"),
                      in.flag("adopt_binlog")};
    if (name == "set_acker")
        return set_acker{in.flag("on")};
    if (name == "arm")
        return arm{in.flag("semi_sync"), in.texts("accounts")};
    if (name == "await_ackers")
        return await_ackers{in.number<std::uint32_t>("count")};
    if (name == "lock_account")
        return lock_account{in.text("account")};
    if (name == "unlock_account")
        return unlock_account{in.text("account")};
    if (name == "repeat_ack")
        return repeat_ack{in.address("master"), in.text("account"), in.gtids("position")};
    in.fail("asks for an unknown operation");
    return survey{};
}

json::object write_replica(replica_facts const& facts) {
    json::object out;
    out["master"] = facts.master.to_string();
    out["receiver"] = text_of(to_string(facts.receiver));
    out["applier_runs"] = facts.applier_runs;
    out["received"] = nullptr;
    if (facts.received)
        out["received"] = facts.received->to_string();
    out["applied"] = facts.applied.to_string();
    out["lag_ms"] = nullptr;
    if (facts.lag)
        out["lag_ms"] = facts.lag->count();
    out["master_log_file"] = facts.master_log_file;
    out["master_log_position"] = facts.master_log_position;
    out["receiver_errno"] = facts.receiver_errno;
    out["applier_errno"] = facts.applier_errno;
    out["last_error"] = facts.last_error;
    return out;
}

replica_facts read_replica(json::value const& document, std::string& trouble) {
    fields in(document, "replica facts", trouble);
    replica_facts facts;
    facts.master = in.address("master");
    facts.receiver = in.word<thread_state>("receiver", thread_states);
    facts.applier_runs = in.flag("applier_runs");
    if (in.present("received"))
        facts.received = in.gtids("received");
    facts.applied = in.gtids("applied");
    if (in.present("lag_ms"))
        facts.lag = milliseconds{in.number<std::int64_t>("lag_ms")};
    facts.master_log_file = in.text("master_log_file");
    facts.master_log_position = in.number("master_log_position");
    facts.receiver_errno = in.number<std::uint32_t>("receiver_errno");
    facts.applier_errno = in.number<std::uint32_t>("applier_errno");
    facts.last_error = in.text("last_error");
    return facts;
}

json::object write_facts(server_facts const& facts) {
    json::object out;
    out["condition"] = text_of(to_string(facts.condition));
    out["life"] = facts.life.value();
    out["server_number"] = facts.server_number;
    out["read_only"] = facts.read_only;
    out["source_semi_sync"] = facts.source_semi_sync;
    out["replica_semi_sync"] = facts.replica_semi_sync;
    out["keeps_answers"] = facts.keeps_answers;
    out["semi_sync_clients"] = facts.semi_sync_clients;
    out["waiting_for_ack"] = facts.waiting_for_ack;
    out["binlog_position"] = facts.binlog_position.to_string();
    out["binlog_state"] = facts.binlog_state.to_string();
    out["binlog_file"] = facts.binlog_file;
    out["binlog_offset"] = facts.binlog_offset;
    out["replica"] = nullptr;
    if (facts.replica)
        out["replica"] = write_replica(*facts.replica);
    out["connected_accounts"] = to_array(facts.connected_accounts);
    out["durability_faults"] = to_array(facts.durability_faults);
    out["read_at"] = facts.read_at.time_since_epoch().count();
    return out;
}

server_facts read_facts(json::value const& document, std::string& trouble) {
    fields in(document, "facts", trouble);
    server_facts facts;
    facts.condition = in.word<health>("condition", healths);
    facts.life = in.id<server_incarnation>("life");
    facts.server_number = in.number<std::uint32_t>("server_number");
    facts.read_only = in.flag("read_only");
    facts.source_semi_sync = in.flag("source_semi_sync");
    facts.replica_semi_sync = in.flag("replica_semi_sync");
    facts.keeps_answers = in.flag("keeps_answers");
    facts.semi_sync_clients = in.number<std::uint32_t>("semi_sync_clients");
    facts.waiting_for_ack = in.number<std::uint32_t>("waiting_for_ack");
    facts.binlog_position = in.gtids("binlog_position");
    facts.binlog_state = in.gtids("binlog_state");
    facts.binlog_file = in.text("binlog_file");
    facts.binlog_offset = in.number("binlog_offset");
    if (in.present("replica"))
        facts.replica = read_replica(*in.find("replica"), trouble);
    facts.connected_accounts = in.texts("connected_accounts");
    facts.durability_faults = in.texts("durability_faults");
    facts.read_at = instant{in.time("read_at")};
    return facts;
}

json::array write_ackers(std::vector<acker> const& set) {
    json::array list;
    for (acker const& each : set)
        list.push_back(json::object{{"node", each.node.value()}, {"life", each.life.value()}});
    return list;
}

std::vector<acker> read_ackers(fields& in, std::string_view key, std::string& trouble) {
    std::vector<acker> set;
    in.each(key, [&](json::value const& element) {
        fields one(element, "acker", trouble);
        set.push_back({one.id<node_id>("node"), one.id<server_incarnation>("life")});
    });
    return set;
}

template<class Value>
result<Value> checked(Value value, std::string trouble) {
    if (trouble.empty())
        return value;
    return problem{failure::invalid, std::move(trouble)};
}

} // namespace

std::optional<json::value> parse_document(std::string_view text, std::string_view where,
                                          std::string& trouble) {
    if (text.size() > text_max) {
        trouble = std::string(where) + " is longer than " + std::to_string(text_max) + " bytes";
        return std::nullopt;
    }
    json::parse_options options;
    options.max_depth = depth_max;
    options.allow_invalid_utf8 = true; // errors quote statements in any character set
    boost::system::error_code code;
    json::value document = json::parse({text.data(), text.size()}, code, {}, options);
    if (code) {
        trouble = std::string(where) + " is not JSON: " + code.message();
        return std::nullopt;
    }
    fields in(document, where, trouble);
    if (in.number("v") != version)
        in.fail("is of another version; all agents need the same one");
    if (!trouble.empty())
        return std::nullopt;
    return document;
}

} // namespace wire

using namespace wire;

std::string encode(order const& what) {
    json::object out{{"v", version}, {"ticket", what.ticket}};
    out["epoch"] = what.decided_under.value();
    out["limit_ns"] = what.limit.count();
    write_operation(out, what.what);
    return json::serialize(out);
}

std::string encode(answer const& what) {
    json::object out{{"v", version}, {"ticket", what.ticket}, {"done", what.done}};
    out["kind"] = text_of(to_string(what.kind));
    out["detail"] = what.detail.substr(0, detail_max);
    out["facts"] = write_facts(what.facts);
    out["facts_age_ns"] = what.facts_age.count();
    out["took_ns"] = what.took.count();
    return json::serialize(out);
}

std::string encode(journal_entry const& entry) {
    json::object out{{"v", version}};
    out["reached"] = text_of(to_string(entry.reached));
    out["chosen"] = entry.chosen.value();
    out["frozen"] = write_ackers(entry.frozen);
    out["promotion"] = entry.promotion.to_string();
    out["loss_accepted"] = entry.loss_accepted;
    out["master"] = entry.now.master.value();
    out["required"] = entry.now.required;
    out["ackers"] = write_ackers(entry.now.ackers);
    out["next_ackers"] = write_ackers(entry.now.next_ackers);
    out["degraded"] = entry.now.degraded;
    return json::serialize(out);
}

result<order> decode_order(std::string_view text) {
    std::string trouble;
    auto const document = parse_document(text, "order", trouble);
    if (!document)
        return problem{failure::invalid, std::move(trouble)};
    fields in(*document, "order", trouble);
    order out;
    out.ticket = in.number("ticket");
    out.decided_under = in.id<epoch>("epoch");
    out.limit = in.time("limit_ns");
    if (out.limit < duration::zero() || out.limit > limit_max)
        in.fail("has a limit below zero or above a day");
    out.what = read_operation(in);
    return checked(std::move(out), std::move(trouble));
}

result<answer> decode_answer(std::string_view text) {
    std::string trouble;
    auto const document = parse_document(text, "answer", trouble);
    if (!document)
        return problem{failure::invalid, std::move(trouble)};
    fields in(*document, "answer", trouble);
    answer out;
    out.ticket = in.number("ticket");
    out.done = in.flag("done");
    out.kind = in.word<failure>("kind", failures);
    out.detail = in.text("detail");
    if (json::value const* const facts = in.find("facts"))
        out.facts = read_facts(*facts, trouble);
    out.facts_age = in.time("facts_age_ns");
    out.took = in.time("took_ns");
    return checked(std::move(out), std::move(trouble));
}

result<journal_entry> decode_journal_entry(std::string_view text) {
    std::string trouble;
    auto const document = parse_document(text, "journal entry", trouble);
    if (!document)
        return problem{failure::invalid, std::move(trouble)};
    fields in(*document, "journal entry", trouble);
    journal_entry out;
    out.reached = in.word<milestone>("reached", milestones);
    out.chosen = in.id<node_id>("chosen");
    out.frozen = read_ackers(in, "frozen", trouble);
    out.promotion = in.gtids("promotion");
    out.loss_accepted = in.flag("loss_accepted");
    out.now.master = in.id<node_id>("master");
    out.now.required = in.number<std::uint8_t>("required");
    out.now.ackers = read_ackers(in, "ackers", trouble);
    out.now.next_ackers = read_ackers(in, "next_ackers", trouble);
    out.now.degraded = in.flag("degraded");
    return checked(std::move(out), std::move(trouble));
}

} // namespace tasuki::mysql
