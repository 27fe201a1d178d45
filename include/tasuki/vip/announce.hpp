#pragma once
// When to tell the neighbours where an address lives: at once, again after 1.1 s, then on a period.
//
// Older Linux neighbours ignore a change within a second of the last one (`locktime`), hence the
// repetition; switches forget where a MAC lives after about 300 s, hence the period. Pure: the
// schedule is a value, the sending is arp_io's.

#include "tasuki/core/time.hpp"

namespace tasuki::vip {

struct announce_policy {
    duration repeat = milliseconds{1100};
    duration interval = std::chrono::seconds{30}; ///< zero: only the first two
    friend bool operator==(announce_policy const&, announce_policy const&) = default;
};

class announce_schedule {
  public:
    /// Nothing is due until `begin`.
    announce_schedule() = default;
    /// Starts over: due at `now`, and again as the policy says.
    void begin(instant now);
    /// The address has gone: nothing is due.
    void end();

    [[nodiscard]] instant next() const { return next_; }
    /// True if an announcement is due; the next one is then scheduled. What a stall has missed is
    /// made up for by one announcement, not by many.
    [[nodiscard]] bool take_due(announce_policy const& policy, instant now);

  private:
    instant next_ = never;
    bool begun_ = false;
};

} // namespace tasuki::vip
