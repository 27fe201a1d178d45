#pragma once
// Decides whether a repeated event is worth a log line now: at most one a period per reason, and
// the line tells how many were left out since the last one. It writes nothing itself.

#include "tasuki/core/time.hpp"
#include "tasuki/heartbeat/reject.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace tasuki::heartbeat {

class log_limit {
  public:
    explicit log_limit(duration period)
        : period_(period) {}

    /// The number of events left out before this one if a line is due; nothing if not.
    [[nodiscard]] std::optional<std::uint64_t> admit(instant now);

  private:
    duration period_;
    std::optional<instant> logged_at_;
    std::uint64_t suppressed_ = 0;
};

/// One limit per reason to refuse a datagram.
class reject_log {
  public:
    explicit reject_log(duration period);
    [[nodiscard]] std::optional<std::uint64_t> admit(reject, instant now);

  private:
    std::vector<log_limit> limits_; // by reason
};

} // namespace tasuki::heartbeat
