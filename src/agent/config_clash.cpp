#include "tasuki/agent/config_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace tasuki::agent {

namespace {

struct owner {
    std::string what;
    std::string path;
};

bool is_any(ip_address const& address) {
    return address.bytes() == ip_address{}.bytes();
}

bool overlap(ip_address const& left, ip_address const& right) {
    return is_any(left) || is_any(right) || left == right;
}

/// A fixed port of every node: where it listens and which key says so.
struct listener {
    std::string what;
    std::string path;
    std::vector<ip_address> addresses;
    std::uint16_t port = 0;
};

bool clash(listener const& left, listener const& right) {
    if (left.port != right.port)
        return false;
    return std::any_of(left.addresses.begin(), left.addresses.end(), [&](auto const& mine) {
        return std::any_of(right.addresses.begin(), right.addresses.end(),
                           [&](auto const& other) { return overlap(mine, other); });
    });
}

std::vector<listener> listeners_of(configuration const& config) {
    listener heartbeat{"the heartbeat", "heartbeat.port", {}, config.heartbeat_port};
    for (auto const& node : config.nodes)
        heartbeat.addresses.insert(heartbeat.addresses.end(), node.addresses.begin(),
                                   node.addresses.end());
    std::vector<listener> out{
        heartbeat,
        {"[http]", "http.listen", {config.http_listen.address}, config.http_listen.port}};
    if (config.checks_listen)
        out.push_back({"[checks]",
                       "checks.listen",
                       {config.checks_listen->address},
                       config.checks_listen->port});
    // mysqld listens on all addresses unless told otherwise, and we cannot see what it was told.
    for (std::size_t index = 0; index < config.groups.size(); ++index)
        if (auto const& group = config.groups[index]; group.mysql)
            out.push_back({fmt::format("MySQL of group \"{}\"", group.name),
                           fmt::format("group[{}].mysql.port", index),
                           {ip_address{}},
                           group.mysql->port});
    return out;
}

struct server_claim {
    std::string server; ///< in the words of the complaint
    std::string key;
};

std::vector<server_claim> claims_of(group_config const& group) {
    std::vector<server_claim> out;
    for (auto const& [node, host] : group.mysql->host_of)
        out.push_back(
            {fmt::format("MySQL at {}", endpoint{host, group.mysql->port}.to_string()), "port"});
    if (!group.mysql->socket.empty())
        for (auto const& member : group.members)
            out.push_back({fmt::format("socket {} of node \"{}\"",
                                       for_node(group.mysql->socket, member), member),
                           "socket"});
    return out;
}

/// Two groups on one node need two servers. One complaint a group is enough.
void check_servers(configuration const& config, config_notes& notes) {
    std::map<std::string, std::string> group_of_server;
    for (std::size_t index = 0; index < config.groups.size(); ++index) {
        auto const& group = config.groups[index];
        if (!group.mysql)
            continue;
        for (auto const& claim : claims_of(group)) {
            auto const [other, added] = group_of_server.try_emplace(claim.server, group.name);
            if (added || other->second == group.name)
                continue;
            notes.error_at(fmt::format("group[{}].mysql.{}", index, claim.key),
                           fmt::format("{} is used by both groups \"{}\" and \"{}\"; each group "
                                       "needs a server of its own",
                                       claim.server, other->second, group.name));
            break;
        }
    }
}

void check_fence(configuration const& config, std::size_t voters, config_notes& notes) {
    if (voters != 2)
        notes.error_at("fence",
                       fmt::format("[fence] is for two voters, and here are {}: a majority "
                                   "decides without it; remove the section",
                                   voters));
    auto const lease = config.cluster.timing.lease;
    if (config.fence->after < lease)
        notes.error_at("fence.after_ms",
                       fmt::format("\"after_ms\" in [fence] is {}: it must be at least a lease "
                                   "({})",
                                   config.fence->after.count(), lease.count()));
}

} // namespace

void check_addresses(configuration const& config, config_notes& notes) {
    std::map<ip_address, owner> owners;
    auto const claim = [&](ip_address const& address, owner mine) {
        auto const [other, added] = owners.try_emplace(address, mine);
        if (!added)
            notes.error_at(mine.path,
                           fmt::format("address {} of {} is already that of {} (line {})",
                                       address.to_string(), mine.what, other->second.what,
                                       notes.place_of(other->second.path).line));
    };
    for (auto const& node : config.nodes)
        for (std::size_t index = 0; index < node.addresses.size(); ++index)
            claim(node.addresses[index], {fmt::format("node \"{}\"", node.name),
                                          fmt::format("node.{}.addresses[{}]", node.name, index)});
    for (std::size_t index = 0; index < config.groups.size(); ++index) {
        auto const& group = config.groups[index];
        for (std::size_t vip = 0; vip < group.vips.size(); ++vip)
            if (!is_any(group.vips[vip].address.address))
                claim(group.vips[vip].address.address,
                      {fmt::format("a virtual IP of group \"{}\"", group.name),
                       fmt::format("group[{}].vip[{}].address", index, vip)});
    }
    for (std::size_t index = 0; index < config.groups.size(); ++index) {
        if (!config.groups[index].mysql)
            continue;
        for (auto const& [node, host] : config.groups[index].mysql->host_of)
            if (auto const found = owners.find(host);
                found != owners.end() && found->second.path.starts_with("group"))
                notes.error_at(fmt::format("group[{}].mysql.hosts.{}", index, node),
                               fmt::format("\"hosts\" gives \"{}\" the address {}, which is {} and "
                                           "moves between nodes; use the node's own",
                                           node, host.to_string(), found->second.what));
    }
}

void check_ports(configuration const& config, config_notes& notes) {
    auto const all = listeners_of(config);
    for (std::size_t index = 0; index < all.size(); ++index)
        for (std::size_t before = 0; before < index; ++before) {
            auto const& mine = all[index];
            bool const both_mysql =
                mine.what.starts_with("MySQL") && all[before].what.starts_with("MySQL");
            if (both_mysql || !clash(mine, all[before]))
                continue;
            notes.error_at(mine.path, fmt::format("port {} of {} is already that of {}", mine.port,
                                                  mine.what, all[before].what));
            break;
        }
    check_servers(config, notes);
}

safety judge_voters(configuration const& config, config_notes& notes) {
    auto const voters = config.voters();
    if (voters == 1)
        notes.warn_at("node", "1 voter: while it is down nobody can take over; use two data nodes "
                              "and a witness on a third machine");
    if (voters > 2 && voters % 2 == 0)
        notes.warn_at("node", fmt::format("{} voters bear no more failures than {}; an odd number "
                                          "is better: set voter = false in one, or add a witness",
                                          voters, voters - 1));
    if (config.groups.empty())
        notes.warn_at("group", "no [[group]]: nothing will ever be switched");
    for (std::size_t index = 0; index < config.groups.size(); ++index) {
        auto const& group = config.groups[index];
        auto const path = fmt::format("group[{}]", index);
        if (group.members.size() == 1)
            notes.warn_at(path + ".members", fmt::format("group \"{}\" has one member: nobody can "
                                                         "take over from it",
                                                         group.name));
        if (group.vips.empty() && !group.mysql)
            notes.warn_at(path,
                          fmt::format("group \"{}\" has neither a virtual IP nor MySQL: there "
                                      "is nothing to switch",
                                      group.name));
        if (voters == 2 && group.mysql && !config.fence)
            notes.warn_at(path + ".mysql",
                          fmt::format("group \"{}\": with two voters MySQL is never promoted by "
                                      "itself; add a witness on a third machine, or [fence]",
                                      group.name));
    }
    if (config.fence)
        check_fence(config, voters, notes);
    if (voters != 2)
        return safety::safe;
    if (config.fence)
        return safety::fenced;
    notes.warn_at("node",
                  "unsafe: with two voters alone a lost holder is not replaced, for one is no "
                  "majority; add a witness (witness = true) on a third machine, or [fence]");
    return safety::unsafe;
}

} // namespace tasuki::agent
