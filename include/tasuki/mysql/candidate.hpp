#pragma once
// Which server could be promoted, which must not, and would it be lossless? Pure judgement over
// one survey; it never asks and never changes anything.
//
// Positions are compared by what was *received*. Only servers that replicate from the recorded
// master are comparable. The same sequence from two servers is a split brain: nobody is promoted.

#include "tasuki/mysql/facts.hpp"
#include "tasuki/mysql/standing.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tasuki::mysql {

/// The latest answers by node.
using survey_map = std::map<node_id, server_facts>;

/// All that this server has, applied or not; empty optional: not known (restarted, not answered).
[[nodiscard]] std::optional<gtid_list> holdings(server_facts const&);

/// What its binlog and its applied position prove, as a state.
[[nodiscard]] gtid_list known_state(server_facts const&);

/// Alive enough to be promoted, to follow or to acknowledge.
[[nodiscard]] bool is_usable(health);

struct contender {
    node_id node;
    bool excluded = false;
    bool comparable = false; ///< frozen, and `holds` may be compared with the others'
    std::string reason;      ///< why excluded, or why it stands where it stands
    gtid_list holds;
    bool frozen = false;
    std::size_t preference = 0; ///< its place in the configured order
    friend bool operator==(contender const&, contender const&) = default;
};

/// What the survey of the frozen nodes says.
struct assessment {
    std::vector<contender> ranked; ///< best first; the excluded ones last
    freeze_verdict freeze;
    std::optional<std::string> split_brain; ///< the two nodes and positions
    gtid_list furthest_position;            ///< the most that any comparable frozen node holds
    std::optional<node_id> furthest_node;
};

struct assess_input {
    std::vector<member> members;
    standing recorded;
    survey_map facts;
    std::set<node_id> frozen;               ///< answered its freeze with success
    std::map<node_id, std::string> refused; ///< why a freeze failed, where that is known
};
/// Only frozen nodes are ranked; to rank without freezing, name all of them as frozen.
[[nodiscard]] assessment assess(assess_input const&);

/// The standing answer: if the master died now.
struct readiness {
    bool failover = false; ///< somebody would be promoted by itself
    bool lossless = false; ///< and every acknowledged commit would be there
    std::optional<node_id> to;
    std::vector<std::string> reasons; ///< why not
    friend bool operator==(readiness const&, readiness const&) = default;
};
/// Asked at every event: it looks at what its caller has, and keeps nothing.
struct readiness_input {
    std::vector<member> const& members;
    standing const& recorded;
    survey_map const& facts;             ///< latest known of every node, the master's included
    std::vector<node_id> const& alive;   ///< by heartbeat
    std::vector<node_id> const& standby; ///< by the operator
    bool promote_degraded = false;
};
[[nodiscard]] readiness judge_readiness(readiness_input const&);

} // namespace tasuki::mysql
