#pragma once
// What an operator may ask for, at whichever node. A wish names its group; the active node of that
// group grants or refuses it, and every refusal names its reason and the next command.

#include "tasuki/core/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace tasuki::agent {

struct ask_switchover {
    group_id group;
    std::optional<node_id> to;
    bool dry_run = false;
    std::string reason;
};
struct ask_failover {
    group_id group;
    node_id to;
    bool allow_loss = false;
    bool dry_run = false;
    std::string reason;
};
struct ask_pause {
    group_id group;
    bool paused = true;
    std::uint64_t until_ms = 0;
    std::string reason;
};
struct ask_standby {
    group_id group;
    node_id node;
    bool standby = true;
    std::string reason;
};
struct ask_bootstrap {
    group_id group;
    node_id master; ///< not set: the first member, if there is no MySQL
};
/// Another set of voters: one more, one less, or one in the place of another.
struct ask_voters {
    group_id group = voters_group;
    node_id add;    ///< not set: none
    node_id remove; ///< not set: none
    std::string reason;
};
using operator_wish =
    std::variant<ask_switchover, ask_failover, ask_pause, ask_standby, ask_bootstrap, ask_voters>;

} // namespace tasuki::agent
