#include "tasuki/agent/peer_message.hpp"

#include "peer_keys.hpp"
#include "peer_reading.hpp"
#include "peer_report.hpp"
#include "peer_wish.hpp"
#include "tasuki/mysql/wire.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace tasuki::agent {

namespace {

namespace json = boost::json;
using peer::malformed;
using peer::members;

constexpr int peer_version = 1;
constexpr std::size_t note_bytes_max = 4096;
constexpr std::size_t links_max = 256;
constexpr std::size_t history_bytes_max = 200UL * 1024; // under the channel's bound
constexpr std::uint64_t age_ms_max = 24ULL * 3600 * 1000;

byte_string bytes_of(std::string const& text) {
    auto const bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

std::string text_of(byte_view bytes) {
    std::string text(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(),
                   [](std::byte octet) { return static_cast<char>(octet); });
    return text;
}

json::object opening(std::string_view type) {
    return {{"v", peer_version}, {"type", type}};
}

json::object body_of(peer_order const& it) {
    auto out = opening("order");
    out["group"] = it.group.value();
    out["order"] = mysql::encode(it.what);
    return out;
}

json::object body_of(peer_facts const& it) {
    auto out = opening("facts");
    mysql::answer carrier;
    carrier.done = true;
    carrier.facts = it.facts;
    out["group"] = it.group.value();
    out["facts"] = mysql::encode(carrier);
    out["age_ms"] = std::max<std::int64_t>(it.age.count(), 0);
    return out;
}

json::object body_of(peer_reports const& it) {
    auto out = opening("reports");
    out["reports"] = peer::to_json(it.of_groups);
    return out;
}

json::object body_of(peer_operation const& it) {
    auto out = opening("operation");
    out["operation"] = to_json(it.what);
    return out;
}

json::object body_of(peer_history_wanted const&) {
    return opening("history_wanted");
}

json::object body_of(peer_tenure_wanted const& it) {
    auto out = opening("tenure_wanted");
    out["group"] = it.group.value();
    return out;
}

json::object body_of(peer_keys const& it) {
    auto out = opening("keys");
    peer::put(out, it.what);
    return out;
}

json::object body_of(peer_pools const& it) {
    auto out = opening("pools");
    out["report"] = json::parse(http::to_json(it.what));
    return out;
}

json::object body_of(peer_note const& note) {
    auto const& it = note.what;
    auto out = opening("note");
    out["operation"] = it.operation.value();
    out["group"] = it.group.value();
    out["kind"] = it.kind;
    out["from"] = it.from.value();
    out["to"] = it.to.value();
    out["epoch"] = it.under.value();
    out["node"] = it.node.value();
    out["step"] = it.step;
    out["text"] = it.text.substr(0, note_bytes_max);
    out["result"] = it.result;
    out["reason"] = it.reason;
    out["wall_ms"] = it.wall_ms;
    out["automatic"] = it.automatic;
    return out;
}

json::object body_of(peer_wish const& it) {
    auto out = opening("wish");
    out["operation"] = it.operation.value();
    peer::put(out, it.wish);
    return out;
}

json::object body_of(peer_card const& it) {
    auto out = opening("card");
    out["version"] = it.version;
    out["enforcement"] = it.enforcement;
    out["enforcement_reason"] = it.enforcement_reason;
    out["guard_reason"] = it.guard_reason;
    out["keys"] = it.keys;
    json::array macs;
    for (auto const& mac : it.macs)
        macs.emplace_back(mac.to_string());
    out["macs"] = macs;
    return out;
}

result<peer_message> take_card(json::object const& document, members& in) {
    auto const* list = document.if_contains("macs");
    if (list == nullptr || !list->is_array() || list->get_array().size() > links_max)
        return malformed("no list of links");
    peer_card out;
    out.version = in.text("version");
    out.enforcement = in.text("enforcement");
    out.enforcement_reason = in.text("enforcement_reason");
    out.guard_reason = in.text("guard_reason");
    out.keys = in.text("keys");
    for (auto const& text : list->get_array()) {
        if (!text.is_string())
            return malformed("a link's address is no text");
        auto const mac = mac_address::parse(text.get_string());
        if (!mac)
            return mac.error();
        out.macs.push_back(*mac);
    }
    return peer_message{std::move(out)};
}

result<peer_message> take_note(members& in) {
    progress_note it;
    it.operation = operation_id{in.number("operation")};
    it.group = in.group("group");
    it.kind = in.text("kind");
    it.from = in.node("from");
    it.to = in.node("to");
    it.under = epoch{in.number("epoch")};
    it.node = in.node("node");
    it.step = in.text("step");
    it.text = in.text("text");
    it.result = in.text("result");
    it.reason = in.text("reason");
    it.wall_ms = in.number("wall_ms");
    it.automatic = in.flag("automatic");
    return peer_message{peer_note{std::move(it)}};
}

result<json::object> parse_object(byte_view bytes) {
    boost::system::error_code error;
    json::parse_options options;
    options.allow_invalid_utf8 = true; // a server's message comes in any character set
    auto parsed = json::parse(text_of(bytes), error, {}, options);
    if (error || !parsed.is_object())
        return malformed("no JSON object");
    auto const* version = parsed.get_object().if_contains("v");
    if (version == nullptr || *version != peer_version)
        return malformed("another version");
    return std::move(parsed.get_object());
}

result<peer_message> take_order(members& in) {
    auto what = mysql::decode_order(in.text("order"));
    if (!what)
        return what.error();
    return peer_message{peer_order{in.group("group"), std::move(*what)}};
}

result<peer_message> take_facts(members& in) {
    auto carrier = mysql::decode_answer(in.text("facts"));
    if (!carrier)
        return carrier.error();
    milliseconds const age{std::min(in.number("age_ms"), age_ms_max)};
    return peer_message{peer_facts{in.group("group"), std::move(carrier->facts), age}};
}

result<peer_message> take_peer_wish(members& in) {
    operation_id const operation{in.number("operation")};
    auto wish = peer::wish_from(in);
    if (!wish)
        return wish.error();
    return peer_message{peer_wish{operation, std::move(*wish)}};
}

result<peer_message> take_operation(members& in) {
    auto what = operation_from_json(in.text("operation"));
    if (!what)
        return what.error();
    return peer_message{peer_operation{std::move(*what)}};
}

result<peer_message> take_pools(json::object const& document) {
    auto const* report = document.if_contains("report");
    if (report == nullptr)
        return malformed("no report of pools");
    auto what = http::parse_pools_report(json::serialize(*report));
    if (!what)
        return what.error();
    return peer_message{peer_pools{std::move(*what)}};
}

result<peer_message> take_message(json::object const& document, members& in) {
    auto const type = in.text("type");
    if (type == "note")
        return take_note(in);
    if (type == "order")
        return take_order(in);
    if (type == "facts")
        return take_facts(in);
    if (type == "wish")
        return take_peer_wish(in);
    if (type == "card")
        return take_card(document, in);
    if (type == "reports")
        return peer_message{peer_reports{peer::reports_from(in)}};
    if (type == "operation")
        return take_operation(in);
    if (type == "keys")
        return peer_message{peer_keys{peer::key_order_from(in)}};
    if (type == "tenure_wanted")
        return peer_message{peer_tenure_wanted{in.group("group")}};
    if (type == "pools")
        return take_pools(document);
    if (type == "history_wanted")
        return peer_message{peer_history_wanted{}};
    return malformed("unknown type");
}

} // namespace

byte_string encode(peer_message const& message) {
    return bytes_of(
        json::serialize(std::visit([](auto const& it) { return body_of(it); }, message)));
}

result<peer_message> decode_peer_message(byte_view bytes) {
    auto const document = parse_object(bytes);
    if (!document)
        return document.error();
    members in{*document};
    auto message = take_message(*document, in);
    if (message && in.spoilt())
        return malformed("a member is missing or has another type");
    return message;
}

byte_string encode(history const& newest) {
    json::array operations;
    std::size_t bytes = 0;
    auto const& all = newest.operations();
    for (auto each = all.rbegin(); each != all.rend(); ++each) {
        auto text = to_json(*each);
        bytes += 2 * text.size(); // every quote in it is escaped once more
        if (bytes > history_bytes_max)
            break;
        operations.emplace_back(std::move(text));
    }
    return bytes_of(
        json::serialize(json::object{{"v", peer_version}, {"operations", std::move(operations)}}));
}

result<std::vector<operation>> decode_history(byte_view bytes) {
    auto const document = parse_object(bytes);
    if (!document)
        return document.error();
    members in{*document};
    auto const* list = in.list("operations", history_operations_max);
    if (list == nullptr)
        return malformed("no list of operations");
    std::vector<operation> out;
    for (auto const& each : *list) {
        if (!each.is_string())
            return malformed("an operation is no text");
        auto read = operation_from_json(each.get_string());
        if (!read)
            return read.error();
        out.push_back(std::move(*read));
    }
    return out;
}

byte_string encode(mysql::answer it, instant now) {
    it.facts.read_at = instant{std::max(now - it.facts.read_at, duration::zero())};
    return bytes_of(mysql::encode(it));
}

result<mysql::answer> decode_order_answer(byte_view bytes, instant now) {
    auto out = mysql::decode_answer(text_of(bytes));
    if (out) {
        auto const age = out->facts.read_at.time_since_epoch();
        bool const sane = age >= duration::zero() && age < now - long_ago;
        out->facts.read_at = sane ? now - age : long_ago;
    }
    return out;
}

byte_string encode(answer_operator const& it) {
    json::object out{{"v", peer_version},
                     {"accepted", it.accepted},
                     {"code", it.code},
                     {"text", it.text},
                     {"next_command", it.next_command}};
    if (it.plan)
        out["plan"] = http::plan_json({}, *it.plan);
    return bytes_of(json::serialize(out));
}

result<answer_operator> decode_wish_answer(byte_view bytes) {
    auto const document = parse_object(bytes);
    if (!document)
        return document.error();
    members in{*document};
    answer_operator it;
    it.accepted = in.flag("accepted");
    it.code = in.text("code");
    it.text = in.text("text");
    it.next_command = in.text("next_command");
    if (in.spoilt())
        return malformed("a member is missing");
    if (auto const* plan = document->if_contains("plan"); plan != nullptr && plan->is_string())
        it.plan_text = std::string{plan->get_string()};
    return it;
}

} // namespace tasuki::agent
