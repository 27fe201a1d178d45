#pragma once
// What can happen to a node, and what it can want: the two closed lists between the pure core and
// whoever runs it (the agent's runtime, or a simulator). Effects are carried out in order.

#include "tasuki/agent/wish.hpp"
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

/// The two clocks of a happening: one decides, the other only prints.
struct moment {
    instant now = long_ago;
    std::uint64_t wall_ms = 0;
};

// --- happenings ---------------------------------------------------------------------------------

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

using happening = std::variant<heard, refused_datagram, woke, state_stored, address_changed,
                               address_conflict, link_changed, server_facts_read, server_gone,
                               order_answered, operator_asked, clock_checked, fence_ended>;

// --- effects ------------------------------------------------------------------------------------

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
