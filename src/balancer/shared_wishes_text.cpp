// Shared wishes as text.
#include "tasuki/balancer/shared_wishes.hpp"

#include <boost/json.hpp>

#include <stdexcept>

namespace tasuki::balancer {

namespace json = boost::json;

namespace {

constexpr int form = 2;
constexpr std::uint64_t revision_max = 1ULL << 53U; // what other readers of JSON can tell apart
constexpr std::int64_t deadline_ms_max = 24LL * 3600 * 1000;
constexpr std::size_t name_bytes_max = 255;

json::object json_of(stamp const& at) {
    return {{"revision", at.revision}, {"node", at.node}};
}

json::object json_of(backend_words const& it) {
    json::object out;
    if (it.service.at > stamp{}) {
        auto& service = out["service"].emplace_object() = json_of(it.service.at);
        service["admin"] = lb::to_string(it.service.value.wanted);
        if (auto const& deadline = it.service.value.deadline)
            service["deadline_ms"] = to_ms(*deadline);
    }
    if (it.weight.at > stamp{} && it.weight.value) {
        auto& weight = out["weight"].emplace_object() = json_of(it.weight.at);
        weight["is"] = *it.weight.value;
    }
    if (it.added.at > stamp{}) {
        auto& added = out["added"].emplace_object() = json_of(it.added.at);
        if (auto const& one = it.added.value) {
            added["address"] = one->address.to_string();
            added["weight"] = one->weight;
        }
    }
    return out;
}

std::string name_of(std::string_view text) {
    if (text.empty() || text.size() > name_bytes_max)
        throw std::runtime_error{"a name is empty, or longer than 255 bytes"};
    return std::string{text};
}

stamp stamp_of(json::object const& from) {
    stamp out{from.at("revision").to_number<std::uint64_t>(), name_of(from.at("node").as_string())};
    if (out.revision == 0 || out.revision > revision_max)
        throw std::runtime_error{"a revision is 0, or greater than 2^53"};
    return out;
}

unsigned weight_of(json::value const& value) {
    auto const weight = value.to_number<unsigned>();
    if (weight > lb::weight_max)
        throw std::runtime_error{"a weight is greater than 256"};
    return weight;
}

service_wish service_of(json::object const& from) {
    service_wish out;
    auto const wanted = lb::parse_administration(std::string_view{from.at("admin").as_string()});
    if (!wanted)
        throw std::runtime_error{"\"admin\" is none of ready, drain, maintenance"};
    out.wanted = *wanted;
    if (auto const* deadline = from.if_contains("deadline_ms")) {
        auto const ms = deadline->to_number<std::int64_t>();
        if (ms < 0 || ms > deadline_ms_max)
            throw std::runtime_error{"a deadline is longer than a day"};
        out.deadline = milliseconds{ms};
    }
    return out;
}

std::optional<lb::backend_settings> added_of(std::string const& name, json::object const& from) {
    auto const* text = from.if_contains("address");
    if (text == nullptr)
        return std::nullopt;
    auto const address = endpoint::parse(std::string_view{text->as_string()});
    if (!address)
        throw std::runtime_error{address.error().text};
    lb::backend_settings out;
    out.name = name;
    out.address = *address;
    out.weight = weight_of(from.at("weight"));
    return out;
}

backend_words words_of(std::string const& name, json::object const& from) {
    backend_words out;
    if (auto const* service = from.if_contains("service"))
        out.service = {stamp_of(service->as_object()), service_of(service->as_object())};
    if (auto const* weight = from.if_contains("weight"))
        out.weight = {stamp_of(weight->as_object()), weight_of(weight->as_object().at("is"))};
    if (auto const* added = from.if_contains("added"))
        out.added = {stamp_of(added->as_object()), added_of(name, added->as_object())};
    return out;
}

shared_wishes wishes_of(json::object const& document) {
    if (document.at("form").to_number<int>() != form)
        throw std::runtime_error{"it was written by another version"};
    shared_wishes out;
    for (auto const& [name, value] : document.at("pools").as_object()) {
        auto& pool = out[name_of(name)];
        for (auto const& [backend, words] : value.as_object()) {
            auto const of = name_of(backend);
            pool.emplace(of, words_of(of, words.as_object()));
        }
    }
    return out;
}

} // namespace

std::string to_text(shared_wishes const& all) {
    json::object pools;
    for (auto const& [name, pool] : all) {
        json::object words;
        for (auto const& [backend, one] : pool)
            words[backend] = json_of(one);
        pools[name] = std::move(words);
    }
    return json::serialize(json::object{{"form", form}, {"pools", std::move(pools)}});
}

result<shared_wishes> parse_shared_wishes(std::string_view text) {
    try {
        return wishes_of(json::parse(text).as_object());
    } catch (std::exception const& error) {
        return problem{failure::invalid, error.what()};
    }
}

} // namespace tasuki::balancer
