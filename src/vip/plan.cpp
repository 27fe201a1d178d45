#include "tasuki/vip/plan.hpp"

#include <algorithm>
#include <map>

namespace tasuki::vip {

namespace {

using desired_by_address = std::map<ip_address, desired_address>;

operation make(action what, reason why, desired_address const& desired, std::uint32_t valid_s) {
    return {.what = what,
            .address = desired.address,
            .link = desired.link,
            .why = why,
            .valid_s = valid_s,
            .group = desired.group,
            .owner = desired.owner};
}

bool in_place(observed_address const& seen, desired_address const& desired) {
    return seen.address == desired.address && seen.link == desired.link;
}

/// Why an observed address of ours has to go; `wanted` if it may stay.
reason verdict(observed_address const& seen, desired_by_address const& desired, instant now) {
    auto const found = desired.find(seen.address.address);
    if (found == desired.end())
        return reason::leftover;
    if (found->second.deadline <= now)
        return reason::lease_ended;
    if (!in_place(seen, found->second))
        return reason::misplaced;
    return seen.duplicate ? reason::duplicate : reason::wanted;
}

operation removal(observed_address const& seen, reason why, desired_by_address const& desired) {
    operation out;
    out.what = action::remove;
    out.address = seen.address;
    out.link = seen.link;
    out.why = why;
    if (auto const found = desired.find(seen.address.address); found != desired.end()) {
        out.group = found->second.group;
        out.owner = found->second.owner;
    }
    return out;
}

bool lifetime_differs(std::uint32_t seen_s, std::uint32_t valid_s) {
    if (valid_s == 0)
        return false;
    if (valid_s == forever_s || seen_s == forever_s)
        return seen_s != valid_s;
    return seen_s < valid_s;
}

} // namespace

std::string_view to_string(action what) {
    switch (what) {
    case action::remove:
        return "remove";
    case action::add:
        return "add";
    case action::refresh:
        return "refresh";
    }
    return "remove";
}

std::string_view to_string(reason why) {
    switch (why) {
    case reason::wanted:
        return "wanted";
    case reason::leftover:
        return "leftover";
    case reason::released:
        return "released";
    case reason::lease_ended:
        return "lease_ended";
    case reason::misplaced:
        return "misplaced";
    case reason::duplicate:
        return "duplicate";
    case reason::untagged:
        return "untagged";
    case reason::lifetime:
        return "lifetime";
    }
    return "wanted";
}

std::string operation::name() const {
    return std::string{to_string(what)} + " " + address.to_string() + " (" +
           std::string{to_string(why)} + ")";
}

std::vector<operation> plan(std::vector<desired_address> const& desired,
                            std::vector<observed_address> const& observed,
                            std::set<ip_address> const& configured, plan_policy const& policy,
                            instant now) {
    desired_by_address wanted;
    for (auto const& one : desired)
        wanted.insert_or_assign(one.address.address, one);

    std::vector<operation> operations;
    std::map<ip_address, observed_address> staying;
    for (auto const& seen : observed) {
        if (seen.protocol != policy.tag && !configured.contains(seen.address.address))
            continue;
        auto const why = verdict(seen, wanted, now);
        if (why == reason::wanted)
            staying.insert_or_assign(seen.address.address, seen);
        else
            operations.push_back(removal(seen, why, wanted));
    }
    for (auto const& [address, one] : wanted) {
        auto const valid_s = valid_seconds(policy.rung, one.deadline, now);
        if (one.deadline <= now)
            continue;
        auto const seen = staying.find(address);
        if (seen == staying.end()) {
            if (valid_s != 0)
                operations.push_back(make(action::add, reason::wanted, one, valid_s));
        } else if (lifetime_differs(seen->second.valid_s, valid_s)) {
            operations.push_back(make(action::refresh, reason::lifetime, one, valid_s));
        } else if (seen->second.protocol != policy.tag && valid_s != 0) {
            operations.push_back(make(action::refresh, reason::untagged, one, valid_s));
        }
    }
    return operations;
}

result<std::uint32_t> choose_link(configured_address const& address,
                                  std::vector<link_state> const& links,
                                  std::vector<observed_address> const& observed,
                                  std::set<ip_address> const& configured) {
    if (!address.interface.empty()) {
        auto const named = std::find_if(links.begin(), links.end(), [&](link_state const& link) {
            return link.name == address.interface;
        });
        if (named != links.end())
            return named->index;
        return problem{failure::absent, "no interface " + address.interface + " for " +
                                            address.address.to_string() +
                                            " on this node: correct `interface` in [[group.vip]]"};
    }
    observed_address const* narrowest = nullptr;
    for (auto const& seen : observed) {
        if (!seen.address.contains(address.address.address) ||
            configured.contains(seen.address.address))
            continue;
        auto const link = std::find_if(links.begin(), links.end(), [&](link_state const& one) {
            return one.index == seen.link && !one.loopback;
        });
        if (link == links.end())
            continue;
        if (narrowest == nullptr || seen.address.length > narrowest->address.length)
            narrowest = &seen;
    }
    if (narrowest != nullptr)
        return narrowest->link;
    return problem{failure::absent, "no interface of this node has an address in the subnet of " +
                                        address.address.address.to_string() +
                                        ": set `interface` in [[group.vip]]"};
}

} // namespace tasuki::vip
