// `follow` of a [[pool]]: its backends are the members of a group with MySQL, by their names.
#include "tasuki/agent/config_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr std::int64_t lag_ms_most = 3'600'000;

std::vector<lb::backend_settings> backends_of(group_config const& group) {
    std::vector<lb::backend_settings> out;
    for (auto const& member : group.members) {
        auto const host = group.mysql->host_of.find(member);
        if (host == group.mysql->host_of.end())
            continue; // no such node, which has been said
        lb::backend_settings one;
        one.name = member;
        one.address = {host->second, group.mysql->port};
        out.push_back(std::move(one));
    }
    return out;
}

/// Of all pools that follow `group`, as the one for batch work says it.
std::string reserved_of(configuration const& config, std::string const& group) {
    for (auto const& pool : config.pools)
        if (pool.settings.follows.group == group && !pool.settings.follows.reserved.empty())
            return pool.settings.follows.reserved;
    return {};
}

void check_follow(pool_config const& pool, group_config const& group, std::string const& path,
                  config_notes& notes) {
    auto const& it = pool.settings.follows;
    auto const& name = pool.settings.name;
    if (!it.reserved.empty() && !group.has_member(it.reserved))
        notes.error_at(path + ".follow",
                       fmt::format("pool \"{}\" reserves \"{}\", which is no member of group "
                                   "\"{}\"",
                                   name, it.reserved, group.name));
    if (it.role == lb::group_role::batch && it.reserved.empty())
        notes.error_at(path + ".follow",
                       fmt::format("pool \"{}\" is for batch work: name the member that is kept "
                                   "for it, as reserved = \"...\"",
                                   name));
}

} // namespace

void read_follow(section_reader& pool, lb::pool_settings& out) {
    auto const* table = pool.table("follow");
    if (table == nullptr)
        return;
    section_reader section{
        pool.notes(), *table, {pool.path_of("follow"), "\"follow\" in " + pool.title()}};
    auto& follows = out.follows;
    follows.group = section.needed_name("group");
    follows.role = section.word<lb::group_role>("role",
                                                {{"master", lb::group_role::master},
                                                 {"replica", lb::group_role::replica},
                                                 {"batch", lb::group_role::batch}},
                                                lb::group_role::master);
    follows.lag_max = section.ms("max_lag_ms", {0, lag_ms_most, 0});
    follows.reserved = section.text("reserved", "");
    if (follows.role == lb::group_role::master && follows.lag_max > duration::zero())
        section.wrong("max_lag_ms", "is of replicas: a master does not lag");
    if (follows.role != lb::group_role::batch && !std::exchange(follows.reserved, {}).empty())
        section.wrong("reserved",
                      "goes with role = \"batch\"; pools of other roles learn it there");
    section.finish();
}

void fill_followed(configuration& config, config_notes& notes) {
    for (std::size_t index = 0; index < config.pools.size(); ++index) {
        auto& pool = config.pools[index].settings;
        if (!pool.follows.any())
            continue;
        auto const path = fmt::format("pool[{}]", index);
        auto const* group = config.find_group(pool.follows.group);
        if (group == nullptr || !group->mysql) {
            notes.error_at(
                path + ".follow",
                fmt::format("pool \"{}\" follows group \"{}\", which {}", pool.name,
                            pool.follows.group,
                            group == nullptr ? "the file does not have" : "has no [group.mysql]"));
            continue;
        }
        if (!pool.backends.empty())
            notes.error_at(path, fmt::format("pool \"{}\" follows a group, so its backends are the "
                                             "group's members: remove [[pool.backend]]",
                                             pool.name));
        check_follow(config.pools[index], *group, path, notes);
        pool.backends = backends_of(*group);
        auto const reserved = reserved_of(config, group->name);
        if (pool.follows.reserved.empty())
            pool.follows.reserved = reserved;
        if (pool.follows.reserved != reserved)
            notes.error_at(path + ".follow",
                           fmt::format("pool \"{}\" reserves \"{}\", and another one \"{}\": one "
                                       "member of a group is kept for batch work",
                                       pool.name, pool.follows.reserved, reserved));
    }
}

} // namespace tasuki::agent
