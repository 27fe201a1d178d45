#include "tasuki/agent/config_identity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

std::string names_of(configuration const& config) {
    std::string out;
    for (auto const& node : config.nodes)
        out += (out.empty() ? "" : ", ") + node.name;
    return out;
}

/// The nodes of which at least one address is local.
std::vector<node_config const*> nodes_at(configuration const& config,
                                         std::span<ip_address const> local) {
    std::vector<node_config const*> out;
    for (auto const& node : config.nodes)
        if (std::any_of(node.addresses.begin(), node.addresses.end(), [&](auto const& address) {
                return std::find(local.begin(), local.end(), address) != local.end();
            }))
            out.push_back(&node);
    return out;
}

std::string moved_by_programs(configuration const& config) {
    std::string out;
    for (auto const& group : config.groups)
        if (std::any_of(group.vips.begin(), group.vips.end(),
                        [](vip_config const& vip) { return vip.by_hook; }))
            out += (out.empty() ? "" : " ") + group.name;
    return out;
}

std::string or_none(std::string text) {
    return text.empty() ? "none" : text;
}

} // namespace

std::string identity_text(configuration const& config, std::string_view node,
                          std::string_view state_dir, std::string_view runtime_dir) {
    std::vector<std::string> voters;
    for (auto const& each : config.nodes)
        if (each.voter)
            voters.push_back(each.name);
    std::sort(voters.begin(), voters.end());
    return fmt::format("node {} of cluster {}, voters {}, state in {}, runtime files in {}, "
                       "watchdog {}, addresses moved by a program: {}",
                       node, config.cluster.name, fmt::join(voters, " "), state_dir, runtime_dir,
                       or_none(config.watchdog), or_none(moved_by_programs(config)));
}

result<std::string> identify(configuration const& config,
                             std::optional<std::string_view> node_option,
                             std::string_view host_name,
                             std::span<ip_address const> local_addresses) {
    if (node_option) {
        if (config.find_node(*node_option) != nullptr)
            return std::string{*node_option};
        return problem{failure::invalid, fmt::format("--node {}: no such node in the file; it has "
                                                     "{}",
                                                     *node_option, names_of(config))};
    }
    auto const* named = config.find_node(host_name);
    if (named == nullptr)
        named = config.find_node(host_name.substr(0, host_name.find('.')));
    auto const local = nodes_at(config, local_addresses);
    bool const agrees = std::find(local.begin(), local.end(), named) != local.end();
    if (named != nullptr && (local.empty() || agrees))
        return named->name;
    if (named != nullptr)
        return problem{failure::conflict,
                       fmt::format("host name \"{}\" is that of [node.{}], but this machine has an "
                                   "address of [node.{}]; correct one of them, or give --node",
                                   host_name, named->name, local.front()->name)};
    if (local.size() == 1)
        return local.front()->name;
    if (local.empty())
        return problem{failure::absent,
                       fmt::format("no [node.NAME] matches host name \"{}\" or any local address; "
                                   "give --node (one of {})",
                                   host_name, names_of(config))};
    return problem{failure::conflict,
                   fmt::format("this machine has addresses of both [node.{}] and [node.{}]; give "
                               "--node",
                               local[0]->name, local[1]->name)};
}

} // namespace tasuki::agent
