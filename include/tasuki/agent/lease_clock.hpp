#pragma once
// How far this machine's clock is being corrected, in parts per million of its rate.
//
// Leases rely on the rates of two clocks differing by at most `clock_drift`. What the discipline of
// the clock corrects (NTP, chrony, PTP) is what the oscillator is off, so it is the best estimate
// there is without asking another machine. See adjtimex(2). A clock that nobody disciplines is
// corrected by nothing and tells nothing: that is no error.

#include <cstdint>

namespace tasuki::agent {

/// `frequency` in parts per million scaled by 2^16; `tick_us` per tick of `ticks_per_second`.
[[nodiscard]] double clock_correction_ppm(std::int64_t frequency, std::int64_t tick_us,
                                          std::int64_t ticks_per_second);

/// Half of what two clocks may differ by is one clock's share.
[[nodiscard]] bool clock_is_too_fast_or_slow(double correction_ppm, double clock_drift);

} // namespace tasuki::agent
