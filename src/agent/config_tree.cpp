#include "tasuki/agent/config_tree.hpp"

#include <algorithm>
#include <array>

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// Two faults of toml++ 3.3 on text that is not TOML, each undefined behaviour under NDEBUG:
// it assumes that "[" is followed by the letter of a key before it has looked (the line behind the
// assertion reports anything else properly), and its test for blanks calls letters such as U+00E9
// unreachable where they are merely no blanks.
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSERT
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_ASSERT_ASSUME(expression) static_assert(true)
#include <toml++/impl/forward_declarations.h>
#pragma push_macro("TOML_UNREACHABLE")
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#pragma pop_macro("TOML_UNREACHABLE")
#include <toml++/toml.h>

namespace tasuki::agent {

namespace {

config_position position_of(toml::source_region const& region) {
    return {region.begin.line, region.begin.column};
}

/// "Error while parsing time: expected ':'" becomes "not valid TOML (time): expected ':'".
std::string in_our_words(std::string_view description) {
    constexpr std::string_view opening = "Error while parsing ";
    auto const colon = description.find(": ");
    if (!description.starts_with(opening) || colon == std::string_view::npos)
        return "not valid TOML: " + std::string{description};
    auto const what = description.substr(opening.size(), colon - opening.size());
    return "not valid TOML (" + std::string{what} + ")" + std::string{description.substr(colon)};
}

config_value value_of(toml::node const& node);

config_table table_of(toml::table const& table) {
    config_table out;
    for (auto const& [key, node] : table)
        out.entries.push_back({std::string{key.str()}, position_of(key.source()), value_of(node)});
    // The library orders by key; people read by line.
    std::stable_sort(
        out.entries.begin(), out.entries.end(),
        [](auto const& left, auto const& right) { return left.key_at < right.key_at; });
    return out;
}

config_value value_of(toml::node const& node) {
    config_value out{position_of(node.source()), config_date{}};
    if (auto const* text = node.as_string()) {
        out.value = text->get();
    } else if (auto const* integer = node.as_integer()) {
        out.value = integer->get();
    } else if (auto const* number = node.as_floating_point()) {
        out.value = number->get();
    } else if (auto const* boolean = node.as_boolean()) {
        out.value = boolean->get();
    } else if (auto const* array = node.as_array()) {
        config_array values;
        for (auto const& element : *array)
            values.values.push_back(value_of(element));
        out.value = std::move(values);
    } else if (auto const* table = node.as_table()) {
        out.value = table_of(*table);
    }
    return out;
}

} // namespace

std::string_view config_value::kind() const {
    constexpr std::array<std::string_view, 7> names{
        "a string", "an integer", "a decimal number", "a boolean",
        "a list",   "a table",    "a date or time"};
    return names.at(value.index());
}

boost::system::result<config_table, config_syntax_error> parse_tree(std::string_view text) {
    toml::parse_result const parsed = toml::parse(text);
    if (!parsed) {
        auto const& error = parsed.error();
        return config_syntax_error{position_of(error.source()), in_our_words(error.description())};
    }
    return table_of(parsed.table());
}

} // namespace tasuki::agent
