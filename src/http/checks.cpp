#include "tasuki/http/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace tasuki::http {

namespace {

constexpr std::array names{
    std::pair{std::string_view{"active"}, check_kind::active},
    std::pair{std::string_view{"standby"}, check_kind::standby},
    std::pair{std::string_view{"primary"}, check_kind::primary},
    std::pair{std::string_view{"master"}, check_kind::primary},
    std::pair{std::string_view{"replica"}, check_kind::replica},
    std::pair{std::string_view{"health"}, check_kind::health},
    std::pair{std::string_view{"liveness"}, check_kind::liveness},
    std::pair{std::string_view{"readiness"}, check_kind::readiness},
};

check_answer yes(std::string body) {
    return {200, std::move(body) + "\n"};
}
check_answer no(std::string body) {
    return {503, std::move(body) + "\n"};
}

member_view const* own_membership(group_view const& group, cluster_view const& view) {
    auto const found = std::find_if(group.members.begin(), group.members.end(),
                                    [&](member_view const& one) { return one.node == view.node; });
    return found == group.members.end() ? nullptr : &*found;
}

node_view const* own_node(cluster_view const& view) {
    auto const found = std::find_if(view.nodes.begin(), view.nodes.end(),
                                    [&](node_view const& one) { return one.name == view.node; });
    return found == view.nodes.end() ? nullptr : &*found;
}

bool holds(group_view const& group, cluster_view const& view) {
    auto const lease_holds = !group.lease_left || *group.lease_left > view.shown_age;
    return group.active == view.node && group.state == "active" && lease_holds;
}

check_answer check_active(group_view const& group, cluster_view const& view) {
    if (holds(group, view))
        return yes(fmt::format("active: {} epoch {}", group.name, group.epoch));
    return no(fmt::format("not active in {}: {}", group.name, group.active.value_or("nobody")));
}

check_answer check_standby(group_view const& group, cluster_view const& view) {
    auto const* member = own_membership(group, view);
    auto const* node = own_node(view);
    if (member == nullptr)
        return no("not a member of " + group.name);
    if (group.active == view.node)
        return no("active, not standby, in " + group.name);
    if (node != nullptr && node->standby)
        return no("put into standby by hand: " + node->standby->reason);
    if (group.state != "standby")
        return no(fmt::format("{} in {}", group.state, group.name));
    if (!member->eligible)
        return no(fmt::format("cannot take over {}: {}", group.name, member->reason));
    return yes("standby: " + group.name);
}

check_answer check_primary(group_view const& group, cluster_view const& view) {
    if (!group.mysql)
        return check_active(group, view);
    if (group.mysql->master != view.node || !holds(group, view))
        return no(fmt::format("not master of {}: {}", group.name,
                              group.mysql->master.value_or("nobody")));
    auto const& servers = group.mysql->servers;
    auto const own = std::find_if(servers.begin(), servers.end(), [&](mysql_server_view const& it) {
        return it.node == view.node;
    });
    if (own == servers.end() || !own->shown_age || *own->shown_age + view.shown_age > stale_after)
        return no("the state of the master is not known now");
    if (own->health != "up")
        return no(fmt::format("master of {}, but MySQL is {}", group.name, own->health));
    if (own->writable != true)
        return no(fmt::format("master of {}, but MySQL accepts no writes", group.name));
    return yes(fmt::format("master: {} epoch {}", group.name, group.epoch));
}

check_answer check_replica(group_view const& group, cluster_view const& view,
                           std::optional<milliseconds> lag_max) {
    if (!group.mysql)
        return no(group.name + " has no MySQL");
    auto const& replicas = group.mysql->replicas;
    auto const found = std::find_if(replicas.begin(), replicas.end(),
                                    [&](replica_view const& one) { return one.node == view.node; });
    if (found == replicas.end() || found->role == "former_master")
        return no("no replica of " + group.name);
    if (found->quarantined || found->errant)
        return no("quarantined: " + found->quarantined.value_or("transactions of its own"));
    if (!found->shown_age || *found->shown_age + view.shown_age > stale_after)
        return no("the state of the replica is not known now");
    if (found->io != "running" || found->sql != "running")
        return no(fmt::format("replication does not run: io {}, sql {}", found->io, found->sql));
    if (lag_max && (!found->lag || *found->lag > *lag_max))
        return no(found->lag ? fmt::format("lag {} ms, more than {} ms", found->lag->count(),
                                           lag_max->count())
                             : std::string{"lag not known"});
    return yes("replica: " + group.name);
}

check_answer check_health(cluster_view const& view) {
    auto const judged = assess(view);
    std::string body{to_string(judged.word)};
    for (auto const& reason : judged.reasons)
        body += "\n" + reason.text;
    return judged.word == health::down ? no(std::move(body)) : yes(std::move(body));
}

check_answer check_liveness(cluster_view const& view) {
    auto const text = fmt::format("last report {} ms ago", view.shown_age.count());
    return view.shown_age > stale_after ? no(text) : yes(text);
}

check_answer check_readiness(std::string const& wanted, cluster_view const& view) {
    if (view.shown_age > stale_after)
        return check_liveness(view);
    if (!view.quorum.ok)
        return no("no quorum");
    if (auto const* node = own_node(view); node != nullptr && node->standby)
        return no("put into standby by hand: " + node->standby->reason);
    for (auto const& group : view.groups) {
        auto const* member = own_membership(group, view);
        if (member == nullptr || (!wanted.empty() && wanted != group.name))
            continue;
        if (!holds(group, view) && !member->eligible)
            return no(fmt::format("neither active nor able to take over {}: {}", group.name,
                                  member->reason));
    }
    return yes("ready");
}

bool asks_about_one_group(check_kind kind) {
    return kind == check_kind::active || kind == check_kind::standby ||
           kind == check_kind::primary || kind == check_kind::replica;
}

/// The named group, or the only one this node is a member of, or a refusal.
std::pair<group_view const*, check_answer> select(std::string const& wanted,
                                                  cluster_view const& view) {
    group_view const* only = nullptr;
    std::string members;
    for (auto const& group : view.groups) {
        if (!wanted.empty() && group.name == wanted)
            return {&group, {}};
        if (own_membership(group, view) == nullptr)
            continue;
        only = members.empty() ? &group : nullptr;
        members += (members.empty() ? "" : ", ") + group.name;
    }
    if (!wanted.empty())
        return {nullptr, {404, fmt::format("no group \"{}\" in this cluster\n", wanted)}};
    if (members.empty())
        return {nullptr, no("this node is a member of no group")};
    if (only == nullptr)
        return {
            nullptr,
            {400, fmt::format("this node is in several groups: add ?group= one of {}\n", members)}};
    return {only, {}};
}

} // namespace

std::optional<check_kind> parse_check_kind(std::string_view name) {
    for (auto const& [word, kind] : names)
        if (word == name)
            return kind;
    return std::nullopt;
}

std::string_view to_string(check_kind wanted) {
    for (auto const& [word, kind] : names)
        if (kind == wanted)
            return word;
    return "health";
}

check_answer evaluate(check_query const& query, cluster_view const& view) {
    if (query.kind == check_kind::health)
        return check_health(view);
    if (query.kind == check_kind::liveness)
        return check_liveness(view);
    if (query.kind == check_kind::readiness && query.group.empty())
        return check_readiness({}, view);
    auto const [group, refusal] = select(query.group, view);
    if (group == nullptr)
        return refusal;
    if (view.shown_age > stale_after && asks_about_one_group(query.kind))
        return check_liveness(view);
    switch (query.kind) {
    case check_kind::active:
        return check_active(*group, view);
    case check_kind::standby:
        return check_standby(*group, view);
    case check_kind::primary:
        return check_primary(*group, view);
    case check_kind::replica:
        return check_replica(*group, view, query.lag_max);
    default:
        return check_readiness(query.group, view);
    }
}

std::optional<milliseconds> parse_lag(std::string_view text) {
    constexpr std::int64_t day_ms = 24 * 3600 * 1000;
    std::int64_t number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0 || number > day_ms)
        return std::nullopt;
    std::string_view const unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    std::int64_t const factor = unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "m" ? 60'000 : 0;
    if (factor == 0 || number * factor > day_ms)
        return std::nullopt;
    return milliseconds{number * factor};
}

} // namespace tasuki::http
