#pragma once
// What the load balancer of this node is told of the groups that its pools follow: who is master,
// whether it is open, until when that is certain, and how the replicas keep up.
//
// The end of a lease counts from before it was asked for (the holder answers how much of it is
// left), on the clock of whoever asked: so it is never later than the holder's own. A holder knows
// its own. Pure.

#include "tasuki/agent/node.hpp"
#include "tasuki/core/bytes.hpp"
#include "tasuki/lb/follow.hpp"

#include <optional>
#include <vector>

namespace tasuki::agent {

/// How much is left of a lease, by its holder's word, and whether its server is open to writes.
/// None is left at a node that holds none.
struct tenure {
    epoch under;
    duration left{};
    bool is_open = false;
    friend bool operator==(tenure const&, tenure const&) = default;
};
[[nodiscard]] tenure tenure_of(node const&, group_id, instant now);
/// The end of a lease that was asked for at `asked_at`; two clocks differ by twice the drift.
[[nodiscard]] instant end_of(tenure const&, instant asked_at, double clock_drift);

/// Without what only the other nodes can say: `until` of a lease that is held elsewhere, whether
/// its master is open, and whether a switchover is about to close it.
[[nodiscard]] lb::group_standing standing_of(node const&, group const&, instant now);

/// The standings of the groups that are followed here, whenever they have changed.
class standing_watch {
  public:
    [[nodiscard]] std::optional<std::vector<lb::group_standing>> news(node const&, instant now);

  private:
    std::vector<lb::group_standing> told_;
};

[[nodiscard]] byte_string encode(tenure const&);
[[nodiscard]] result<tenure> decode_tenure(byte_view);

} // namespace tasuki::agent
