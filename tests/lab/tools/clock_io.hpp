#pragma once
// The one clock of the tools: CLOCK_MONOTONIC, so that the times of an observer, a load and a
// script (Python's time.monotonic) on one machine can be laid side by side.

#include "timeline.hpp"

#include <ctime>

namespace tasuki::lab {

[[nodiscard]] inline moment monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

inline void rest_until(moment due) {
    auto const whole = std::chrono::duration_cast<std::chrono::seconds>(due);
    timespec const until{static_cast<time_t>(whole.count()),
                         static_cast<long>((due - whole).count())};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

} // namespace tasuki::lab
