#include "tasuki/agent/config.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

// Every text is quoted with its length in front, so that no two configurations print alike.
std::string in_quotes(std::string_view text) {
    return fmt::format("{}\"{}\"", text.size(), text);
}

std::string canonical(vip_config const& vip) {
    auto out = fmt::format("vip {} interface {} announce {} {}", vip.address.to_string(),
                           in_quotes(vip.interface), vip.announce_repeat.count(),
                           vip.announce_refresh.count());
    for (auto const& [node, name] : vip.interface_of)
        out += fmt::format(" {}={}", in_quotes(node), in_quotes(name));
    if (vip.by_hook)
        out += " by hook";
    return out + "\n";
}

std::string canonical(std::string_view what, hook_config const& hook) {
    return fmt::format("{} {} {}\n", what, in_quotes(hook.program), hook.timeout.count());
}

std::string canonical(mysql_config const& mysql) {
    auto out = fmt::format("mysql socket {} port {} user {} password {} replication {} {}\n",
                           in_quotes(mysql.socket), mysql.port, in_quotes(mysql.user),
                           in_quotes(mysql.password_file), in_quotes(mysql.replication_user_prefix),
                           in_quotes(mysql.replication_password_file));
    out += fmt::format("mysql no_acker {} degraded {} probe {} {}\n", to_string(mysql.on_no_acker),
                       to_string(mysql.when_degraded), mysql.probe_interval.count(),
                       mysql.probe_timeout.count());
    for (auto const& [node, host] : mysql.host_of)
        out += fmt::format("mysql host {} {}\n", in_quotes(node), host.to_string());
    auto never = mysql.never_master;
    std::sort(never.begin(), never.end());
    for (auto const& node : never)
        out += fmt::format("mysql never {}\n", in_quotes(node));
    return out;
}

std::string canonical(group_config const& group) {
    auto out = fmt::format("group {}\n", in_quotes(group.name));
    for (auto const& member : group.members)
        out += fmt::format("member {}\n", in_quotes(member));
    for (auto const& vip : group.vips)
        out += canonical(vip);
    if (group.hook)
        out += canonical("hook", *group.hook);
    return group.mysql ? out + canonical(*group.mysql) : out;
}

} // namespace

std::string canonical_text(configuration const& config) {
    auto const& timing = config.cluster.timing;
    auto out = fmt::format("cluster {} key {} timing {} {} {} drift {:.6f}\n",
                           in_quotes(config.cluster.name), in_quotes(config.cluster.key_file),
                           timing.interval.count(), timing.lease.count(), timing.step_down.count(),
                           timing.clock_drift);
    if (config.enforcement)
        out += fmt::format("vip enforcement {}\n", to_string(*config.enforcement));
    if (config.notify)
        out += canonical("notify", *config.notify);
    if (config.fence)
        out +=
            canonical("fence", config.fence->hook) +
            fmt::format("fence {} {}\n", config.fence->after.count(), config.fence->delay.count());
    for (auto const& node : config.nodes) {
        out += fmt::format("node {} voter {} witness {}", in_quotes(node.name), node.voter,
                           node.witness);
        for (auto const& address : node.addresses)
            out += " " + address.to_string();
        out += "\n";
    }
    // The order of groups in the file means nothing; that of members and virtual IPs does.
    auto groups = config.groups;
    std::sort(groups.begin(), groups.end(),
              [](auto const& left, auto const& right) { return left.name < right.name; });
    for (auto const& group : groups)
        out += canonical(group);
    auto pools = config.pools;
    std::sort(pools.begin(), pools.end(), [](auto const& left, auto const& right) {
        return left.settings.name < right.settings.name;
    });
    for (auto const& pool : pools)
        out += canonical_text(pool);
    out += fmt::format("heartbeat {} http {} checks {} log {} state {} runtime {}\n",
                       config.heartbeat_port, config.http_listen.to_string(),
                       config.checks_listen ? config.checks_listen->to_string() : "none",
                       to_string(config.log), in_quotes(config.state_dir),
                       in_quotes(config.runtime_dir));
    return out;
}

} // namespace tasuki::agent
