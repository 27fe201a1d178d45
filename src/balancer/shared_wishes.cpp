#include "tasuki/balancer/shared_wishes.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tasuki::balancer {

namespace json = boost::json;

namespace {

constexpr int form = 2;
constexpr std::uint64_t revision_max = 1ULL << 53U; // what other readers of JSON can tell apart
constexpr std::int64_t deadline_ms_max = 24LL * 3600 * 1000;
constexpr std::size_t name_bytes_max = 255;

json::object json_of(stamped_word const& it) {
    json::object out{{"revision", it.at.revision}, {"node", it.at.node}};
    if (it.word.wish) {
        out["admin"] = lb::to_string(it.word.wish->wanted);
        if (it.word.wish->weight)
            out["weight"] = *it.word.wish->weight;
    }
    if (it.word.deadline)
        out["deadline_ms"] = to_ms(*it.word.deadline);
    if (it.word.added)
        out["added"] = json::object{{"address", it.word.added->address.to_string()},
                                    {"weight", it.word.added->weight}};
    return out;
}

std::string name_of(std::string_view text) {
    if (text.empty() || text.size() > name_bytes_max)
        throw std::runtime_error{"a name is empty, or longer than 255 bytes"};
    return std::string{text};
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

lb::backend_settings backend_of(std::string const& name, json::object const& from) {
    lb::backend_settings out;
    out.name = name;
    auto const address = endpoint::parse(std::string_view{from.at("address").as_string()});
    if (!address)
        throw std::runtime_error{address.error().text};
    out.address = *address;
    out.weight = weight_of(from.at("weight"));
    return out;
}

stamped_word word_of(std::string const& name, json::object const& from) {
    stamped_word out;
    out.at.revision = from.at("revision").to_number<std::uint64_t>();
    if (out.at.revision > revision_max)
        throw std::runtime_error{"a revision is greater than 2^53"};
    out.at.node = name_of(from.at("node").as_string());
    if (from.contains("admin"))
        out.word.wish = wish_of(from);
    if (auto const* deadline = from.if_contains("deadline_ms")) {
        auto const ms = deadline->to_number<std::int64_t>();
        if (ms < 0 || ms > deadline_ms_max)
            throw std::runtime_error{"a deadline is longer than a day"};
        out.word.deadline = milliseconds{ms};
    }
    if (auto const* added = from.if_contains("added"))
        out.word.added = backend_of(name, added->as_object());
    return out;
}

shared_wishes wishes_of(json::object const& document) {
    if (document.at("form").to_number<int>() != form)
        throw std::runtime_error{"it was written by another version"};
    shared_wishes out;
    for (auto const& [name, value] : document.at("pools").as_object()) {
        auto& pool = out[name_of(name)];
        for (auto const& [backend, word] : value.as_object()) {
            auto const of = name_of(backend);
            pool.emplace(of, word_of(of, word.as_object()));
        }
    }
    return out;
}

} // namespace

stamp next_stamp(shared_wishes const& all, std::string node) {
    std::uint64_t newest = 0;
    for (auto const& [name, pool] : all)
        for (auto const& [backend, one] : pool)
            newest = std::max(newest, one.at.revision);
    return {newest + 1, std::move(node)};
}

std::vector<std::string> merge(pool_words& own, pool_words const& told, lb::roster const& here) {
    std::vector<std::string> out;
    for (auto const& [backend, one] : told) {
        auto const known = own.find(backend);
        bool const matters =
            known != own.end() || !one.word.wish || one.word.added || here.has(backend);
        if (!matters || (known != own.end() && one.at <= known->second.at))
            continue;
        own.insert_or_assign(backend, one);
        out.push_back(backend);
    }
    return out;
}

void forget_gone(pool_words& own, lb::roster const& here) {
    auto const still = here.wishes();
    for (auto& [backend, one] : own) {
        bool const is_added = std::any_of(still.added.begin(), still.added.end(),
                                          [&](auto const& each) { return each.name == backend; });
        if (one.word.added && !is_added)
            one.word.added.reset(); // the file has it now
    }
    std::erase_if(own, [&](auto const& it) { return it.second.word.wish && !here.has(it.first); });
}

lb::pool_wishes wishes_in(pool_words const& all) {
    lb::pool_wishes out;
    for (auto const& [backend, one] : all) {
        if (one.word.wish)
            out.backends.emplace(backend, *one.word.wish);
        if (one.word.added)
            out.added.push_back(*one.word.added);
    }
    return out;
}

std::string to_string(lb::backend_word const& said) {
    if (!said.wish)
        return said.added ? "added" : "removed";
    std::string out{lb::to_string(said.wish->wanted)};
    return said.wish->weight ? out + ", weight " + std::to_string(*said.wish->weight) : out;
}

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
