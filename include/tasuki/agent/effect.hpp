#pragma once
// What a node can want: one of the two closed lists between the pure core and whoever runs it. The
// other one is in happening.hpp. Effects are carried out in order.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/election/role.hpp"
#include "tasuki/heartbeat/message.hpp"
#include "tasuki/http/operations.hpp"
#include "tasuki/mysql/operation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::agent {

struct transmit {
    heartbeat::message header; ///< its payload is set from `payload` when it is sealed
    byte_string payload;
    std::uint8_t path = 0;
};
/// An authentic heartbeat that was not believed (it is counted already): worth a log line, at most
/// one each while.
struct refused_heartbeat {
    heartbeat::reject why = heartbeat::reject::bad_body;
    node_id from;
    std::uint8_t path = 0;
};
struct store_state {
    group_id group;
    election::store what;
};
struct stamp_grant {
    group_id group;
    election::live_grant what;
};
/// Bring the addresses here; `address_changed` comes back.
struct open_address {
    group_id group;
    epoch under;
    election::deadlines until;
};
struct extend_address {
    group_id group;
    epoch under;
    election::deadlines until;
};
/// Take the addresses away; `address_changed` comes back when they are gone.
struct close_address {
    group_id group;
    epoch under;
};
/// Ask the wire who answers for the addresses, before we may want them.
struct probe_address {
    group_id group;
};
struct submit_order { ///< to our own mysqld
    group_id group;
    mysql::order what;
};
struct ask_peer { ///< to the agent of another node
    group_id group;
    node_id node;
    mysql::order what;
};
/// For the log and `why`: one line at each change of state.
struct transition {
    group_id group;
    std::string change; ///< "standby -> claiming"
    std::string why;
    epoch under;
    std::string detail;
};
/// A line of an operation's timeline, for the history of every node.
struct progress_note {
    operation_id operation;
    group_id group;
    std::string kind;
    node_id from;
    node_id to;
    epoch under;
    node_id node; ///< where the step was done
    std::string step;
    std::string text;
    std::string result; ///< empty while it goes on; else done, failed, refused, undone
    std::string reason; ///< the operator's, or what set it off
    std::uint64_t wall_ms = 0;
    bool automatic = true;
};
struct answer_operator {
    std::uint64_t request = 0;
    bool accepted = false;
    node_id forward_to{}; ///< set: not our business, ask this node
    std::string code{};
    std::string text{};
    std::string next_command{};
    std::optional<http::plan_view> plan{}; ///< of a dry run
    std::string plan_text{};               ///< the same, as another node has written it
};
/// Have the machine of the other voter switched off; `fence_ended` comes back.
struct fence_peer {
    node_id node;
    std::uint64_t ticket = 0;
};
struct wake {
    instant when = never;
};

using effect = std::variant<transmit, store_state, stamp_grant, open_address, extend_address,
                            close_address, probe_address, submit_order, ask_peer, transition,
                            progress_note, answer_operator, wake, refused_heartbeat, fence_peer>;

} // namespace tasuki::agent
