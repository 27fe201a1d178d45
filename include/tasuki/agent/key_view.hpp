#pragma once
// Reports about keys, and a rotation's plan, as the API shows them. Pure.

#include "tasuki/agent/rotation.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/http/keys_view.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tasuki::agent {

/// What each node told last, and when.
using told_keys = std::map<node_id, std::pair<key_report, instant>>;

/// Takes in what was told now; who could not be asked is shown with what it told last.
[[nodiscard]] http::keys_view view_of(std::vector<node_keys> const&, told_keys&, instant now,
                                      node_settings const& names);

/// `drawn`: the id of a new key, or none.
[[nodiscard]] http::plan_view plan_of(std::vector<node_keys> const&, heartbeat::key_id drawn,
                                      std::vector<rotation_step> const&,
                                      node_settings const& names);

} // namespace tasuki::agent
