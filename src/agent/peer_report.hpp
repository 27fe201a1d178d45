#pragma once
// Reports of groups as JSON, for the peer channel. Private to the room.

#include "peer_reading.hpp"
#include "tasuki/agent/report.hpp"

#include <vector>

namespace tasuki::agent::peer {

[[nodiscard]] json::array to_json(std::vector<group_report> const&);
/// Spoils `in` if anything is missing, of another type or too much.
[[nodiscard]] std::vector<group_report> reports_from(members& in);

} // namespace tasuki::agent::peer
