#pragma once
// What agents say to each other over the peer channel, as JSON: orders to a node's mysqld, the
// facts of a mysqld, the lines of an operation's timeline, and operators' wishes for another node.
//
// Total and bounded like every codec here: any bytes in, a message or a problem out. Version 1.

#include "tasuki/agent/happening.hpp"
#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tasuki::agent {

struct peer_order {
    group_id group;
    mysql::order what;
};
struct peer_facts {
    group_id group;
    mysql::server_facts facts;
};
struct peer_note {
    progress_note what;
};
struct peer_wish {
    operation_id operation;
    operator_wish wish;
};
/// What the sender is: the MACs of its links (whoever else answers for a virtual IP is a stranger),
/// its version, and what takes the address away from it.
struct peer_card {
    std::vector<mac_address> macs;
    std::string version;
    std::string enforcement;
};
using peer_message = std::variant<peer_order, peer_facts, peer_note, peer_wish, peer_card>;

[[nodiscard]] byte_string encode(peer_message const&);
[[nodiscard]] result<peer_message> decode_peer_message(byte_view);

/// The answers, by the kind of message that was asked.
[[nodiscard]] byte_string encode(mysql::answer const&);
[[nodiscard]] result<mysql::answer> decode_order_answer(byte_view);
[[nodiscard]] byte_string encode(answer_operator const&);
[[nodiscard]] result<answer_operator> decode_wish_answer(byte_view);

} // namespace tasuki::agent
