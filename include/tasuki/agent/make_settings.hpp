#pragma once
// From the configuration file's values to what the pure core of one node wants to know.

#include "tasuki/agent/config.hpp"
#include "tasuki/agent/settings.hpp"

#include <string_view>

namespace tasuki::agent {

/// `node` must be one of the configuration's.
[[nodiscard]] node_settings make_settings(configuration const&, std::string_view node);

} // namespace tasuki::agent
