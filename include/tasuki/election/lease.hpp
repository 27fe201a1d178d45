#pragma once
// The arithmetic of the lease: who may still believe what, until when.
//
// The holder counts from the *send* time of the renewal that a majority acknowledged, shortened by
// twice the drift bound; a voter counts the carried lease from receipt, on its own clock. Since
// receipt is never before sending, the holder's deadline passes first on any two clocks whose rates
// differ by at most the bound. Source: PaxosLease; openraft leader_lease.

#include "tasuki/core/time.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>

namespace tasuki::election {

/// No lease may be longer; a restarted voter that knows nothing is silent for as long.
inline constexpr duration longest_lease = milliseconds{10'000};

struct deadlines {
    instant soft = long_ago; ///< the agent steps down
    instant hard = long_ago; ///< nobody may answer for the address any more
    friend bool operator==(deadlines const&, deadlines const&) = default;
};

struct lease_terms {
    duration lease = milliseconds{2500};
    duration step_down = milliseconds{300};
    double clock_drift = 0.005;
};

[[nodiscard]] inline deadlines deadlines_of(instant sent, lease_terms const& terms) {
    auto const shrunk = static_cast<double>(terms.lease.count()) * (1.0 - 2.0 * terms.clock_drift);
    instant const hard = sent + duration{static_cast<duration::rep>(shrunk)};
    return {hard - terms.step_down, hard};
}

/// The `majority`-th newest of the acknowledged send times; `long_ago` if fewer have acknowledged.
[[nodiscard]] inline instant majority_newest(std::span<instant> times, std::size_t majority) {
    if (majority == 0 || times.size() < majority)
        return long_ago;
    auto const nth = times.begin() + static_cast<std::ptrdiff_t>(majority - 1);
    std::nth_element(times.begin(), nth, times.end(), std::greater<>{});
    return *nth;
}

[[nodiscard]] constexpr std::size_t majority_of(std::size_t voters) {
    return voters / 2 + 1;
}

} // namespace tasuki::election
