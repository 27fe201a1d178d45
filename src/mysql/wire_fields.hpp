#pragma once
// Reading and writing the fields of one JSON object, for the codecs of this room.
//
// A reader remembers its first failure and yields empty values from then on, so a codec reads all
// its fields and checks once. Nothing here throws on any input.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/mysql/gtid.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::mysql::wire {

namespace json = boost::json;

/// The longest array that any of these documents has.
inline constexpr std::size_t elements_max = 1024;

class fields {
  public:
    fields(json::value const& document, std::string_view where, std::string& trouble)
        : object_(document.if_object())
        , where_(where)
        , trouble_(trouble) {
        if (object_ == nullptr)
            fail("is not an object");
    }

    [[nodiscard]] json::value const* find(std::string_view key) {
        json::value const* const found = object_ == nullptr ? nullptr : object_->if_contains(key);
        if (found == nullptr)
            fail("lacks '" + std::string(key) + "'");
        return found;
    }

    template<class Integer = std::uint64_t>
    [[nodiscard]] Integer number(std::string_view key) {
        json::value const* const found = find(key);
        if (found == nullptr)
            return {};
        if (found->is_double()) {
            fail("has a fraction in '" + std::string(key) + "'");
            return {};
        }
        boost::system::error_code code;
        auto const value = found->to_number<Integer>(code);
        if (!code)
            return value;
        fail("has no fitting number in '" + std::string(key) + "'");
        return {};
    }

    template<class Id>
    [[nodiscard]] Id id(std::string_view key) {
        return Id{number<typename Id::value_type>(key)};
    }

    [[nodiscard]] bool flag(std::string_view key) {
        json::value const* const found = find(key);
        if (found == nullptr)
            return false;
        if (!found->is_bool())
            fail("has no true or false in '" + std::string(key) + "'");
        return found->is_bool() && found->get_bool();
    }

    [[nodiscard]] std::string text(std::string_view key) {
        json::value const* const found = find(key);
        return found == nullptr ? std::string{} : text_of(*found, key);
    }

    [[nodiscard]] duration time(std::string_view key) {
        return duration{number<std::int64_t>(key)};
    }

    [[nodiscard]] gtid_list gtids(std::string_view key) {
        return parsed<gtid_list>(text(key), key);
    }

    [[nodiscard]] endpoint address(std::string_view key) {
        return parsed<endpoint>(text(key), key);
    }

    template<class Enum>
    [[nodiscard]] Enum word(std::string_view key, std::span<Enum const> all) {
        std::string const name = text(key);
        for (Enum const each : all)
            if (to_string(each) == name)
                return each;
        fail("has an unknown word in '" + std::string(key) + "'");
        return all.front();
    }

    /// Null is absent.
    [[nodiscard]] bool present(std::string_view key) {
        json::value const* const found = find(key);
        return found != nullptr && !found->is_null();
    }

    template<class Read>
    void each(std::string_view key, Read const& read) {
        json::value const* const found = find(key);
        if (found == nullptr)
            return;
        json::array const* const list = found->if_array();
        if (list == nullptr || list->size() > elements_max)
            return fail("has no fitting list in '" + std::string(key) + "'");
        for (json::value const& element : *list)
            read(element);
    }

    [[nodiscard]] std::vector<std::string> texts(std::string_view key) {
        std::vector<std::string> out;
        each(key, [&](json::value const& element) { out.push_back(text_of(element, key)); });
        return out;
    }

    void fail(std::string const& what) {
        if (trouble_.empty())
            trouble_ = std::string(where_) + " " + what;
    }

  private:
    std::string text_of(json::value const& element, std::string_view key) {
        if (json::string const* const string = element.if_string())
            return {string->data(), string->size()};
        fail("has no text in '" + std::string(key) + "'");
        return {};
    }

    template<class Value>
    Value parsed(std::string const& from, std::string_view key) {
        auto value = Value::parse(from);
        if (value.has_value())
            return std::move(*value);
        fail("has a malformed '" + std::string(key) + "'");
        return {};
    }

    json::object const* object_;
    std::string_view where_;
    std::string& trouble_;
};

/// A document of version 1, or nothing and `trouble` set.
[[nodiscard]] std::optional<json::value>
parse_document(std::string_view text, std::string_view where, std::string& trouble);

[[nodiscard]] inline json::array to_array(std::vector<std::string> const& texts) {
    json::array list;
    for (std::string const& each : texts)
        list.emplace_back(each);
    return list;
}

} // namespace tasuki::mysql::wire
