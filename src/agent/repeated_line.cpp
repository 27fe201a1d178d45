#include "tasuki/agent/repeated_line.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

constexpr std::string_view before = " after ";
constexpr std::string_view unit = " ms";

std::string without_times(std::string text) {
    for (std::size_t at = 0; (at = text.find(before, at)) != std::string::npos;) {
        auto const begin = at + before.size();
        auto const end = text.find_first_not_of("0123456789", begin);
        if (end != std::string::npos && end > begin && text.compare(end, unit.size(), unit) == 0)
            text.erase(at, end + unit.size() - at);
        else
            at = begin;
    }
    return text;
}

} // namespace

std::optional<std::string> repeated_line::admit(std::string const& text, instant now) {
    auto bare = without_times(text);
    if (bare != last_) {
        last_ = std::move(bare);
        pause_ = repeated_first;
        again_at_ = now + pause_;
        left_out_ = 0;
        return text;
    }
    if (now < again_at_) {
        ++left_out_;
        return std::nullopt;
    }
    auto out = text + " (and " + std::to_string(left_out_) + " times since the last line)";
    pause_ = std::min<duration>(2 * pause_, repeated_at_most);
    again_at_ = now + pause_;
    left_out_ = 0;
    return out;
}

} // namespace tasuki::agent
