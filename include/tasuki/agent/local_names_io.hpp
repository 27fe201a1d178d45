#pragma once
// How this machine is called: its host name and its own addresses, for finding itself in the
// configuration. Asks the kernel only; no name is resolved.

#include "tasuki/agent/config.hpp"
#include "tasuki/core/net.hpp"

#include <string>
#include <vector>

namespace tasuki::agent {

[[nodiscard]] std::string host_name();
[[nodiscard]] std::vector<ip_address> local_addresses();
/// Which node of the file this machine is; `option` is what `--node` said, or empty.
[[nodiscard]] result<std::string> this_node(configuration const&, std::string const& option);

} // namespace tasuki::agent
