#pragma once
// Which node of the file this machine is, and what of it stays for as long as a process lives.

#include "tasuki/agent/config.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tasuki::agent {

/// What stays the same for as long as a process lives, whatever its file says later; one line.
[[nodiscard]] std::string identity_text(configuration const&, std::string_view node,
                                        std::string_view state_dir, std::string_view runtime_dir);

/// Which node of the file this machine is: `--node` if given, else the host name (also its part
/// before the first dot), else a local address. Two signs that disagree are refused, because a
/// cloned machine that acts as its original is worse than one that does not start.
[[nodiscard]] result<std::string> identify(configuration const&,
                                           std::optional<std::string_view> node_option,
                                           std::string_view host_name,
                                           std::span<ip_address const> local_addresses);

} // namespace tasuki::agent
