#pragma once
// Orders about the cluster's keys as members of a peer message. Private to the room.

#include "peer_reading.hpp"
#include "tasuki/agent/key_message.hpp"

namespace tasuki::agent::peer {

void put(json::object& out, key_order const&);
/// Spoils `in` if anything is missing, of another type or too much.
[[nodiscard]] key_order key_order_from(members& in);

} // namespace tasuki::agent::peer
