#pragma once
// Time is a parameter: pure code receives `now` and never asks for it.
//
// `instant` counts CLOCK_BOOTTIME, which goes on through suspend and never jumps. Only
// `agent/runtime_io` reads a clock. Wall-clock time is for printing and nothing else.

#include <chrono>
#include <cstdint>

namespace tasuki {

struct boottime {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<boottime, duration>;
    static constexpr bool is_steady = true;
};

using duration = std::chrono::nanoseconds;
using instant = boottime::time_point;
using milliseconds = std::chrono::milliseconds;

/// Before anything that happened: a deadline that has always passed.
inline constexpr instant long_ago = instant{duration::zero()};
/// After everything: a deadline that never comes.
inline constexpr instant never = instant::max();

/// Whole milliseconds, rounded towards zero, for log, status and wire.
[[nodiscard]] constexpr std::int64_t to_ms(duration value) {
    return std::chrono::duration_cast<milliseconds>(value).count();
}

} // namespace tasuki
