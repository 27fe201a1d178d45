#include "tasuki/ctl/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace tasuki::ctl {

namespace {

struct code_range {
    char32_t first;
    char32_t last;
};

/// Unicode East Asian Width W and F, coarse: enough for names and reasons.
constexpr std::array wide{
    code_range{0x1100, 0x115f}, code_range{0x2e80, 0xa4cf},   code_range{0xac00, 0xd7a3},
    code_range{0xf900, 0xfaff}, code_range{0xfe30, 0xfe6f},   code_range{0xff00, 0xff60},
    code_range{0xffe0, 0xffe6}, code_range{0x1f300, 0x1faff}, code_range{0x20000, 0x3fffd},
};

/// The next code point; a byte that begins none counts as itself.
char32_t take_code_point(std::string_view& text) {
    auto const lead = static_cast<unsigned char>(text.front());
    std::size_t const size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t value = size == 1 ? lead : lead & (0x3fU >> (size - 1));
    for (std::size_t at = 1; at < size && at < text.size(); ++at)
        value = value << 6U | (static_cast<unsigned char>(text[at]) & 0x3fU);
    text.remove_prefix(std::min(size, text.size()));
    return value;
}

std::size_t columns_of(char32_t point) {
    auto const holds = [point](code_range range) {
        return point >= range.first && point <= range.last;
    };
    return std::any_of(wide.begin(), wide.end(), holds) ? 2 : 1;
}

/// As much of the text as fits, at least one letter; the rest stays in `text`.
std::string_view take_columns(std::string_view& text, std::size_t width) {
    auto rest = text;
    std::size_t used = 0;
    while (!rest.empty()) {
        auto after = rest;
        used += columns_of(take_code_point(after));
        if (used > width && rest.size() != text.size())
            break;
        rest = after;
    }
    auto const head = text.substr(0, text.size() - rest.size());
    text = rest;
    return head;
}

std::string_view take_word(std::string_view& text) {
    auto const end = std::min(text.find(' ', text.find_first_not_of(' ')), text.size());
    auto const word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

std::string_view without_leading_spaces(std::string_view text) {
    auto const first = text.find_first_not_of(' ');
    return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

std::string two_units(std::int64_t large, char large_unit, std::int64_t small, char small_unit) {
    return fmt::format("{}{} {}{}", large, large_unit, small, small_unit);
}

} // namespace

std::size_t columns(std::string_view text) {
    std::size_t sum = 0;
    while (!text.empty())
        sum += columns_of(take_code_point(text));
    return sum;
}

std::string wrap(std::string_view text, std::size_t indent) {
    std::string out;
    std::string line;
    std::size_t used = 0;
    while (!text.empty()) {
        auto word = take_word(text);
        if (used + columns(word) > width_max && used > indent) {
            out += line + "\n";
            line.assign(indent, ' ');
            used = indent;
            word = without_leading_spaces(word);
        }
        while (used + columns(word) > width_max) {
            out += line;
            out += take_columns(word, width_max - used);
            out += "\n";
            line.assign(indent, ' ');
            used = indent;
        }
        line += word;
        used += columns(word);
    }
    return out + line + "\n";
}

table::table(std::vector<std::string> head)
    : rows_{std::move(head)} {}

void table::row(std::vector<std::string> cells) {
    rows_.push_back(std::move(cells));
}

std::string table::print() const {
    auto const count = rows_.front().size();
    std::vector<std::size_t> widths(count, 0);
    for (auto const& row : rows_)
        for (std::size_t at = 0; at < count; ++at)
            widths[at] = std::max(widths[at], columns(row[at]));
    std::size_t start = 2;
    for (std::size_t at = 0; at + 1 < count; ++at)
        start += widths[at] + 2;
    // A last column that begins too far to the right is continued under the row instead.
    std::size_t const indent = start > width_max * 3 / 4 ? 6 : start;
    std::string out;
    for (auto const& row : rows_) {
        std::string line = "  ";
        for (std::size_t at = 0; at + 1 < count; ++at)
            line += row[at] + std::string(widths[at] - columns(row[at]) + 2, ' ');
        line += row.back();
        line.erase(line.find_last_not_of(' ') + 1);
        out += wrap(line, indent);
    }
    return out;
}

std::string print_duration(std::int64_t ms) {
    auto const value = std::max<std::int64_t>(ms, 0);
    auto const seconds = value / 1000;
    if (value == 0)
        return "0s";
    if (value < 1'000)
        return fmt::format("{}ms", value);
    if (value < 10'000)
        return fmt::format("{:.1f}s", static_cast<double>(value) / 1000.0);
    if (seconds < 60)
        return fmt::format("{}s", seconds);
    if (seconds < 3600)
        return two_units(seconds / 60, 'm', seconds % 60, 's');
    if (seconds < 86'400)
        return two_units(seconds / 3600, 'h', seconds % 3600 / 60, 'm');
    return two_units(seconds / 86'400, 'd', seconds % 86'400 / 3600, 'h');
}

std::string print_age(std::optional<std::int64_t> ms) {
    return ms ? print_duration(*ms) : "never";
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> units{
        {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
    constexpr std::int64_t number_max = 1'000'000;
    std::int64_t number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number <= 0 || number > number_max)
        return std::nullopt;
    auto const unit = text.substr(static_cast<std::size_t>(end - text.data()));
    for (auto const& [name, factor] : units)
        if (unit == name)
            return number * factor;
    return std::nullopt;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
    constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd+00:00";
    if (text.size() != shape.size())
        return std::nullopt;
    for (std::size_t at = 0; at < shape.size(); ++at)
        if (shape[at] == 'd' ? text[at] < '0' || text[at] > '9' : text[at] != shape[at])
            return std::nullopt;
    auto const number = [text](std::size_t at, std::size_t size) {
        int value = 0;
        std::from_chars(text.data() + at, text.data() + at + size, value);
        return value;
    };
    using namespace std::chrono;
    year_month_day const date{year{number(0, 4)}, month{static_cast<unsigned>(number(5, 2))},
                              day{static_cast<unsigned>(number(8, 2))}};
    if (!date.ok())
        return std::nullopt;
    auto const time =
        sys_days{date} + hours{number(11, 2)} + minutes{number(14, 2)} + seconds{number(17, 2)};
    return duration_cast<seconds>(time.time_since_epoch()).count();
}

std::string painted(std::string_view text, paint colour, bool colours) {
    if (!colours || colour == paint::plain || text.empty())
        return std::string{text};
    auto const code = colour == paint::good      ? "32"
                      : colour == paint::warning ? "33"
                      : colour == paint::alarm   ? "1;31"
                                                 : "1";
    bool const ends_line = text.back() == '\n';
    if (ends_line)
        text.remove_suffix(1);
    return fmt::format("\x1b[{}m{}\x1b[0m{}", code, text, ends_line ? "\n" : "");
}

} // namespace tasuki::ctl
