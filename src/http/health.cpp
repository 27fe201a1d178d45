#include "tasuki/http/views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace tasuki::http {

namespace {

/// Collects reasons; the worst word wins and its reasons come first.
class judge {
  public:
    void down(reason_view reason) { down_.push_back(std::move(reason)); }
    void degraded(reason_view reason) { degraded_.push_back(std::move(reason)); }

    [[nodiscard]] assessment verdict() && {
        assessment out;
        out.word = !down_.empty()       ? health::down
                   : !degraded_.empty() ? health::degraded
                                        : health::healthy;
        out.down_reasons = down_.size();
        out.reasons = std::move(down_);
        out.reasons.insert(out.reasons.end(), degraded_.begin(), degraded_.end());
        return out;
    }

  private:
    std::vector<reason_view> down_;
    std::vector<reason_view> degraded_;
};

std::string seconds(milliseconds value) {
    return fmt::format("{:.1f} s", static_cast<double>(value.count()) / 1000.0);
}

void judge_nodes(cluster_view const& view, judge& out) {
    std::set<std::string> digests;
    std::set<std::string> keys;
    for (auto const& node : view.nodes) {
        if (!node.keys.empty())
            keys.insert(node.keys);
        if (!node.config_digest.empty())
            digests.insert(node.config_digest);
        if (node.standby)
            out.degraded({"standby",
                          fmt::format("node {} is in standby: {}", node.name, node.standby->reason),
                          "tasuki activate " + node.name});
        if (node.state != "up")
            out.degraded({"node_" + node.state,
                          node.heard
                              ? fmt::format("node {} is {}, last heard {} ago", node.name,
                                            node.state, seconds(*node.heard))
                              : fmt::format("node {} is {}, never heard", node.name, node.state),
                          "systemctl status tasukid   (on " + node.name + ")"});
        for (auto const& path : node.paths)
            if (node.state == "up" && !path.hears_us)
                out.degraded(
                    {"deaf_path",
                     fmt::format("node {} does not hear us at {}", node.name, path.address),
                     "tasuki check"});
    }
    if (digests.size() > 1)
        out.degraded({"config_drift", "the nodes run different configurations",
                      "copy one file to all nodes, then restart tasukid on one after the other"});
    if (keys.size() > 1)
        out.degraded({"keys_differ",
                      "the nodes accept or sign with different keys: a rotation was not finished",
                      "tasuki key status"});
}

bool is_fresh(age const& shown) {
    return shown && *shown <= stale_after;
}

/// A master that cannot commit is no master: whatever else works, nothing can be written.
void judge_master(group_view const& group, mysql_view const& mysql, judge& out) {
    auto const next = "tasuki why " + group.name;
    if (!mysql.master)
        return out.down({"no_master", fmt::format("{} has no MySQL master", group.name), next});
    auto const server =
        std::find_if(mysql.servers.begin(), mysql.servers.end(),
                     [&](mysql_server_view const& one) { return one.node == *mysql.master; });
    if (server == mysql.servers.end() || !is_fresh(server->shown_age) ||
        server->health == "unknown")
        return out.degraded(
            {"master_unknown",
             fmt::format("{}: {} has not told the state of its MySQL for a while, or never",
                         group.name, *mysql.master),
             next});
    auto const text =
        fmt::format("{}: MySQL on {} is {}{}{}", group.name, server->node, server->health,
                    server->detail.empty() ? "" : ": ", server->detail);
    constexpr std::array no_commit{"down", "hanging", "disk_full", "waiting_for_ack"};
    bool const dead =
        std::find(no_commit.begin(), no_commit.end(), server->health) != no_commit.end();
    if (dead)
        out.down({"mysql_" + server->health, text + "; no write is possible", next});
    else if (server->health != "up")
        out.degraded({"mysql_" + server->health, text, next});
    else if (server->writable == false && !group.operation)
        out.down({"master_read_only",
                  fmt::format("{}: MySQL on {} accepts no writes, and no operation is under way",
                              group.name, server->node),
                  next});
}

void judge_mysql(group_view const& of, mysql_view const& mysql, judge& out) {
    auto const& group = of.name;
    judge_master(of, mysql, out);
    if (mysql.master && !mysql.is_protected)
        out.degraded(
            {"unprotected",
             mysql.degraded_since
                 ? fmt::format("{} is degraded since {}: commits are on the master only", group,
                               to_rfc3339(*mysql.degraded_since))
                 : fmt::format("{} is not protected: no standby acknowledges commits", group),
             "tasuki why " + group});
    for (auto const& replica : mysql.replicas) {
        if (replica.quarantined)
            out.degraded({"quarantined",
                          fmt::format("{}: replica {} is quarantined: {}", group, replica.node,
                                      *replica.quarantined),
                          "tasuki why " + group});
        else if (replica.errant)
            out.degraded(
                {"errant",
                 fmt::format("{}: replica {} has transactions of its own", group, replica.node),
                 "tasuki why " + group});
        else if (replica.io != "running" || replica.sql != "running")
            out.degraded({"replication_stopped",
                          fmt::format("{}: replication on {} does not run (io {}, sql {})", group,
                                      replica.node, replica.io, replica.sql),
                          "tasuki why " + group});
    }
}

/// Only whoever holds the address knows that it does: the others wait until it has told them.
void judge_vip(group_view const& group, vip_view const& vip, judge& out) {
    if (vip.conflict)
        out.degraded({"conflict", fmt::format("CONFLICT on {}: {}", vip.address, *vip.conflict),
                      "tasuki why " + group.name});
    if (!group.active)
        return;
    if (!is_fresh(vip.shown_age))
        out.degraded({"vip_unknown",
                      fmt::format("who holds {} is not known here: {} has not told for a while, "
                                  "or never",
                                  vip.address, *group.active),
                      "tasuki status on " + *group.active});
    else if (!vip.node)
        out.down({"vip_missing", fmt::format("nobody holds {}", vip.address),
                  "tasuki why " + group.name});
}

void judge_group(group_view const& group, judge& out) {
    if (!group.active)
        out.down({"no_active", fmt::format("{} has no active node", group.name),
                  "tasuki why " + group.name});
    for (auto const& vip : group.vips)
        judge_vip(group, vip, out);
    for (auto const& reason : group.reasons)
        out.degraded(reason);
    if (group.paused)
        out.degraded({"paused", fmt::format("{} is paused: {}", group.name, group.paused->reason),
                      "tasuki resume " + group.name});
    if (!group.ready.failover && !group.paused)
        out.degraded({"not_ready",
                      fmt::format("a failover of {} would not succeed now", group.name),
                      "tasuki why " + group.name});
    if (group.mysql)
        judge_mysql(group, *group.mysql, out);
}

} // namespace

std::string_view to_string(health word) {
    switch (word) {
    case health::healthy:
        return "healthy";
    case health::degraded:
        return "degraded";
    case health::down:
        return "down";
    }
    return "down";
}

assessment assess(cluster_view const& view) {
    judge out;
    if (view.shown_age > stale_after)
        out.down({"stale",
                  fmt::format("the lease thread has not reported for {}", seconds(view.shown_age)),
                  "journalctl -u tasukid -n 50"});
    if (!view.quorum.ok)
        out.down({"no_quorum",
                  fmt::format("no quorum: {} of {} voters reachable, {} needed",
                              view.quorum.reachable, view.quorum.voters, view.quorum.needed),
                  "tasuki check"});
    for (auto const& group : view.groups)
        judge_group(group, out);
    judge_nodes(view, out);
    for (auto const& warning : view.warnings)
        out.degraded(warning);
    return std::move(out).verdict();
}

} // namespace tasuki::http
