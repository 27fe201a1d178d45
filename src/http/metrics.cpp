#include "tasuki/http/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tasuki::http {

namespace {

/// Of the nodes that have told it.
bool all_alike(cluster_view const& view, std::string node_view::*what) {
    return std::all_of(view.nodes.begin(), view.nodes.end(), [&](node_view const& node) {
        return (node.*what).empty() || node.*what == view.nodes.front().*what;
    });
}

using label = std::pair<std::string_view, std::string_view>;
using labels = std::initializer_list<label>;

std::string escape(std::string_view value) {
    std::string out;
    for (char const letter : value) {
        if (letter == '\n') {
            out += "\\n";
            continue;
        }
        if (letter == '\\' || letter == '"')
            out += '\\';
        out += letter;
    }
    return out;
}

double in_seconds(milliseconds value) {
    return static_cast<double>(value.count()) / 1000.0;
}

/// One metric family: the head is printed with the first sample, so that an empty one is absent.
class family {
  public:
    family(std::string& out, std::string_view name, std::string_view type, std::string_view help)
        : out_(out)
        , name_(name)
        , type_(type)
        , help_(help) {}

    void sample(labels names, double value) {
        if (!opened_)
            out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, help_, name_, type_);
        opened_ = true;
        out_ += name_;
        char separator = '{';
        for (auto const& [key, text] : names) {
            out_ += fmt::format("{}{}=\"{}\"", separator, key, escape(text));
            separator = ',';
        }
        out_ += fmt::format("{}{}\n", separator == ',' ? "} " : " ", value);
    }
    void sample(labels names, bool value) { sample(names, value ? 1.0 : 0.0); }
    void sample(labels names, std::uint64_t value) { sample(names, static_cast<double>(value)); }

  private:
    std::string& out_;
    std::string_view name_;
    std::string_view type_;
    std::string_view help_;
    bool opened_ = false;
};

class exposition {
  public:
    family gauge(std::string_view name, std::string_view help) {
        return {text_, name, "gauge", help};
    }
    family counter(std::string_view name, std::string_view help) {
        return {text_, name, "counter", help};
    }
    [[nodiscard]] std::string take() && { return std::move(text_); }

  private:
    std::string text_;
};

double timestamp(wall_time time) {
    return static_cast<double>(time.time_since_epoch().count());
}

void write_agent(cluster_view const& view, exposition& out) {
    out.gauge("tasuki_build_info", "Version of this agent, always 1.")
        .sample({{"version", view.version}}, true);
    auto const judged = assess(view);
    auto health_states = out.gauge("tasuki_health", "1 for the state the cluster is in.");
    for (auto const word : {health::healthy, health::degraded, health::down})
        health_states.sample({{"state", to_string(word)}}, judged.word == word);
    out.gauge("tasuki_report_age_seconds", "Time since the lease thread last reported.")
        .sample({}, in_seconds(view.shown_age));
    out.gauge("tasuki_lease_thread_longest_stall_seconds", "Longest stall since the start.")
        .sample({}, in_seconds(view.counters.longest_stall));
    out.gauge("tasuki_quorum", "1 if enough voters are reachable.").sample({}, view.quorum.ok);
    out.gauge("tasuki_voters", "Voters of the cluster.")
        .sample({}, std::uint64_t{view.quorum.voters});
    out.gauge("tasuki_voters_reachable", "Voters reachable from this node, itself included.")
        .sample({}, std::uint64_t{view.quorum.reachable});
    out.gauge("tasuki_voters_needed", "Voters needed for a quorum.")
        .sample({}, std::uint64_t{view.quorum.needed});
    out.gauge("tasuki_config_in_sync", "1 if all known nodes run one configuration.")
        .sample({}, all_alike(view, &node_view::config_digest));
    out.gauge("tasuki_keys_in_sync", "1 if all known nodes accept and sign with the same keys.")
        .sample({}, all_alike(view, &node_view::keys));
}

void write_heartbeats(cluster_view const& view, exposition& out) {
    out.counter("tasuki_heartbeats_sent_total", "Heartbeats sent.")
        .sample({}, view.counters.heartbeats_sent);
    out.counter("tasuki_heartbeats_received_total", "Authentic heartbeats received.")
        .sample({}, view.counters.heartbeats_received);
    auto rejected = out.counter("tasuki_heartbeat_rejected_total", "Datagrams refused, by reason.");
    for (auto const& [reason, count] : view.counters.heartbeats_rejected)
        rejected.sample({{"reason", reason}}, count);
}

void write_nodes(cluster_view const& view, exposition& out) {
    auto up = out.gauge("tasuki_node_up", "1 if this node hears the other.");
    for (auto const& node : view.nodes)
        up.sample({{"peer", node.name}}, node.state == "up");
    auto rung = out.gauge("tasuki_enforcement", "1 for what takes the address from the node.");
    for (auto const& node : view.nodes)
        if (!node.enforcement.empty())
            rung.sample({{"peer", node.name}, {"rung", node.enforcement}}, true);
    auto guard = out.gauge("tasuki_guard", "1 if a guardian stands by on the node.");
    for (auto const& node : view.nodes)
        if (!node.enforcement.empty())
            guard.sample({{"peer", node.name}}, node.guard_reason.empty());
    auto standby = out.gauge("tasuki_node_standby", "1 if put into standby by hand.");
    for (auto const& node : view.nodes)
        standby.sample({{"peer", node.name}}, node.standby.has_value());
    auto seen = out.gauge("tasuki_peer_last_seen_age_seconds", "Time since the path was heard.");
    for (auto const& node : view.nodes)
        for (auto const& path : node.paths)
            if (path.heard)
                seen.sample({{"peer", node.name}, {"path", path.address}}, in_seconds(*path.heard));
    auto hears = out.gauge("tasuki_peer_hears_us", "1 if the peer hears this node on the path.");
    for (auto const& node : view.nodes)
        for (auto const& path : node.paths)
            hears.sample({{"peer", node.name}, {"path", path.address}}, path.hears_us);
}

void write_groups(cluster_view const& view, exposition& out) {
    auto active = out.gauge("tasuki_group_active", "1 if this node is active in the group.");
    for (auto const& group : view.groups)
        active.sample({{"group", group.name}},
                      group.active == view.node && group.state == "active");
    auto known = out.gauge("tasuki_group_has_active", "1 if this node knows an active node.");
    for (auto const& group : view.groups)
        known.sample({{"group", group.name}}, group.active.has_value());
    auto epochs = out.gauge("tasuki_epoch", "Epoch of the group.");
    for (auto const& group : view.groups)
        epochs.sample({{"group", group.name}}, group.epoch);
    auto lease = out.gauge("tasuki_lease_left_seconds", "Time left on the lease held here.");
    for (auto const& group : view.groups)
        if (group.lease_left)
            lease.sample({{"group", group.name}}, in_seconds(*group.lease_left));
    auto paused = out.gauge("tasuki_paused", "1 if automatic failover is paused.");
    for (auto const& group : view.groups)
        paused.sample({{"group", group.name}}, group.paused.has_value());
    auto expires = out.gauge("tasuki_pause_expires_timestamp_seconds", "When the pause ends.");
    for (auto const& group : view.groups)
        if (group.paused && group.paused->until)
            expires.sample({{"group", group.name}}, timestamp(*group.paused->until));
    auto running = out.gauge("tasuki_operation_running", "1 while an operation runs.");
    for (auto const& group : view.groups)
        running.sample({{"group", group.name}}, group.operation.has_value());
}

void write_readiness(cluster_view const& view, exposition& out) {
    auto ready = out.gauge("tasuki_failover_ready", "1 if a failover would succeed now.");
    for (auto const& group : view.groups)
        ready.sample({{"group", group.name}}, group.ready.failover);
    auto lossless = out.gauge("tasuki_failover_lossless", "1 if it would lose no commit.");
    for (auto const& group : view.groups)
        lossless.sample({{"group", group.name}}, group.ready.failover && group.ready.lossless);
    auto expected = out.gauge("tasuki_failover_expected_seconds", "How long it would take.");
    for (auto const& group : view.groups)
        if (group.ready.expected)
            expected.sample({{"group", group.name}}, in_seconds(*group.ready.expected));
    auto blocked = out.gauge("tasuki_failover_blocked", "1 for each reason in its way.");
    for (auto const& group : view.groups)
        for (auto const& reason : group.ready.reasons)
            blocked.sample({{"group", group.name}, {"reason", reason.code}}, true);
    auto total = out.counter("tasuki_failovers_total", "Failovers and switchovers seen here.");
    for (auto const& one : view.counters.failovers)
        total.sample({{"group", one.group}, {"trigger", one.trigger}, {"result", one.result}},
                     one.count);
}

void write_vips(cluster_view const& view, exposition& out) {
    auto held = out.gauge("tasuki_vip_held", "1 if this node holds the virtual IP.");
    for (auto const& group : view.groups)
        for (auto const& vip : group.vips)
            held.sample({{"group", group.name}, {"vip", vip.address}}, vip.node == view.node);
    auto conflict = out.gauge("tasuki_vip_conflict", "1 if a stranger answers for it.");
    for (auto const& group : view.groups)
        for (auto const& vip : group.vips)
            conflict.sample({{"group", group.name}, {"vip", vip.address}},
                            vip.conflict.has_value());
}

void write_mysql(cluster_view const& view, exposition& out) {
    auto each = [&](auto visit) {
        for (auto const& group : view.groups)
            if (group.mysql)
                visit(group, *group.mysql);
    };
    auto guarded = out.gauge("tasuki_mysql_protected", "1 if a standby holds each commit.");
    each([&](group_view const& group, mysql_view const& mysql) {
        guarded.sample({{"group", group.name}}, mysql.is_protected);
    });
    auto up = out.gauge("tasuki_mysql_up", "1 if the server's health commit succeeds.");
    each([&](group_view const& group, mysql_view const& mysql) {
        for (auto const& server : mysql.servers)
            up.sample({{"group", group.name}, {"peer", server.node}}, server.health == "up");
    });
    auto lag = out.gauge("tasuki_mysql_replication_lag_seconds", "Lag of the replica.");
    each([&](group_view const& group, mysql_view const& mysql) {
        for (auto const& replica : mysql.replicas)
            if (replica.lag)
                lag.sample({{"group", group.name}, {"peer", replica.node}},
                           in_seconds(*replica.lag));
    });
    auto running = out.gauge("tasuki_mysql_replication_running", "1 if the thread runs.");
    each([&](group_view const& group, mysql_view const& mysql) {
        for (auto const& replica : mysql.replicas) {
            running.sample({{"group", group.name}, {"peer", replica.node}, {"thread", "io"}},
                           replica.io == "running");
            running.sample({{"group", group.name}, {"peer", replica.node}, {"thread", "sql"}},
                           replica.sql == "running");
        }
    });
    auto apart = out.gauge("tasuki_mysql_quarantined", "1 if errant or quarantined.");
    each([&](group_view const& group, mysql_view const& mysql) {
        for (auto const& replica : mysql.replicas)
            apart.sample({{"group", group.name}, {"peer", replica.node}},
                         replica.errant || replica.quarantined.has_value());
    });
}

void write_backends(cluster_view const& view, exposition& out) {
    auto each = [&](auto family, auto value) {
        for (auto const& pool : view.pools)
            for (auto const& one : pool.backends)
                family.sample({{"peer", pool.node}, {"pool", pool.name}, {"backend", one.name}},
                              std::uint64_t{value(one)});
    };
    using backend = backend_view const&;
    each(out.gauge("tasuki_backend_up", "1 if the backend's check succeeds."),
         [](backend it) { return it.health == "up"; });
    each(out.gauge("tasuki_backend_weight", "Effective weight."),
         [](backend it) { return it.effective_weight; });
    each(out.gauge("tasuki_backend_ready", "1 unless it drains or is in maintenance."),
         [](backend it) { return it.administration == "ready"; });
    each(out.gauge("tasuki_backend_current_sessions", "Sessions now."),
         [](backend it) { return it.sessions; });
    each(out.counter("tasuki_backend_connections_total", "Connections made to it."),
         [](backend it) { return it.connections; });
    each(out.counter("tasuki_backend_failed_connects_total", "Connections that failed."),
         [](backend it) { return it.failed_connects; });
    each(out.counter("tasuki_backend_drained_total", "Sessions closed where nothing is lost."),
         [](backend it) { return it.drained; });
    each(out.counter("tasuki_backend_moved_total", "Sessions that went on with another backend."),
         [](backend it) { return it.moved; });
    each(out.counter("tasuki_backend_cut_total", "Sessions cut: backend lost, or deadline."),
         [](backend it) { return it.cut; });
}

void write_pools(cluster_view const& view, exposition& out) {
    auto each = [&](auto family, auto value) {
        for (auto const& pool : view.pools)
            family.sample({{"peer", pool.node}, {"pool", pool.name}}, std::uint64_t{value(pool)});
    };
    using pool = pool_view const&;
    each(out.gauge("tasuki_pool_trouble", "1 if the pool as a whole is in trouble."),
         [](pool it) { return !it.trouble.empty(); });
    each(out.gauge("tasuki_pool_current_sessions", "Sessions now."),
         [](pool it) { return it.sessions; });
    each(out.gauge("tasuki_pool_queued", "Clients that wait for a place."),
         [](pool it) { return it.queued; });
    each(out.counter("tasuki_pool_accepted_total", "Clients taken."),
         [](pool it) { return it.accepted; });
    each(out.counter("tasuki_pool_refused_total", "Clients turned away."),
         [](pool it) { return it.refused; });
}

} // namespace

std::string to_prometheus(cluster_view const& view) {
    exposition out;
    write_agent(view, out);
    write_heartbeats(view, out);
    write_nodes(view, out);
    write_groups(view, out);
    write_readiness(view, out);
    write_vips(view, out);
    write_mysql(view, out);
    write_pools(view, out);
    write_backends(view, out);
    return std::move(out).take();
}

} // namespace tasuki::http
