#pragma once
// A token bucket per source address, asked before any cryptography, against floods.
//
// Each address of the configuration has a bucket of its own; all strangers share one, so that the
// table is bounded and no stranger can use up what belongs to a peer. (Whoever forges a peer's
// address can; the rate is high enough that this costs little and a beat every 100 ms gets through
// only by chance, which the other path is for.)

#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace tasuki::heartbeat {

struct source_rate {
    std::uint32_t per_second = 5000;
    std::uint32_t burst = 1000;
};

class source_limit {
  public:
    source_limit(std::span<ip_address const> known, source_rate);

    /// True if a datagram of this source may be looked at now.
    [[nodiscard]] bool admit(ip_address const& source, instant now);

  private:
    /// The time at which the bucket would be full again, in the style of a virtual scheduler.
    struct bucket {
        ip_address source;
        instant full_at{};
    };
    [[nodiscard]] bool take(bucket&, instant now) const;

    duration per_datagram_;
    duration depth_;
    std::vector<bucket> known_;
    bucket strangers_;
};

} // namespace tasuki::heartbeat
