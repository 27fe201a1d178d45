#pragma once
// A healthy cluster of two data nodes, a read replica and a witness, as node db1 sees it.

#include "tasuki/http/views.hpp"

namespace tasuki::http {

inline constexpr wall_time noon{std::chrono::seconds{1'767'268'800}}; // 2026-01-01 12:00:00 UTC

inline node_view sample_node(std::string name, milliseconds heard, bool witness = false) {
    node_view out;
    out.name = std::move(name);
    out.state = "up";
    out.heard = heard;
    out.version = "0.1.0";
    out.config_digest = "aa11";
    out.keys = "1-aa signs 1";
    out.enforcement = "ebpf";
    out.witness = witness;
    out.paths = {{"10.77.0.1", heard, true}};
    return out;
}

inline replica_view sample_replica(std::string node, std::string role, milliseconds lag) {
    replica_view out;
    out.node = std::move(node);
    out.role = std::move(role);
    out.lag = lag;
    out.io = "running";
    out.sql = "running";
    out.position = "0-1-812";
    out.shown_age = milliseconds{300};
    return out;
}

inline group_view sample_group() {
    group_view out;
    out.name = "db";
    out.epoch = 7;
    out.active = "db1";
    out.state = "active";
    out.mode = "active";
    out.since = noon - std::chrono::hours{100};
    out.lease_left = milliseconds{2'100};
    out.members = {{"db1", "active", true, ""},
                   {"db2", "standby", true, ""},
                   {"db3", "standby", false, "never_master"}};
    out.vips = {{"10.77.0.50",
                 "eth0",
                 "db1",
                 "open",
                 noon - std::chrono::hours{100},
                 {},
                 milliseconds{40}}};
    out.ready = {true, true, "db2", milliseconds{1'900}, {}};
    mysql_view mysql;
    mysql.master = "db1";
    mysql.is_protected = true;
    mysql.required_acks = 1;
    mysql.replicas = {sample_replica("db2", "acker", milliseconds{0}),
                      sample_replica("db3", "replica", milliseconds{4'000})};
    mysql.servers = {{"db1", "up", "", "0-1-812", true, milliseconds{200}}};
    mysql.shown_age = milliseconds{300};
    out.mysql = mysql;
    out.shown_age = milliseconds{40};
    return out;
}

inline pool_view sample_pool() {
    backend_view backend;
    backend.name = "app1";
    backend.administration = "ready";
    backend.health = "up";
    backend.configured_weight = 100;
    backend.effective_weight = 50;
    backend.sessions = 12;
    pool_view out;
    out.name = "web";
    out.node = "lb1";
    out.backends = {backend};
    return out;
}

inline cluster_view sample_view() {
    cluster_view out;
    out.cluster = "shop";
    out.node = "db1";
    out.version = "0.1.0";
    out.time = noon;
    out.safety = "safe";
    out.quorum = {3, 3, 2, true};
    out.nodes = {sample_node("db1", milliseconds{0}), sample_node("db2", milliseconds{120}),
                 sample_node("db3", milliseconds{90}), sample_node("wit", milliseconds{150}, true)};
    out.groups = {sample_group()};
    out.counters.heartbeats_sent = 10;
    out.counters.heartbeats_rejected = {{"bad_mac", 3}, {"replay", 1}};
    out.counters.failovers = {{"db", "manual", "done", 2}};
    out.shown_age = milliseconds{40};
    return out;
}

inline operation_view sample_operation() {
    operation_view out;
    out.id = 42;
    out.kind = "switchover";
    out.group = "db";
    out.from = "db1";
    out.to = "db2";
    out.state = "running";
    out.started = noon;
    out.by = "root";
    out.reason = "kernel update";
    out.steps = {{"check_candidate", "db2", milliseconds{20}, "ok", "lag 0 ms"},
                 {"read_only", "db1", {}, "running", ""}};
    return out;
}

} // namespace tasuki::http
