#include "tasuki/vip/announce.hpp"

namespace tasuki::vip {

void announce_schedule::begin(instant now) {
    next_ = now;
    begun_ = false;
}

void announce_schedule::end() {
    next_ = never;
}

bool announce_schedule::take_due(announce_policy const& policy, instant now) {
    if (next_ == never || now < next_)
        return false;
    if (!begun_) {
        begun_ = true;
        next_ = now + policy.repeat;
    } else {
        next_ = policy.interval > duration::zero() ? now + policy.interval : never;
    }
    return true;
}

} // namespace tasuki::vip
