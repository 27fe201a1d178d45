#include "body.hpp"

#include "tasuki/core/net.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace tasuki::http {

namespace json = boost::json;

namespace {

constexpr milliseconds lasting_max{7LL * 24 * 3600 * 1000};

bool is_plain(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char letter) {
        return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
    });
}

} // namespace

bool is_name(std::string_view text) {
    auto const allowed = [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '.' || letter == '-' || letter == '_';
    };
    return !text.empty() && text.size() <= name_length_max &&
           std::all_of(text.begin(), text.end(), allowed);
}

body_reader::body_reader(std::string_view text) {
    if (text.empty())
        return;
    json::parse_options options;
    options.max_depth = 4;
    boost::system::error_code error;
    auto const parsed = json::parse(text, error, {}, options);
    if (error)
        mistake("the body is no JSON: " + error.message());
    else if (!parsed.is_object())
        mistake("the body has to be a JSON object, for example {\"reason\": \"kernel update\"}");
    else
        object_ = parsed.get_object();
}

json::value const* body_reader::take(std::string_view key) {
    asked_.emplace(key);
    auto const* found = object_.if_contains(key);
    return found == nullptr || found->is_null() ? nullptr : found;
}

void body_reader::mistake(std::string reason) {
    if (!mistake_)
        mistake_ = api_error{400, "bad_request", std::move(reason), "tasuki --help"};
}

std::string body_reader::name(std::string_view key) {
    auto const* found = take(key);
    if (found == nullptr)
        return {};
    auto const* text = found->if_string();
    if (text == nullptr || !is_name(*text)) {
        mistake(fmt::format("\"{}\" has to be a name of up to {} letters, digits, '.', '-', '_'",
                            key, name_length_max));
        return {};
    }
    return std::string{*text};
}

std::string body_reader::required_name(std::string_view key) {
    auto out = name(key);
    if (out.empty())
        mistake(fmt::format("\"{}\" is missing", key));
    return out;
}

bool body_reader::flag(std::string_view key) {
    auto const* found = take(key);
    if (found == nullptr)
        return false;
    if (!found->is_bool())
        mistake(fmt::format("\"{}\" has to be true or false", key));
    return found->is_bool() && found->get_bool();
}

std::string body_reader::reason() {
    auto const* found = take("reason");
    if (found == nullptr)
        return {};
    auto const* text = found->if_string();
    if (text == nullptr || text->size() > reason_length_max || !is_plain(*text)) {
        mistake(fmt::format("\"reason\" has to be text of up to {} bytes without control "
                            "characters",
                            reason_length_max));
        return {};
    }
    return std::string{*text};
}

std::string body_reader::required_reason() {
    auto out = reason();
    if (out.empty())
        mistake("\"reason\" is missing: those who look at the status have to know why");
    return out;
}

std::optional<milliseconds> body_reader::lasting() {
    auto const count = number("for_ms", 1, lasting_max.count());
    return count ? std::optional{milliseconds{*count}} : std::nullopt;
}

std::optional<std::int64_t> body_reader::number(std::string_view key, std::int64_t least,
                                                std::int64_t most) {
    auto const* found = take(key);
    if (found == nullptr)
        return std::nullopt;
    boost::system::error_code error;
    auto const count = found->to_number<std::int64_t>(error);
    if (error || count < least || count > most) {
        mistake(fmt::format("\"{}\" has to be a number from {} to {}", key, least, most));
        return std::nullopt;
    }
    return count;
}

std::string body_reader::required_endpoint(std::string_view key) {
    auto const* found = take(key);
    auto const* text = found == nullptr ? nullptr : found->if_string();
    if (text != nullptr && endpoint::parse(*text))
        return std::string{*text};
    mistake(fmt::format("\"{}\" has to be ADDRESS:PORT", key));
    return {};
}

std::map<std::string, std::string> body_reader::names_by_name(std::string_view key) {
    std::map<std::string, std::string> out;
    auto const* found = take(key);
    if (found == nullptr)
        return out;
    if (!found->is_object()) {
        mistake(fmt::format("\"{}\" has to be an object of names", key));
        return out;
    }
    for (auto const& [left, right] : found->get_object()) {
        auto const* text = right.if_string();
        if (text == nullptr || !is_name(*text) || !is_name(left)) {
            mistake(fmt::format("\"{}\" has to map names to names", key));
            return {};
        }
        out.emplace(left, *text);
    }
    return out;
}

routed body_reader::finish(api_request request) {
    for (auto const& [key, value] : object_)
        if (!asked_.contains(std::string_view{key}))
            mistake(fmt::format("unknown key \"{}\"", std::string_view{key}.substr(0, 40)));
    if (mistake_)
        return *mistake_;
    return request;
}

} // namespace tasuki::http
