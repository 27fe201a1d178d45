#pragma once
// A line that would be said again and again, as what it tells fails each time that it is tried:
// said at once when it changes, then at growing intervals, with how often it was left out. Pure.
//
// How long something took is no change: " after N ms" is not compared.

#include "tasuki/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tasuki::agent {

inline constexpr duration repeated_first = std::chrono::minutes{1};
inline constexpr duration repeated_at_most = std::chrono::hours{1};

class repeated_line {
  public:
    /// What is to be said now, if anything.
    [[nodiscard]] std::optional<std::string> admit(std::string const& text, instant now);
    /// It has not failed: whatever comes next is new.
    void reset() { *this = {}; }

  private:
    std::string last_;
    instant again_at_ = long_ago;
    duration pause_{};
    std::uint64_t left_out_ = 0;
};

} // namespace tasuki::agent
