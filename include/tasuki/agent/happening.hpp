#pragma once
// What can happen to a node: one of the two closed lists between the pure core and whoever runs it
// (the agent's runtime, or a simulator). The other one is in effect.hpp.

#include "tasuki/agent/wish.hpp"
#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/election/role.hpp"
#include "tasuki/heartbeat/message.hpp"
#include "tasuki/mysql/operation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace tasuki::agent {

/// The two clocks of a happening: one decides, the other only prints.
struct moment {
    instant now = long_ago;
    std::uint64_t wall_ms = 0;
};

/// An authentic heartbeat; its payload is borrowed for the call.
struct heard {
    heartbeat::message what;
    std::uint8_t path = 0;
};
struct refused_datagram {
    heartbeat::reject why = heartbeat::reject::too_short;
    std::uint64_t count = 1;
};
/// The rate of this machine's clock, as the kernel estimates it, against the configured bound.
struct clock_checked {
    bool within_bound = true;
};
struct woke {};
struct state_stored {
    group_id group;
    election::stored what;
};
/// The addresses of the group are (or are not) on this node now; `trouble` says what failed.
struct address_changed {
    group_id group;
    epoch under;
    bool here = false;
    std::optional<problem> trouble;
    std::string told{}; ///< by the program that moves them
};
/// Somebody else answers for an address of the group; empty when that is over.
struct address_conflict {
    group_id group;
    std::string text;
};
/// The interface that carries the group's addresses went down or came back.
struct link_changed {
    group_id group;
    bool up = true;
    std::string trouble{}; ///< of one that is down, with the remedy
};
struct server_facts_read {
    group_id group;
    node_id node; ///< ourselves, or a peer that told us
    mysql::server_facts facts;
};
/// The process of our own mysqld has ended.
struct server_gone {
    group_id group;
    server_incarnation life;
};
struct order_answered {
    group_id group;
    mysql::answer what;
};

/// The balancer of a node begins no more statements on the master of this epoch.
struct sessions_held {
    group_id group;
    epoch under;
    node_id by;
    std::uint32_t sessions = 0; ///< that are still to leave it
};

/// The program of `fence_peer` has ended; `confirmed` says that the machine is off.
struct fence_ended {
    std::uint64_t ticket = 0;
    bool confirmed = false;
    std::string text{}; ///< how the program ended
};

struct operator_asked {
    std::uint64_t request = 0; ///< repeated by `answer_operator`
    operation_id operation;
    operator_wish wish{};
};

using happening =
    std::variant<heard, refused_datagram, woke, state_stored, address_changed, address_conflict,
                 link_changed, server_facts_read, server_gone, order_answered, operator_asked,
                 clock_checked, fence_ended, sessions_held>;

} // namespace tasuki::agent
