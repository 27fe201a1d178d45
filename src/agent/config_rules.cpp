#include "tasuki/agent/config_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tasuki::agent {

namespace {

// MySQL's limit; MariaDB allows more.
constexpr std::size_t account_letters_max = 32;
// sockaddr_un.sun_path holds 108 bytes with its end.
constexpr std::size_t socket_letters_max = 107;

std::string path_of_group(std::size_t index) {
    return fmt::format("group[{}]", index);
}

template<class Named>
void check_hashes(std::vector<Named> const& all, std::string_view what, config_notes& notes,
                  auto const& path_of) {
    for (std::size_t index = 0; index < all.size(); ++index)
        for (std::size_t before = 0; before < index; ++before) {
            if (all[index].id != all[before].id || all[index].name.empty())
                continue;
            bool const same = all[index].name == all[before].name;
            notes.error_at(path_of(index),
                           same ? fmt::format("the {} name \"{}\" is used twice (first in line {})",
                                              what, all[index].name,
                                              notes.place_of(path_of(before)).line)
                                : fmt::format("the {} names \"{}\" and \"{}\" have the same 32-bit "
                                              "hash; rename one",
                                              what, all[index].name, all[before].name));
            break;
        }
}

void check_members(configuration const& config, std::size_t index, config_notes& notes) {
    auto const& group = config.groups[index];
    auto const path = path_of_group(index) + ".members";
    for (std::size_t place = 0; place < group.members.size(); ++place) {
        auto const& member = group.members[place];
        auto const member_path = fmt::format("{}[{}]", path, place);
        auto const* node = config.find_node(member);
        auto const end = group.members.begin() + static_cast<std::ptrdiff_t>(place);
        if (node == nullptr) {
            std::vector<std::string_view> names;
            for (auto const& each : config.nodes)
                names.push_back(each.name);
            auto const nearest = nearest_word(member, names);
            notes.error_at(
                member_path,
                fmt::format("member \"{}\" of group \"{}\" is no node{}", member, group.name,
                            nearest.empty() ? fmt::format("; add [node.{}]", member)
                                            : fmt::format("; did you mean \"{}\"?", nearest)));
        } else if (node->witness) {
            notes.error_at(member_path,
                           fmt::format("\"{0}\" is a witness and can be no member of group "
                                       "\"{1}\"; remove it here or witness = true in [node.{0}]",
                                       member, group.name));
        } else if (std::find(group.members.begin(), end, member) != end) {
            notes.error_at(member_path, fmt::format("member \"{}\" of group \"{}\" is named twice",
                                                    member, group.name));
        }
    }
}

void check_keys_are_members(group_config const& group, auto const& map, std::string const& path,
                            std::string_view what, config_notes& notes) {
    for (auto const& [node, value] : map)
        if (!group.has_member(node))
            notes.error_at(fmt::format("{}.{}", path, node),
                           fmt::format("\"{}\" names \"{}\", which is no member of group \"{}\"",
                                       what, node, group.name));
}

void check_masters(group_config const& group, std::string const& path, config_notes& notes) {
    auto const& never = group.mysql->never_master;
    for (std::size_t place = 0; place < never.size(); ++place)
        if (!group.has_member(never[place]))
            notes.error_at(fmt::format("{}.never_master[{}]", path, place),
                           fmt::format("\"never_master\" names \"{}\", which is no member of "
                                       "group \"{}\"",
                                       never[place], group.name));
    bool const none_left =
        std::all_of(group.members.begin(), group.members.end(), [&](auto const& each) {
            return std::find(never.begin(), never.end(), each) != never.end();
        });
    if (none_left && !group.members.empty())
        notes.error_at(path + ".never_master",
                       fmt::format("\"never_master\" names every member of group \"{}\"; leave at "
                                   "least one that may be master",
                                   group.name));
}

void check_mysql(group_config const& group, std::string const& path, config_notes& notes) {
    auto const& mysql = *group.mysql;
    check_masters(group, path, notes);
    check_keys_are_members(group, mysql.host_of, path + ".hosts", "hosts", notes);
    auto const longest =
        std::max_element(group.members.begin(), group.members.end(),
                         [](auto const& a, auto const& b) { return a.size() < b.size(); });
    if (longest == group.members.end())
        return;
    auto const account = mysql.replication_user_prefix + *longest;
    if (account.size() > account_letters_max)
        notes.error_at(path + ".replication_user_prefix",
                       fmt::format("the replication account \"{}\" is longer than {} letters; "
                                   "shorten replication_user_prefix",
                                   account, account_letters_max));
    auto const socket = for_node(mysql.socket, *longest);
    if (socket.size() > socket_letters_max)
        notes.error_at(path + ".socket",
                       fmt::format("the socket path \"{}\" is longer than {} letters", socket,
                                   socket_letters_max));
}

} // namespace

void check_timing(timing_config const& timing, config_notes& notes) {
    // What is left of the lease once both clocks may have drifted apart; see DESIGN: deadlines.
    double const share = 1.0 - 2.0 * timing.clock_drift;
    auto const usable = static_cast<double>(timing.lease.count()) * share;
    auto const needed = 2 * timing.interval.count() + timing.step_down.count();
    if (usable > static_cast<double>(needed))
        return;
    auto const least = static_cast<std::int64_t>(std::floor(static_cast<double>(needed) / share));
    auto const remedy =
        least < lease_max.count() ? fmt::format("raise it to {}, or ", least + 1) : std::string{};
    notes.error_at("cluster.lease_ms",
                   fmt::format("lease_ms = {} is too short: it must be more than 2 * interval_ms + "
                               "step_down_ms = {} after clock_drift; {}lower interval_ms ({}) or "
                               "step_down_ms ({})",
                               timing.lease.count(), needed, remedy, timing.interval.count(),
                               timing.step_down.count()));
}

void check_enforcement(configuration const& config, config_notes& notes) {
    auto const lease = config.cluster.timing.lease;
    if (config.enforcement == vip::enforcement::lifetime &&
        lease < vip::shortest_lease_with_lifetime)
        notes.error_at("vip.enforcement",
                       fmt::format("enforcement = \"lifetime\" needs lease_ms = {} or more, and it "
                                   "is {}; raise it, or choose another",
                                   to_ms(vip::shortest_lease_with_lifetime), lease.count()));
}

void check_hooks(configuration const& config, config_notes& notes) {
    for (std::size_t index = 0; index < config.groups.size(); ++index) {
        auto const& group = config.groups[index];
        auto const path = path_of_group(index);
        auto const by_hook = [](vip_config const& vip) { return vip.by_hook; };
        auto const first = std::find_if(group.vips.begin(), group.vips.end(), by_hook);
        auto const vip_path = fmt::format("{}.vip[{}].method", path, first - group.vips.begin());
        if (first == group.vips.end() && group.hook)
            notes.error_at(path + ".hook",
                           fmt::format("[group.hook] of group \"{}\" moves no address; set method "
                                       "= \"hook\" in its [[group.vip]]",
                                       group.name));
        if (first == group.vips.end())
            continue;
        if (!group.hook)
            notes.error_at(vip_path, fmt::format("method = \"hook\" needs [group.hook] with the "
                                                 "program for group \"{}\"",
                                                 group.name));
        if (!std::all_of(group.vips.begin(), group.vips.end(), by_hook))
            notes.error_at(vip_path, fmt::format("the virtual IPs of group \"{}\" are moved "
                                                 "together: give all of them the same method",
                                                 group.name));
    }
}

void check_nodes(configuration const& config, config_notes& notes) {
    if (config.nodes.empty())
        notes.error_at("node", "no nodes: add a section [node.NAME] with addresses = [\"...\"] for "
                               "each machine");
    if (config.nodes.size() > nodes_max)
        notes.error_at("node", fmt::format("{} nodes are more than the {} that are supported",
                                           config.nodes.size(), nodes_max));
    auto const path = [&](std::size_t index) { return "node." + config.nodes[index].name; };
    check_hashes(config.nodes, "node", notes, path);
    for (std::size_t index = 0; index < config.nodes.size(); ++index) {
        auto const& node = config.nodes[index];
        if (node.addresses.size() > addresses_of_node_max)
            notes.error_at(path(index) + ".addresses",
                           fmt::format("node \"{}\" has {} addresses; at most {} are supported",
                                       node.name, node.addresses.size(), addresses_of_node_max));
        if (node.witness && !node.voter)
            notes.error_at(path(index) + ".witness",
                           fmt::format("node \"{}\" cannot be a witness without a vote; remove "
                                       "voter = false or witness = true",
                                       node.name));
    }
    auto const voters = config.voters();
    if (voters == 0 && !config.nodes.empty())
        notes.error_at("node", "no voters: at least one node needs voter = true");
    if (voters > voters_max)
        notes.error_at("node", fmt::format("{} voters are more than the {} that are supported; "
                                           "set voter = false in some",
                                           voters, voters_max));
}

void check_groups(configuration const& config, config_notes& notes) {
    if (config.groups.size() > groups_max)
        notes.error_at("group", fmt::format("{} groups are more than the {} that are supported",
                                            config.groups.size(), groups_max));
    check_hashes(config.groups, "group", notes,
                 [](std::size_t index) { return path_of_group(index) + ".name"; });
    std::size_t vips = 0;
    for (std::size_t index = 0; index < config.groups.size(); ++index) {
        auto const& group = config.groups[index];
        auto const path = path_of_group(index);
        vips += group.vips.size();
        if (group.name == "cluster")
            notes.error_at(path + ".name", "the group name \"cluster\" is reserved for the set of "
                                           "voters; choose another");
        check_members(config, index, notes);
        if (group.vips.size() > vips_of_group_max)
            notes.error_at(path, fmt::format("group \"{}\" has {} virtual IPs; at most {} are "
                                             "supported",
                                             group.name, group.vips.size(), vips_of_group_max));
        for (std::size_t vip = 0; vip < group.vips.size(); ++vip)
            check_keys_are_members(group, group.vips[vip].interface_of,
                                   fmt::format("{}.vip[{}].interface", path, vip), "interface",
                                   notes);
        if (group.mysql)
            check_mysql(group, path + ".mysql", notes);
    }
    if (vips > vips_max)
        notes.error_at("group",
                       fmt::format("{} virtual IPs of all groups are more than the {} that "
                                   "are supported",
                                   vips, vips_max));
}

} // namespace tasuki::agent
