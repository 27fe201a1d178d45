// The view as text: what is worth telling when it changes, and the page at "/".
#include "tasuki/http/views.hpp"

#include <fmt/format.h>

namespace tasuki::http {

namespace {

std::string essence_of(group_view const& group) {
    auto out =
        fmt::format("group {} {} {} {} paused={} ready={}/{}/{}", group.name, group.epoch,
                    group.active.value_or("-"), group.state, group.paused.has_value(),
                    group.ready.failover, group.ready.lossless, group.ready.to.value_or("-"));
    for (auto const& vip : group.vips)
        out +=
            fmt::format(" {}={}{}", vip.address, vip.node.value_or("-"), vip.conflict ? "!" : "");
    for (auto const& reason : group.reasons)
        out += " " + reason.code;
    if (group.operation)
        out += fmt::format(" now={}", group.operation->id);
    if (group.last_operation)
        out += fmt::format(" last={}", group.last_operation->id);
    if (!group.mysql)
        return out + "\n";
    out += fmt::format(" master={} protected={}", group.mysql->master.value_or("-"),
                       group.mysql->is_protected);
    for (auto const& server : group.mysql->servers)
        out += fmt::format(" {}={}", server.node, server.health);
    for (auto const& replica : group.mysql->replicas)
        out += fmt::format(" {}={}/{}/{}{}", replica.node, replica.role, replica.io, replica.sql,
                           replica.quarantined ? "!" : "");
    return out + "\n";
}

std::string essence_of(pool_view const& pool) {
    auto out =
        fmt::format("pool {} on {}{}", pool.name, pool.node, pool.trouble.empty() ? "" : "!");
    for (auto const& one : pool.backends)
        out += fmt::format(" {}={}/{}/{}/{}", one.name, one.administration, one.health,
                           one.configured_weight, one.effective_weight > 0);
    return out + "\n";
}

std::string lines_of(group_view const& group) {
    auto out =
        fmt::format("\n{}: {}, epoch {}\n", group.name,
                    group.active ? "active on " + *group.active : "NO ACTIVE NODE", group.epoch);
    for (auto const& vip : group.vips)
        out += fmt::format("  virtual IP {} {}\n", vip.address,
                           vip.node        ? "on " + *vip.node
                           : vip.shown_age ? "on NOBODY"
                                           : "holder not known here");
    if (group.mysql)
        out += fmt::format("  MySQL master {}, {}\n", group.mysql->master.value_or("NOBODY"),
                           group.mysql->is_protected ? "protected" : "NOT PROTECTED");
    out += fmt::format("  failover now: {}\n",
                       group.ready.failover ? "ready, to " + group.ready.to.value_or("?") : "NO");
    if (group.paused)
        out += fmt::format("  PAUSED: {}\n", group.paused->reason);
    return out;
}

} // namespace

std::string essence(cluster_view const& view) {
    auto const judged = assess(view);
    auto out = fmt::format("{} quorum={}/{}", to_string(judged.word), view.quorum.reachable,
                           view.quorum.voters);
    for (auto const& reason : judged.reasons)
        out += " " + reason.code;
    for (auto const& node : view.nodes)
        out += fmt::format(" {}={}{}", node.name, node.state, node.standby ? "/standby" : "");
    out += "\n";
    for (auto const& group : view.groups)
        out += essence_of(group);
    for (auto const& pool : view.pools)
        out += essence_of(pool);
    return out;
}

std::string to_page(cluster_view const& view) {
    auto const judged = assess(view);
    auto out = fmt::format("tasuki: cluster {} is {}\nas {} sees it at {}, {} ms ago\n"
                           "quorum: {} of {} voters reachable, {} needed\n",
                           view.cluster, to_string(judged.word), view.node, to_rfc3339(view.time),
                           view.shown_age.count(), view.quorum.reachable, view.quorum.voters,
                           view.quorum.needed);
    for (auto const& reason : judged.reasons)
        out += fmt::format("! {}{}{}\n", reason.text, reason.next_command.empty() ? "" : "   => ",
                           reason.next_command);
    for (auto const& group : view.groups)
        out += lines_of(group);
    out += "\n";
    for (auto const& node : view.nodes)
        out += fmt::format("node {}: {}{}\n", node.name, node.state,
                           node.standby ? ", on standby" : "");
    return out + "\nMore: /api/v1/status /api/v1/history /api/v1/check /api/v1/events"
                 " /api/v1/groups/GROUP/why\n"
                 "      /metrics /health /liveness /readiness /active /standby /primary"
                 " /replica?lag=10s\n";
}

} // namespace tasuki::http
