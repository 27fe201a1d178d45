#include "tasuki/agent/config_section.hpp"

#include "tasuki/core/require.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

std::string_view constexpr node_placeholder = "{node}";

bool has_control_letter(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char letter) {
        auto const code = static_cast<unsigned char>(letter);
        return code < 0x20 || code == 0x7f;
    });
}

template<class Notices>
Notices in_file_order(Notices notices) {
    std::stable_sort(notices.begin(), notices.end(), [](auto const& left, auto const& right) {
        return std::pair{left.line, left.column} < std::pair{right.line, right.column};
    });
    return notices;
}

/// Prints without trailing zeros: 0.05, not 0.050000.
std::string plain(double number) {
    return fmt::format("{:g}", number);
}

} // namespace

void config_notes::error(config_position at, std::string text) {
    errors_.push_back({file_, at.line, at.column, std::move(text)});
}

void config_notes::warn_at(std::string_view path, std::string text) {
    auto const at = place_of(path);
    warnings_.push_back({file_, at.line, at.column, std::move(text)});
}

config_position config_notes::place_of(std::string_view path) const {
    while (!path.empty()) {
        if (auto const found = places_.find(path); found != places_.end())
            return found->second;
        auto const cut = path.find_last_of(".[");
        path = path.substr(0, cut == std::string_view::npos ? 0 : cut);
    }
    return {};
}

std::vector<config_notice> config_notes::errors() const {
    return in_file_order(errors_);
}

std::vector<config_notice> config_notes::warnings() const {
    return in_file_order(warnings_);
}

section_reader::section_reader(config_notes& notes, config_table const& table, section_name name)
    : notes_(notes)
    , table_(table)
    , name_(std::move(name)) {}

std::string section_reader::path_of(std::string_view key) const {
    return name_.path.empty() ? std::string{key} : fmt::format("{}.{}", name_.path, key);
}

config_value const* section_reader::find(std::string_view key) {
    known_.emplace(key);
    for (auto const& entry : table_.entries)
        if (entry.key == key) {
            notes_.keep_place(path_of(key), entry.key_at);
            return &entry.value;
        }
    return nullptr;
}

config_value const* section_reader::need(std::string_view key) {
    auto const* value = find(key);
    if (value == nullptr)
        notes_.error_at(name_.path, fmt::format("missing key \"{}\" in {}", key, name_.title));
    return value;
}

void section_reader::wrong(std::string_view key, std::string text) {
    auto const entry = std::find_if(table_.entries.begin(), table_.entries.end(),
                                    [&](auto const& each) { return each.key == key; });
    TASUKI_REQUIRE(entry != table_.entries.end());
    notes_.error(entry->value.at, fmt::format("\"{}\" in {} {}", key, name_.title, text));
}

void section_reader::wrong_kind(std::string_view key, config_value const& value,
                                std::string_view expected) {
    bool const is_section = name_.path.empty();
    notes_.error(value.at, is_section ? fmt::format("expected {} for section \"{}\", found {}",
                                                    expected, key, value.kind())
                                      : fmt::format("expected {} for \"{}\" in {}, found {}",
                                                    expected, key, name_.title, value.kind()));
}

void section_reader::unknown_word(std::string_view key, std::string_view word,
                                  std::vector<std::string_view> const& known) {
    wrong(key, fmt::format("is \"{}\"; it must be \"{}\"", word, fmt::join(known, "\" or \"")));
}

std::optional<std::string> section_reader::text_of(std::string_view key,
                                                   config_value const& value) {
    auto const* text = std::get_if<std::string>(&value.value);
    if (text == nullptr) {
        wrong_kind(key, value, "a string");
        return std::nullopt;
    }
    if (text->empty() || has_control_letter(*text)) {
        std::string_view const fault = text->empty() ? "empty string" : "unprintable letter";
        notes_.error(value.at, fmt::format("{} for \"{}\" in {}", fault, key, name_.title));
        return std::nullopt;
    }
    return *text;
}

std::optional<std::string> section_reader::text(std::string_view key) {
    auto const* value = find(key);
    return value == nullptr ? std::nullopt : text_of(key, *value);
}

std::string section_reader::text(std::string_view key, std::string_view otherwise) {
    return text(key).value_or(std::string{otherwise});
}

std::string section_reader::needed_text(std::string_view key) {
    auto const* value = need(key);
    return value == nullptr ? std::string{} : text_of(key, *value).value_or("");
}

std::string section_reader::needed_name(std::string_view key) {
    auto name = needed_text(key);
    if (name.empty())
        return name;
    if (auto const fault = fault_of_name(name); !fault.empty())
        wrong(key, fmt::format("is \"{}\": {}", name, fault));
    return name;
}

void section_reader::check_path(std::string_view key, std::string const& path) {
    if (!path.starts_with('/')) {
        wrong(key, fmt::format("is \"{}\"; it must be an absolute path", path));
        return;
    }
    for (auto at = path.find_first_of("{}"); at != std::string::npos;
         at = path.find_first_of("{}", at + node_placeholder.size())) {
        if (path.compare(at, node_placeholder.size(), node_placeholder) == 0)
            continue;
        wrong(key, fmt::format("is \"{}\"; the only placeholder is {}", path, node_placeholder));
        return;
    }
}

std::string section_reader::path(std::string_view key, std::string_view otherwise) {
    auto const found = text(key);
    if (!found)
        return std::string{otherwise};
    check_path(key, *found);
    return *found;
}

std::string section_reader::needed_path(std::string_view key) {
    auto found = needed_text(key);
    if (!found.empty())
        check_path(key, found);
    return found;
}

std::int64_t section_reader::integer(std::string_view key, integer_range range) {
    auto const* value = find(key);
    if (value == nullptr)
        return range.otherwise;
    auto const* integer = std::get_if<std::int64_t>(&value->value);
    if (integer == nullptr) {
        wrong_kind(key, *value, "an integer");
        return range.otherwise;
    }
    if (*integer < range.least || *integer > range.most) {
        wrong(key, fmt::format("is {}; it must be {} to {}", *integer, range.least, range.most));
        return range.otherwise;
    }
    return *integer;
}

double section_reader::number(std::string_view key, double least, double most, double otherwise) {
    auto const* value = find(key);
    if (value == nullptr)
        return otherwise;
    double number = otherwise;
    if (auto const* decimal = std::get_if<double>(&value->value)) {
        number = *decimal;
    } else if (auto const* integer = std::get_if<std::int64_t>(&value->value)) {
        number = static_cast<double>(*integer);
    } else {
        wrong_kind(key, *value, "a decimal number");
        return otherwise;
    }
    // Written so that "nan" is refused too.
    if (!(number >= least && number <= most)) {
        wrong(key,
              fmt::format("is {}; it must be {} to {}", plain(number), plain(least), plain(most)));
        return otherwise;
    }
    return number;
}

bool section_reader::flag(std::string_view key, bool otherwise) {
    auto const* value = find(key);
    if (value == nullptr)
        return otherwise;
    if (auto const* flag = std::get_if<bool>(&value->value))
        return *flag;
    wrong_kind(key, *value, "true or false");
    return otherwise;
}

std::optional<endpoint> section_reader::listen(std::string_view key) {
    auto const found = text(key);
    if (!found)
        return std::nullopt;
    auto const parsed = endpoint::parse(*found);
    if (!parsed) {
        wrong(key, "is wrong: " + parsed.error().text);
        return std::nullopt;
    }
    return *parsed;
}

std::vector<std::string> section_reader::texts(std::string_view key, bool may_be_empty) {
    auto const* value = find(key);
    if (value == nullptr)
        return {};
    auto const* array = std::get_if<config_array>(&value->value);
    if (array == nullptr) {
        wrong_kind(key, *value, "a list of strings");
        return {};
    }
    if (array->values.empty() && !may_be_empty)
        wrong(key, "is an empty list");
    std::vector<std::string> out;
    for (auto const& element : array->values)
        if (auto text = text_of(key, element)) {
            notes_.keep_place(fmt::format("{}[{}]", path_of(key), out.size()), element.at);
            out.push_back(std::move(*text));
        }
    return out;
}

std::map<std::string, std::string> section_reader::texts_by_name(std::string_view key) {
    auto const* entries = table(key);
    std::map<std::string, std::string> out;
    if (entries == nullptr)
        return out;
    for (auto const& entry : entries->entries) {
        notes_.keep_place(fmt::format("{}.{}", path_of(key), entry.key), entry.key_at);
        if (auto text = text_of(key, entry.value))
            out.emplace(entry.key, std::move(*text));
    }
    return out;
}

config_table const* section_reader::table(std::string_view key) {
    auto const* value = find(key);
    if (value == nullptr)
        return nullptr;
    auto const* table = std::get_if<config_table>(&value->value);
    if (table == nullptr)
        wrong_kind(key, *value, "a table");
    return table;
}

std::vector<config_value const*> section_reader::tables(std::string_view key) {
    auto const* value = find(key);
    if (value == nullptr)
        return {};
    std::vector<config_value const*> out;
    auto const* array = std::get_if<config_array>(&value->value);
    if (array == nullptr) {
        wrong_kind(key, *value, "tables in double brackets");
        return out;
    }
    for (auto const& element : array->values)
        if (std::holds_alternative<config_table>(element.value))
            out.push_back(&element);
        else
            wrong_kind(key, element, "a table");
    return out;
}

void section_reader::finish() {
    std::vector<std::string_view> const known(known_.begin(), known_.end());
    for (auto const& entry : table_.entries) {
        if (known_.contains(entry.key))
            continue;
        auto const nearest = nearest_word(entry.key, known);
        bool const is_top = name_.path.empty();
        bool const is_section =
            is_top && (std::holds_alternative<config_table>(entry.value.value) ||
                       std::holds_alternative<config_array>(entry.value.value));
        auto text = is_section ? fmt::format("unknown section [{}]", entry.key)
                    : is_top   ? fmt::format("key \"{}\" is in no section", entry.key)
                               : fmt::format("unknown key \"{}\" in {}", entry.key, name_.title);
        if (nearest.empty())
            text +=
                fmt::format("; known {}: {}", is_top ? "sections" : "here", fmt::join(known, ", "));
        else
            text += is_top ? fmt::format("; did you mean [{}]?", nearest)
                           : fmt::format("; did you mean \"{}\"?", nearest);
        notes_.error(entry.key_at, std::move(text));
    }
}

} // namespace tasuki::agent
