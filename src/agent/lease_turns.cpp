#include "tasuki/agent/lease_turns.hpp"

namespace tasuki::agent {

void lease_turns::happen(happening const& what) {
    carry_out(handle_(what));
}

void lease_turns::carry_out(std::vector<effect> effects) {
    for (auto& each : effects)
        act_(each);
    if (telling_)
        return; // whoever tells goes on with what was found just now
    telling_ = true;
    while (!found_.empty()) {
        auto const next = std::move(found_.front());
        found_.pop_front();
        happen(next);
    }
    telling_ = false;
}

} // namespace tasuki::agent
