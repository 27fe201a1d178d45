#include "tasuki/http/views.hpp"

#include "json_pieces.hpp"

namespace tasuki::http {

namespace json = boost::json;

namespace {

json::value json_of(std::optional<pause_view> const& pause) {
    if (!pause)
        return nullptr;
    return json::object{{"since", json_or_null(pause->since)},
                        {"until", json_or_null(pause->until)},
                        {"reason", pause->reason},
                        {"by", pause->by}};
}

json::value json_of(path_view const& path) {
    return json::object{{"address", path.address},
                        {"heard_ms", json_or_null(path.heard)},
                        {"hears_us", path.hears_us}};
}

json::value json_of(node_view const& node) {
    return json::object{
        {"name", node.name},
        {"state", node.state},
        {"age_ms", json_or_null(node.heard)},
        {"version", node.version},
        {"config_digest", node.config_digest},
        {"keys", node.keys},
        {"enforcement", node.enforcement},
        {"enforcement_reason", node.enforcement_reason},
        {"guard", node.guard_reason.empty()},
        {"guard_reason", node.guard_reason},
        {"voter", node.voter},
        {"witness", node.witness},
        {"standby", json_of(node.standby)},
        {"note", node.note},
        {"paths", json_list(node.paths, [](path_view const& path) { return json_of(path); })}};
}

json::value json_of(vip_view const& vip) {
    return json::object{{"address", vip.address},
                        {"interface", vip.interface},
                        {"node", json_or_null(vip.node)},
                        {"gate", vip.gate},
                        {"since", json_or_null(vip.since)},
                        {"conflict", json_or_null(vip.conflict)},
                        {"age_ms", json_or_null(vip.shown_age)}};
}

json::array reasons_json(std::vector<reason_view> const& reasons) {
    return json_list(reasons, [](reason_view const& one) { return json_of(one); });
}

json::value json_of(ready_view const& ready) {
    return json::object{{"failover", ready.failover},
                        {"lossless", ready.lossless},
                        {"to", json_or_null(ready.to)},
                        {"expected_ms", json_or_null(ready.expected)},
                        {"reasons", reasons_json(ready.reasons)}};
}

json::value json_of(member_view const& member) {
    return json::object{{"node", member.node},
                        {"role", member.role},
                        {"eligible", member.eligible},
                        {"reason", member.reason}};
}

json::value json_of(replica_view const& replica) {
    return json::object{{"node", replica.node},
                        {"role", replica.role},
                        {"lag_ms", json_or_null(replica.lag)},
                        {"io", replica.io},
                        {"sql", replica.sql},
                        {"errant", replica.errant},
                        {"position", replica.position},
                        {"quarantined", json_or_null(replica.quarantined)},
                        {"age_ms", json_or_null(replica.shown_age)}};
}

json::value json_of(mysql_server_view const& server) {
    return json::object{{"node", server.node},
                        {"health", server.health},
                        {"detail", server.detail},
                        {"position", server.position},
                        {"writable", json_or_null(server.writable)},
                        {"age_ms", json_or_null(server.shown_age)}};
}

json::value json_of(std::optional<mysql_view> const& mysql) {
    if (!mysql)
        return nullptr;
    return json::object{
        {"master", json_or_null(mysql->master)},
        {"protected", mysql->is_protected},
        {"required_acks", mysql->required_acks},
        {"degraded_since", json_or_null(mysql->degraded_since)},
        {"replicas",
         json_list(mysql->replicas, [](replica_view const& one) { return json_of(one); })},
        {"servers",
         json_list(mysql->servers, [](mysql_server_view const& one) { return json_of(one); })},
        {"age_ms", json_or_null(mysql->shown_age)}};
}

json::value json_of(std::optional<operation_view> const& operation) {
    return operation ? json_of(*operation) : json::value(nullptr);
}

json::value json_of(group_view const& group) {
    return json::object{
        {"name", group.name},
        {"epoch", group.epoch},
        {"active", json_or_null(group.active)},
        {"state", group.state},
        {"mode", group.mode},
        {"since", json_or_null(group.since)},
        {"lease_left_ms", json_or_null(group.lease_left)},
        {"paused", json_of(group.paused)},
        {"members", json_list(group.members, [](member_view const& one) { return json_of(one); })},
        {"vips", json_list(group.vips, [](vip_view const& one) { return json_of(one); })},
        {"ready", json_of(group.ready)},
        {"mysql", json_of(group.mysql)},
        {"operation", json_of(group.operation)},
        {"last_operation", json_of(group.last_operation)},
        {"reasons", reasons_json(group.reasons)},
        {"age_ms", json_or_null(group.shown_age)}};
}

json::value json_of(counters_view const& counters) {
    json::object rejected;
    for (auto const& [reason, count] : counters.heartbeats_rejected)
        rejected[reason] = count;
    auto const failovers = json_list(counters.failovers, [](failover_count const& one) {
        return json::value{{"group", one.group},
                           {"trigger", one.trigger},
                           {"result", one.result},
                           {"count", one.count}};
    });
    return json::object{{"heartbeats_sent", counters.heartbeats_sent},
                        {"heartbeats_received", counters.heartbeats_received},
                        {"heartbeats_rejected", rejected},
                        {"failovers", failovers},
                        {"longest_stall_ms", counters.longest_stall.count()}};
}

} // namespace

std::string to_json(cluster_view const& view) {
    auto const judged = assess(view);
    auto document = opening({view.cluster, view.node, view.time});
    document["version"] = view.version;
    document["safety"] = view.safety;
    document["health"] = to_string(judged.word);
    document["reasons"] = reasons_json(judged.reasons);
    document["age_ms"] = view.shown_age.count();
    document["quorum"] =
        json::object{{"voters", view.quorum.voters},   {"reachable", view.quorum.reachable},
                     {"needed", view.quorum.needed},   {"ok", view.quorum.ok},
                     {"version", view.quorum.version}, {"change", view.quorum.change}};
    document["nodes"] = json_list(view.nodes, [](node_view const& one) { return json_of(one); });
    document["groups"] = json_list(view.groups, [](group_view const& one) { return json_of(one); });
    document["pools"] = json_list(view.pools, [](pool_view const& one) { return json_of(one); });
    document["counters"] = json_of(view.counters);
    return served(document);
}

} // namespace tasuki::http
