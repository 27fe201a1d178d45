#pragma once
// What `tasuki check` lists: everything that would spoil a failover, each with its remedy, and what
// was found in order. Pure: from the whole view and from what was looked up on this node just now.

#include "tasuki/agent/settings.hpp"
#include "tasuki/http/operations.hpp"
#include "tasuki/http/views.hpp"

#include <vector>

namespace tasuki::agent {

[[nodiscard]] std::vector<http::check_item_view>
check_items(http::cluster_view const&, node_settings const&,
            std::vector<http::check_item_view> looked_up);

} // namespace tasuki::agent
