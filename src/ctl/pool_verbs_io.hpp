#pragma once
// The verbs of the load balancer. Private to the room.

#include "operate_io.hpp"

namespace tasuki::ctl {

[[nodiscard]] exit_code perform(session&, balancer_verb const&);

} // namespace tasuki::ctl
