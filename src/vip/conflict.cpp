#include "tasuki/vip/conflict.hpp"

#include <algorithm>

namespace tasuki::vip {

conflict_watch::conflict_watch(std::set<ip_address> addresses, duration clear_after)
    : clear_after_(clear_after) {
    for (auto const& address : addresses)
        watched_.emplace(address, watched{});
}

void conflict_watch::set_held(ip_address const& address, bool held) {
    auto const found = watched_.find(address);
    if (found == watched_.end() || found->second.held == held)
        return;
    found->second = watched{.held = held, .sightings = {}};
}

std::optional<conflict> conflict_watch::observe(claim const& said, instant now) {
    auto const found = watched_.find(said.address);
    if (found == watched_.end() || own_.contains(said.mac) || !said.mac.is_set())
        return std::nullopt;
    auto& sightings = found->second.sightings;
    auto const known = std::find_if(sightings.begin(), sightings.end(),
                                    [&](sighting const& one) { return one.mac == said.mac; });
    if (known != sightings.end()) {
        known->last_seen = now;
        return std::nullopt;
    }
    // Without the address a peer's claim is the normal state; a full list is alarm enough.
    bool const expected = !found->second.held && peers_.contains(said.mac);
    if (expected || sightings.size() == claimants_max)
        return std::nullopt;
    sightings.push_back({said.mac, now, now});
    if (!found->second.held)
        return std::nullopt;
    return describe(said.address, sightings.back());
}

std::vector<conflict> conflict_watch::expire(instant now) {
    std::vector<conflict> over;
    for (auto& [address, one] : watched_) {
        auto const gone = std::stable_partition(
            one.sightings.begin(), one.sightings.end(),
            [&](sighting const& seen) { return now - seen.last_seen < clear_after_; });
        if (one.held)
            for (auto seen = gone; seen != one.sightings.end(); ++seen)
                over.push_back(describe(address, *seen));
        one.sightings.erase(gone, one.sightings.end());
    }
    return over;
}

std::optional<mac_address> conflict_watch::stranger(ip_address const& address,
                                                    instant since) const {
    auto const found = watched_.find(address);
    if (found == watched_.end())
        return std::nullopt;
    for (auto const& seen : found->second.sightings)
        if (seen.last_seen >= since && !peers_.contains(seen.mac) && !own_.contains(seen.mac))
            return seen.mac;
    return std::nullopt;
}

std::vector<conflict> conflict_watch::current() const {
    std::vector<conflict> out;
    for (auto const& [address, one] : watched_)
        if (one.held)
            for (auto const& seen : one.sightings)
                out.push_back(describe(address, seen));
    return out;
}

conflict conflict_watch::describe(ip_address const& address, sighting const& seen) const {
    return {.address = address,
            .mac = seen.mac,
            .peer = peers_.contains(seen.mac),
            .since = seen.since,
            .last_seen = seen.last_seen};
}

} // namespace tasuki::vip
