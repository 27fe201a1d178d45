#include "tasuki/lb/follow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::string_view role_names[] = {"master", "replica", "batch"};

placement as_master(group_standing const& it, std::string_view node, instant now) {
    if (it.epoch == 0)
        return {place::lost, "the agent of this node has not told who is master"};
    if (it.master.empty())
        return {place::lost, "no master is known"};
    if (it.master != node)
        return {place::lost, "not the master: that is " + it.master};
    if (now >= it.until)
        return {place::lost, "its lease may be over"};
    if (it.is_leaving)
        return {place::leaves, "a switchover is under way"};
    // Closed in a switchover: what its sessions do is over, and nobody else is master yet.
    return it.is_open ? placement{} : placement{place::leaves, "not open yet"};
}

/// Replicas are told one after the other to follow another master.
constexpr duration doubt_max = milliseconds{3000};

placement doubted(std::string why, placement const* before, instant now) {
    bool const is_out = before != nullptr && before->is == place::leaves;
    auto const since =
        before != nullptr && before->doubted_since != never ? before->doubted_since : now;
    if (is_out || now - since >= doubt_max)
        return {place::leaves, std::move(why), since};
    bool const was_last = before != nullptr && before->is == place::last; // a master that has gone
    return {was_last ? place::last : place::serves, std::move(why), since};
}

/// Before it is looked at who is reserved, and who is the last.
placement as_replica(follow_settings const& rules, group_standing const& it, std::string_view node,
                     placement const* before, instant now) {
    if (it.epoch == 0)
        return {}; // reading needs no lease: the health check alone decides
    if (it.master == node)
        return {place::last, "the master"};
    auto const found = std::find_if(it.replicas.begin(), it.replicas.end(),
                                    [&](auto const& one) { return one.node == node; });
    if (found == it.replicas.end())
        return doubted("the agents do not say how it replicates", before, now);
    if (!found->applies)
        return doubted("it does not replicate", before, now);
    if (rules.lag_max == duration::zero())
        return {};
    if (!found->lag)
        return doubted("how far it lags is not known", before, now);
    bool const was_out = before != nullptr && before->is == place::leaves;
    auto const bound = was_out ? rules.lag_max / 2 : rules.lag_max;
    if (*found->lag <= bound)
        return {};
    return {place::leaves, fmt::format("lags {} ms", found->lag->count())};
}

/// Stale answers are better than none: the one that lags least, or all that at least apply.
void keep_the_last(group_standing const& it, std::span<std::string const> backends,
                   std::vector<bool> const& able, std::vector<placement>& out) {
    std::vector<replica_standing const*> candidates(out.size(), nullptr);
    std::optional<milliseconds> least;
    for (std::size_t index = 0; index < out.size(); ++index) {
        if (!able.empty() && !able[index])
            continue;
        if (out[index].is == place::serves)
            return;
        for (auto const& one : it.replicas)
            if (one.node == backends[index] && one.node != it.master && one.applies)
                candidates[index] = &one;
        if (candidates[index] != nullptr && candidates[index]->lag)
            least = std::min(least.value_or(*candidates[index]->lag), *candidates[index]->lag);
    }
    for (std::size_t index = 0; index < out.size(); ++index)
        if (candidates[index] != nullptr && candidates[index]->lag == least) {
            out[index].is = place::serves;
            out[index].why += ", and no other is better";
        }
}

void put_reserved_aside(follow_settings const& rules, std::span<std::string const> backends,
                        std::vector<placement>& out) {
    if (rules.reserved.empty())
        return;
    for (std::size_t index = 0; index < out.size(); ++index) {
        bool const is_reserved = backends[index] == rules.reserved;
        bool const is_chosen = rules.role == group_role::batch ? is_reserved : !is_reserved;
        if (out[index].is != place::serves || is_chosen)
            continue;
        out[index].is = place::spare;
        out[index].why = is_reserved ? "reserved for batch work" : "not the one for batch work";
    }
}

} // namespace

std::string_view to_string(group_role it) {
    return role_names[static_cast<std::size_t>(it)];
}

std::string_view to_string(place it) {
    constexpr std::string_view names[] = {"serves", "is spare", "is the last resort",
                                          "is left by its sessions", "does not serve"};
    return names[static_cast<std::size_t>(it)];
}

std::vector<placement> places(follow_settings const& rules, group_standing const& it,
                              std::span<std::string const> backends,
                              std::span<placement const> before, instant now,
                              std::vector<bool> const& able) {
    std::vector<placement> out;
    out.reserve(backends.size());
    for (std::size_t index = 0; index < backends.size(); ++index) {
        auto const* const last = index < before.size() ? &before[index] : nullptr;
        out.push_back(rules.role == group_role::master
                          ? as_master(it, backends[index], now)
                          : as_replica(rules, it, backends[index], last, now));
    }
    if (rules.role == group_role::master)
        return out;
    keep_the_last(it, backends, able, out);
    put_reserved_aside(rules, backends, out);
    return out;
}

std::vector<placement> places_by_word(server_role role, duration lag_max,
                                      std::span<std::string const> backends,
                                      std::span<std::optional<server_seen> const> seen,
                                      std::span<placement const> before, instant now,
                                      std::vector<bool> const& able) {
    group_standing said;
    said.epoch = 1;
    for (std::size_t index = 0; index < backends.size(); ++index)
        if (seen[index])
            said.replicas.push_back({backends[index], seen[index]->applies, seen[index]->lag});
    follow_settings const rules{{}, group_role::replica, lag_max};
    std::vector<placement> out;
    for (std::size_t index = 0; index < backends.size(); ++index) {
        auto const* const last = index < before.size() ? &before[index] : nullptr;
        auto const& it = seen[index];
        if (role == server_role::any)
            out.emplace_back();
        else if (!it)
            out.push_back({place::last, "it was not asked yet what it is"});
        else if (!it->why.empty())
            out.push_back(doubted(it->why, last, now));
        else if (role == server_role::master)
            out.push_back(it->read_only ? placement{place::leaves, "read_only is on"}
                                        : placement{});
        else if (!it->read_only && !it->applies)
            out.push_back({place::last, "it is no replica, and takes writes"});
        else
            out.push_back(as_replica(rules, said, backends[index], last, now));
    }
    if (role == server_role::replica)
        keep_the_last(said, backends, able, out);
    return out;
}

instant places_change_at(follow_settings const& rules, group_standing const& it,
                         std::span<placement const> places, instant now) {
    bool const is_bound = rules.any() && rules.role == group_role::master && now < it.until;
    auto out = is_bound ? it.until : never;
    for (auto const& one : places)
        if (one.doubted_since != never && now < one.doubted_since + doubt_max)
            out = std::min(out, one.doubted_since + doubt_max);
    return out;
}

} // namespace tasuki::lb
