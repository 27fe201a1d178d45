#pragma once
// TOML text as a plain tree of values with positions, free of any TOML library.
//
// It decides nothing about keys: that is config_reader's. Entries keep the place of their key and
// of their value, so that an error can point at either. Reference: TOML 1.0, https://toml.io.

#include "tasuki/agent/config.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tasuki::agent {

/// Counted from 1.
struct config_position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    friend auto operator<=>(config_position const&, config_position const&) = default;
};

struct config_entry;
struct config_value;

struct config_table {
    std::vector<config_entry> entries;
};
struct config_array {
    std::vector<config_value> values;
};
/// TOML's dates and times: no key of ours takes one.
struct config_date {};

struct config_value {
    config_position at;
    std::variant<std::string, std::int64_t, double, bool, config_array, config_table, config_date>
        value;

    /// "a string", "an integer" and so on, for messages.
    [[nodiscard]] std::string_view kind() const;
};

struct config_entry {
    std::string key;
    config_position key_at;
    config_value value;
};

/// The first error of the syntax; TOML cannot be read past it.
struct config_syntax_error {
    config_position at;
    std::string text;
};

[[nodiscard]] boost::system::result<config_table, config_syntax_error>
parse_tree(std::string_view text);

} // namespace tasuki::agent
