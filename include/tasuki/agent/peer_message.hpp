#pragma once
// What agents say to each other over the peer channel, as JSON: orders to a node's mysqld, the
// facts of a mysqld, what each node alone knows of a group, operations and the lines of their
// timelines, operators' wishes for another node, orders about the cluster's keys, and the pools of
// load balancers.
//
// Total and bounded like every codec here: any bytes in, a message or a problem out. Version 1.

#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/history.hpp"
#include "tasuki/agent/key_message.hpp"
#include "tasuki/agent/report.hpp"
#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/http/pools_report.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tasuki::agent {

struct peer_order {
    group_id group;
    mysql::order what;
};
/// Clocks are not compared: a reading is as old as the sender says, plus the way.
struct peer_facts {
    group_id group;
    mysql::server_facts facts;
    milliseconds age{};
};
struct peer_reports {
    std::vector<group_report> of_groups;
};
/// An operation as the node knows it that was asked for it: who asked, and why.
struct peer_operation {
    operation what;
};
/// From an agent that has just started; the answer is the history.
struct peer_history_wanted {};
struct peer_note {
    progress_note what;
};
struct peer_wish {
    operation_id operation;
    operator_wish wish;
};
/// What the sender is: the MACs of its links (whoever else answers for a virtual IP is a stranger),
/// its version, its keys, and what takes the address away from it, and why nothing better does.
struct peer_card {
    std::vector<mac_address> macs;
    std::string version;
    std::string enforcement;
    std::string enforcement_reason; ///< empty for the best
    std::string guard_reason;       ///< empty if a guardian stands by
    std::string keys;               ///< of the cluster: which it accepts and which signs
};
struct peer_keys {
    key_order what;
};
/// To the holder of a group's lease; the answer is a `tenure`.
struct peer_tenure_wanted {
    group_id group;
};
/// What the load balancer of the sender's node serves, and what it was told by command.
struct peer_pools {
    http::pools_report what;
};
using peer_message =
    std::variant<peer_order, peer_facts, peer_note, peer_wish, peer_card, peer_reports,
                 peer_operation, peer_history_wanted, peer_keys, peer_tenure_wanted, peer_pools>;

[[nodiscard]] byte_string encode(peer_message const&);
[[nodiscard]] result<peer_message> decode_peer_message(byte_view);

/// The answers, by the kind of message that was asked. Two machines' clocks have nothing in common:
/// the facts travel with their age, and are as old again on the other side, plus the way.
[[nodiscard]] byte_string encode(mysql::answer, instant now);
[[nodiscard]] result<mysql::answer> decode_order_answer(byte_view, instant now);
/// The newest, as many as fit.
[[nodiscard]] byte_string encode(history const&);
[[nodiscard]] result<std::vector<operation>> decode_history(byte_view);
[[nodiscard]] byte_string encode(answer_operator const&);
[[nodiscard]] result<answer_operator> decode_wish_answer(byte_view);

} // namespace tasuki::agent
