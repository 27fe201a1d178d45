#include "tasuki/agent/make_settings.hpp"

#include "tasuki/core/require.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

static_assert(addresses_of_node_max == heartbeat::paths_max);

std::set<node_id> balancers_before(configuration const& from, std::string const& group) {
    std::set<node_id> out;
    for (auto const& pool : from.pools) {
        auto const& follows = pool.settings.follows;
        if (follows.group != group || follows.role != lb::group_role::master)
            continue;
        for (auto const& node : from.nodes)
            if (from.serves(pool, node.name))
                out.insert(node.id);
    }
    return out;
}

mysql_settings database_of(configuration const& from, group_config const& group) {
    mysql_settings out;
    auto const& mysql = *group.mysql;
    out.degrade_without_acker = mysql.on_no_acker == no_acker_policy::degrade;
    out.promote_degraded = mysql.when_degraded == degraded_policy::promote;
    out.balancers = balancers_before(from, group.name);
    for (auto const& name : group.members) {
        auto const host = mysql.host_of.find(name);
        auto const address =
            host != mysql.host_of.end() ? host->second : from.find_node(name)->addresses.front();
        bool const never = std::find(mysql.never_master.begin(), mysql.never_master.end(), name) !=
                           mysql.never_master.end();
        out.members.push_back({node_named(name), name, endpoint{address, mysql.port},
                               mysql.replication_user_prefix + name, never});
    }
    return out;
}

group_settings group_of(configuration const& from, group_config const& group) {
    group_settings out;
    out.id = group.id;
    out.name = group.name;
    for (auto const& name : group.members)
        out.members.push_back(node_named(name));
    for (auto const& vip : group.vips)
        out.addresses.push_back(vip.address.address.to_string());
    out.by_hook = group.hook.has_value();
    if (group.mysql)
        out.mysql = database_of(from, group);
    return out;
}

} // namespace

node_settings make_settings(configuration const& from, std::string_view node) {
    auto const* self = from.find_node(node);
    TASUKI_REQUIRE(self != nullptr);
    node_settings out;
    out.self = self->id;
    out.cluster = from.cluster.name;
    out.safety = std::string{to_string(from.promise)};
    out.interval = from.cluster.timing.interval;
    out.terms = {from.cluster.timing.lease, from.cluster.timing.step_down,
                 from.cluster.timing.clock_drift};
    out.digest = from.digest;
    for (auto const& each : from.nodes) {
        out.names[each.id] = each.name;
        for (auto const& address : each.addresses)
            out.paths[each.id].push_back(address.to_string());
        if (each.voter)
            out.voters.push_back(each.id);
        if (each.witness)
            out.witnesses.push_back(each.id);
        // A path joins the addresses of one position: the shorter list decides.
        auto const paths =
            std::min({each.addresses.size(), self->addresses.size(), heartbeat::paths_max});
        if (each.id != self->id)
            out.peers.push_back({each.id, static_cast<std::uint8_t>(paths)});
    }
    if (from.fence)
        out.fence = {from.fence->after, from.fence->delay, out.voters};
    for (auto const& group : from.groups)
        out.groups.push_back(group_of(from, group));
    for (auto const& pool : from.pools) {
        auto const* group = from.find_group(pool.settings.follows.group);
        if (group != nullptr && from.serves(pool, node))
            out.followed.push_back(group->id);
    }
    std::sort(out.followed.begin(), out.followed.end());
    out.followed.erase(std::unique(out.followed.begin(), out.followed.end()), out.followed.end());
    return out;
}

} // namespace tasuki::agent
