#include "tasuki/ctl/reading.hpp"

#include "tasuki/ctl/layout.hpp"

#include <boost/json.hpp>

namespace tasuki::ctl {

namespace json = boost::json;

namespace {

json::value const* find(json::value const* value, std::string_view key) {
    auto const* object = value == nullptr ? nullptr : value->if_object();
    return object == nullptr ? nullptr : object->if_contains(key);
}

} // namespace

reading reading::at(std::string_view key) const {
    auto const* found = find(value_, key);
    return found == nullptr ? reading{} : reading{*found};
}

std::vector<reading> reading::list(std::string_view key) const {
    std::vector<reading> out;
    auto const* found = find(value_, key);
    auto const* array = found == nullptr ? nullptr : found->if_array();
    if (array == nullptr)
        return out;
    for (auto const& element : *array)
        out.emplace_back(element);
    return out;
}

std::vector<std::string> reading::texts(std::string_view key) const {
    std::vector<std::string> out;
    for (auto const& each : list(key))
        if (auto const* text = each.value_->if_string())
            out.push_back(printable(*text));
    return out;
}

std::string reading::text(std::string_view key, std::string_view otherwise) const {
    auto const* found = find(value_, key);
    auto const* string = found == nullptr ? nullptr : found->if_string();
    if (string == nullptr || string->empty())
        return std::string{otherwise};
    return printable(*string);
}

std::optional<std::int64_t> reading::number(std::string_view key) const {
    auto const* found = find(value_, key);
    if (found == nullptr || !found->is_number())
        return std::nullopt;
    boost::system::error_code error;
    auto const value = found->to_number<std::int64_t>(error);
    return error ? std::nullopt : std::optional{value};
}

bool reading::flag(std::string_view key) const {
    auto const* found = find(value_, key);
    return found != nullptr && found->is_bool() && found->get_bool();
}

std::optional<std::int64_t> reading::age_of(std::string_view key, std::string const& now) const {
    auto const then = parse_time(text(key));
    auto const present = parse_time(now);
    if (!then || !present)
        return std::nullopt;
    return (*present - *then) * 1000;
}

bool reading::is_null() const {
    return value_ == nullptr || value_->is_null();
}

std::optional<json::value> parse_document(std::string_view text) {
    boost::system::error_code error;
    auto parsed = json::parse(text, error);
    if (error || !parsed.is_object())
        return std::nullopt;
    return parsed;
}

std::string printable(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto const letter = static_cast<unsigned char>(text[at]);
        // U+0080 to U+009F, in UTF-8 C2 80 to C2 9F, are control characters too.
        bool const second_set = letter == 0xc2 && at + 1 < text.size() &&
                                static_cast<unsigned char>(text[at + 1]) < 0xa0;
        if (second_set)
            ++at;
        if (letter < 0x20 || letter == 0x7f || second_set)
            out += '?';
        else
            out += text[at];
    }
    return out;
}

} // namespace tasuki::ctl
