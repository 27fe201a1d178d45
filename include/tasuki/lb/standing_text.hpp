#pragma once
// What the agent tells the load balancer of its machine, as JSON: the standings of the groups.
//
// Total: any text in, standings or a problem out. Instants are nanoseconds of CLOCK_BOOTTIME, which
// only readers on the same machine understand.

#include "tasuki/core/result.hpp"
#include "tasuki/lb/follow.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tasuki::lb {

[[nodiscard]] std::string to_text(std::vector<group_standing> const&);
[[nodiscard]] result<std::vector<group_standing>> parse_standings(std::string_view);

} // namespace tasuki::lb
