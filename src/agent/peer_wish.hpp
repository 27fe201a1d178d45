#pragma once
// Operators' wishes as JSON, for the peer channel. Private to the room.

#include "peer_reading.hpp"
#include "tasuki/agent/wish.hpp"

namespace tasuki::agent::peer {

void put(json::object& out, operator_wish const&);
/// Bootstrap and voters are only asked for at the node itself, and are never read.
[[nodiscard]] result<operator_wish> wish_from(members& in);

} // namespace tasuki::agent::peer
