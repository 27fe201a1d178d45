#include "tasuki/agent/guard_duty.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

bool writes_unprotected(group const& of) {
    auto const role = of.election_state().now_role;
    bool const ours = role == election::role::active || role == election::role::stepping_down;
    bool const may_write = of.data() != nullptr && of.open_to_clients_until() != never;
    return ours && may_write && of.record().degraded_since_ms != 0;
}

bool stays(group const& one) {
    return one.election_state().now_role == election::role::active && writes_unprotected(one);
}

} // namespace

std::vector<group_id> unprotected_here(node const& of) {
    std::vector<group_id> out;
    for (auto const& [id, group] : of.groups())
        if (writes_unprotected(*group))
            out.push_back(id);
    return out;
}

bool falls_silent(vip::enforcement rung) {
    return rung >= vip::enforcement::nftables;
}

std::vector<std::uint64_t> guard_basis(node const& of, std::uint64_t signer,
                                       vip::enforcement rung) {
    auto out = of.farewell_basis();
    for (auto const id : unprotected_here(of))
        out.push_back(id.value());
    out.push_back(signer);
    out.push_back(falls_silent(rung) ? 1 : 0);
    return out;
}

bool keeps_within_leases(node const& of, instant now) {
    return std::none_of(of.groups().begin(), of.groups().end(), [&](auto const& each) {
        auto const& group = *each.second;
        return group.address_here() && !group.settings().by_hook &&
               group.election_state().until.hard <= now;
    });
}

std::size_t guard_slots::of(group_id id) {
    if (auto const known = slots_.find(id); known != slots_.end())
        return known->second;
    std::set<std::size_t> taken;
    for (auto const& [group, slot] : slots_)
        taken.insert(slot);
    std::size_t free = 0;
    while (taken.contains(free))
        ++free;
    return slots_[id] = free;
}

bool guard_slots::leave(group const& one) {
    if (!stays(one))
        return true;
    staying_.insert(one.settings().id);
    return false;
}

std::vector<guard_slots::change> guard_slots::changes(node const& after) {
    std::vector<change> out;
    for (auto at = staying_.begin(); at != staying_.end();) {
        auto const& one = *after.groups().at(*at);
        auto const& held = one.election_state();
        auto const slot = of(*at);
        // Served again it is extended with the addresses.
        bool const served = one.served_under().has_value();
        if (!served && stays(one)) {
            out.push_back({slot, false, held.under, held.until.hard});
            ++at;
            continue;
        }
        if (!served)
            out.push_back({slot, true, held.under, long_ago});
        at = staying_.erase(at);
    }
    return out;
}

} // namespace tasuki::agent
