#include "tasuki/agent/lease_clock.hpp"

#include <cmath>

namespace tasuki::agent {

double clock_correction_ppm(std::int64_t frequency, std::int64_t tick_us,
                            std::int64_t ticks_per_second) {
    constexpr double scale = 65536.0;
    // The ticks of one second, in microseconds: what is over a million is parts per million.
    auto const extra = tick_us * ticks_per_second - 1'000'000;
    return static_cast<double>(frequency) / scale + static_cast<double>(extra);
}

bool clock_is_too_fast_or_slow(double correction_ppm, double clock_drift) {
    return std::abs(correction_ppm) > clock_drift / 2.0 * 1e6;
}

} // namespace tasuki::agent
