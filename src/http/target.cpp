#include "target.hpp"

namespace tasuki::http {

namespace {

int hex_digit(char letter) {
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F')
        return letter - 'A' + 10;
    return -1;
}

std::optional<std::string> decode(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        if (at + 2 >= text.size())
            return std::nullopt;
        int const high = hex_digit(text[at + 1]);
        int const low = hex_digit(text[at + 2]);
        if (high < 0 || low < 0)
            return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return out;
}

/// The part before the separator; `rest` becomes what follows it, or empty.
std::string_view cut(std::string_view& rest, char separator) {
    auto const at = rest.find(separator);
    auto const head = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return head;
}

} // namespace

std::optional<target> parse_target(std::string_view text) {
    if (text.empty() || text.front() != '/')
        return std::nullopt;
    target out;
    auto query = text.substr(0, text.find('#'));
    auto path = cut(query, '?').substr(1);
    while (!path.empty()) {
        auto segment = decode(cut(path, '/'));
        if (!segment)
            return std::nullopt;
        if (!segment->empty())
            out.path.push_back(std::move(*segment));
    }
    while (!query.empty()) {
        auto value = cut(query, '&');
        auto key = decode(cut(value, '='));
        auto decoded = decode(value);
        if (!key || !decoded)
            return std::nullopt;
        out.query[*key] = std::move(*decoded);
    }
    return out;
}

} // namespace tasuki::http
