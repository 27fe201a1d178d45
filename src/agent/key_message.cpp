#include "tasuki/agent/key_message.hpp"

#include "peer_keys.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace tasuki::agent {

namespace {

namespace json = boost::json;
using peer::malformed;
using peer::members;

constexpr int keys_form = 1;
constexpr std::array<std::string_view, 7> verb_names{"report", "make", "give",  "accept",
                                                     "sign",   "drop", "finish"};
constexpr std::size_t wrapped_bytes_max = 256;
constexpr std::size_t heard_max = 256;
constexpr std::size_t trouble_bytes_max = 1000;
constexpr std::uint64_t age_ms_max = 24ULL * 3600 * 1000;

std::string to_hex(byte_view bytes) {
    std::string out;
    for (auto const octet : bytes)
        out += fmt::format("{:02x}", std::to_integer<unsigned>(octet));
    return out;
}

byte_string from_hex(members& in, std::string_view key) {
    auto const text = in.text(key);
    byte_string out(text.size() / 2);
    if (out.empty()) { // the library takes no null pointer, not even for nothing
        if (!text.empty())
            in.spoil();
        return out;
    }
    std::size_t written = 0;
    if (out.size() > wrapped_bytes_max ||
        sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                       text.size(), nullptr, &written, nullptr) != 0 ||
        written * 2 != text.size())
        in.spoil();
    return out;
}

heartbeat::key_id id_from(members& in, std::string_view key) {
    auto const value = in.number(key);
    if (value > heartbeat::key_id_max)
        in.spoil();
    return heartbeat::key_id{static_cast<std::uint16_t>(value)};
}

heartbeat::key_print print_from(members& in) {
    auto const text = in.text("print");
    std::uint64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size())
        in.spoil();
    return heartbeat::key_print{value};
}

key_fact fact_from(members& in) {
    auto const id = id_from(in, "key");
    return {id, print_from(in)};
}

json::object to_object(key_fact const& it) {
    return {{"key", it.id.value()}, {"print", to_string(it.print)}};
}

json::object to_object(key_report const& it) {
    json::array accepted;
    for (auto const& each : it.accepted)
        accepted.push_back(to_object(each));
    json::array heard;
    for (auto const& each : it.heard)
        heard.push_back(json::object{{"from", each.from.value()},
                                     {"key", each.key.value()},
                                     {"age_ms", std::max<std::int64_t>(each.age.count(), 0)}});
    return {{"accepted", std::move(accepted)},
            {"signer", it.signer.value()},
            {"file_trouble", it.file_trouble.substr(0, trouble_bytes_max)},
            {"heard", std::move(heard)}};
}

/// Calls `take` with a reader for each object of the list.
template<class Take>
void each_object(members& in, std::string_view key, std::size_t most, Take take) {
    auto const* list = in.list(key, most);
    if (list == nullptr)
        return;
    for (auto const& each : *list) {
        if (!each.is_object())
            return in.spoil();
        members inner{each.get_object()};
        take(inner);
        if (inner.spoilt())
            return in.spoil();
    }
}

key_report report_from(members& in) {
    key_report out;
    each_object(in, "accepted", heartbeat::keyring::keys_max,
                [&](members& one) { out.accepted.push_back(fact_from(one)); });
    out.signer = id_from(in, "signer");
    out.file_trouble = in.text("file_trouble");
    each_object(in, "heard", heard_max, [&](members& one) {
        heard_key heard{one.node("from"), id_from(one, "key"), {}};
        heard.age = milliseconds{std::min(one.number("age_ms"), age_ms_max)};
        out.heard.push_back(heard);
    });
    if (out.find(out.signer) == nullptr)
        in.spoil();
    return out;
}

} // namespace

key_fact const* key_report::find(heartbeat::key_id id) const {
    auto const found = std::find_if(accepted.begin(), accepted.end(),
                                    [&](key_fact const& each) { return each.id == id; });
    return found == accepted.end() ? nullptr : &*found;
}

key_report report_of(heartbeat::keyring const& ring) {
    key_report out;
    for (auto const id : ring.ids())
        out.accepted.push_back({id, ring.print(id)});
    out.signer = ring.signer();
    return out;
}

std::string to_string(key_report const& keys) {
    std::map<std::uint16_t, heartbeat::key_print> in_order;
    for (auto const& each : keys.accepted)
        in_order.emplace(each.id.value(), each.print);
    std::string out;
    for (auto const& [id, print] : in_order)
        out += fmt::format("{}-{} ", id, to_string(print));
    return out + fmt::format("signs {}", keys.signer.value());
}

std::string_view to_string(key_verb verb) {
    return verb_names[static_cast<std::size_t>(verb)];
}

std::string to_string(heartbeat::key_print print) {
    return fmt::format("{:016x}", print.value());
}

namespace peer {

void put(json::object& out, key_order const& it) {
    out["form"] = keys_form;
    out["verb"] = to_string(it.verb);
    out["rotates"] = it.rotates;
    out["key"] = it.key.id.value();
    out["print"] = to_string(it.key.print);
    out["under"] = it.under.value();
    out["wrapped"] = to_hex(it.wrapped);
}

key_order key_order_from(members& in) {
    key_order out;
    if (in.number("form") != keys_form)
        in.spoil();
    auto const verb = in.text("verb");
    auto const* const named = std::find(verb_names.begin(), verb_names.end(), verb);
    if (named == verb_names.end() || *named == "make")
        in.spoil(); // only a node itself draws a key
    else
        out.verb = static_cast<key_verb>(named - verb_names.begin());
    out.rotates = in.flag("rotates");
    out.key = fact_from(in);
    out.under = id_from(in, "under");
    out.wrapped = from_hex(in, "wrapped");
    return out;
}

} // namespace peer

byte_string encode(key_answer const& it) {
    json::object const out{{"form", keys_form},
                           {"done", it.done},
                           {"trouble", it.trouble.substr(0, trouble_bytes_max)},
                           {"now", to_object(it.now)},
                           {"under", it.under.value()},
                           {"wrapped", to_hex(it.wrapped)}};
    auto const text = json::serialize(out);
    auto const bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

result<key_answer> decode_key_answer(byte_view bytes) {
    std::string const text{reinterpret_cast<char const*>(bytes.data()), bytes.size()};
    boost::system::error_code error;
    json::parse_options options;
    options.allow_invalid_utf8 = true;
    auto const parsed = json::parse(text, error, {}, options);
    auto const* const now =
        !error && parsed.is_object() ? parsed.get_object().if_contains("now") : nullptr;
    if (now == nullptr || !now->is_object())
        return malformed("it does not know key rotation (install the same tasuki there)");
    members in{parsed.get_object()};
    members inner{now->get_object()};
    key_answer out;
    if (in.number("form") != keys_form)
        in.spoil();
    out.done = in.flag("done");
    out.trouble = in.text("trouble");
    out.now = report_from(inner);
    out.under = id_from(in, "under");
    out.wrapped = from_hex(in, "wrapped");
    if (in.spoilt() || inner.spoilt())
        return malformed("an answer about keys lacks a member, or has one of another type");
    return out;
}

} // namespace tasuki::agent
