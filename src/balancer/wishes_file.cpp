#include "tasuki/balancer/wishes_file.hpp"

#include <boost/json.hpp>

#include <stdexcept>
#include <utility>

namespace tasuki::balancer {

namespace json = boost::json;

namespace {

constexpr int form = 1;

json::object json_of(lb::backend_wish const& wish) {
    json::object out{{"admin", lb::to_string(wish.wanted)}};
    if (wish.weight)
        out["weight"] = *wish.weight;
    return out;
}

json::object json_of(lb::backend_settings const& one) {
    return {{"name", one.name}, {"address", one.address.to_string()}, {"weight", one.weight}};
}

unsigned weight_of(json::value const& value) {
    auto const weight = value.to_number<unsigned>();
    if (weight > lb::weight_max)
        throw std::runtime_error{"a weight is greater than 256"};
    return weight;
}

lb::backend_wish wish_of(json::object const& from) {
    lb::backend_wish out;
    auto const wanted = lb::parse_administration(std::string_view{from.at("admin").as_string()});
    if (!wanted)
        throw std::runtime_error{"\"admin\" is none of ready, drain, maintenance"};
    out.wanted = *wanted;
    if (auto const* weight = from.if_contains("weight"))
        out.weight = weight_of(*weight);
    return out;
}

lb::backend_settings backend_of(json::object const& from) {
    lb::backend_settings out;
    out.name = std::string{from.at("name").as_string()};
    auto const address = endpoint::parse(std::string_view{from.at("address").as_string()});
    if (!address)
        throw std::runtime_error{address.error().text};
    out.address = *address;
    out.weight = weight_of(from.at("weight"));
    return out;
}

wishes wishes_of(json::object const& document) {
    if (document.at("form").to_number<int>() != form)
        throw std::runtime_error{"it was written by another version"};
    wishes out;
    for (auto const& [name, value] : document.at("pools").as_object()) {
        auto& pool = out[std::string{name}];
        for (auto const& [backend, wish] : value.at("backends").as_object())
            pool.backends.emplace(backend, wish_of(wish.as_object()));
        for (auto const& one : value.at("added").as_array())
            pool.added.push_back(backend_of(one.as_object()));
    }
    return out;
}

} // namespace

std::string wishes_text(wishes const& all) {
    json::object pools;
    for (auto const& [name, wish] : all) {
        json::object backends;
        for (auto const& [backend, one] : wish.backends)
            backends[backend] = json_of(one);
        json::array added;
        for (auto const& one : wish.added)
            added.emplace_back(json_of(one));
        pools[name] = json::object{{"backends", std::move(backends)}, {"added", std::move(added)}};
    }
    return json::serialize(json::object{{"form", form}, {"pools", std::move(pools)}}) + "\n";
}

result<wishes> parse_wishes(std::string_view text) {
    try {
        return wishes_of(json::parse(text).as_object());
    } catch (std::exception const& error) {
        return problem{failure::invalid, error.what()};
    }
}

} // namespace tasuki::balancer
