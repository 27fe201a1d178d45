#pragma once
// Text for a terminal of a hundred columns: widths, wrapping, tables, ages. Pure.
//
// Widths count columns, not bytes: East Asian wide letters take two. Colour is added after the
// layout, to whole lines or words, and never carries a meaning that the words do not.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::ctl {

inline constexpr std::size_t width_max = 100;

/// Columns that a UTF-8 text takes.
[[nodiscard]] std::size_t columns(std::string_view text);

/// Broken at spaces so that no line is wider than `width_max`; later lines begin with `indent`
/// spaces. A word that is wider than a line is cut. Ends with a line break.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t indent);

/// Rows under a head; every column as wide as its widest cell, the last one wrapped.
class table {
  public:
    explicit table(std::vector<std::string> head);
    void row(std::vector<std::string> cells);
    [[nodiscard]] std::string print() const;
    [[nodiscard]] bool empty() const { return rows_.size() < 2; }

  private:
    std::vector<std::vector<std::string>> rows_;
};

/// "0s", "300ms", "1.9s", "12s", "3m 10s", "4h 2m", "4d 4h"
[[nodiscard]] std::string print_duration(std::int64_t ms);
/// As above, or "never".
[[nodiscard]] std::string print_age(std::optional<std::int64_t> ms);
/// "30m", "90s", "2h", "1d", "500ms"; in milliseconds.
[[nodiscard]] std::optional<std::int64_t> parse_duration(std::string_view text);

/// Seconds since 1970 of "2026-01-01T00:00:00+00:00".
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

enum class paint { plain, good, warning, alarm, strong };
[[nodiscard]] std::string painted(std::string_view text, paint, bool colours);

} // namespace tasuki::ctl
