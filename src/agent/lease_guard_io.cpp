// What the guardian of this node needs to act when the lease thread cannot.
#include "tasuki/agent/lease_body_io.hpp"

#include <algorithm>
#include <set>

namespace tasuki::agent {

static_assert(groups_max <= guard::slots_max);

namespace {

/// Whoever is dead: what is behind a gate is silent at its deadline.
bool falls_silent(vip::keeper const& addresses) {
    return addresses.rung() >= vip::enforcement::nftables;
}

} // namespace

void lease_loop::body::open_guard() {
    guard_ = std::make_unique<guard_link>(
        io_, guard::socket_path(options_.runtime_dir),
        guard_link::callbacks{
            [this] {
                depart(remark{false, "a guardian stands by: it acts if this agent cannot"});
                equip_guard();
            },
            [this](std::string const& why) {
                depart(remark{true, "no guardian: " + why +
                                        " (a killed agent keeps the address until the kernel "
                                        "takes it away; start tasuki-guard)"});
            }});
    if (options_.inherited)
        take_over_guard();
}

/// The same as long as the page is: a group that the file names in another place keeps its slot.
std::size_t lease_loop::body::slot_of(group_id id) {
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

std::vector<group_id> lease_loop::body::degraded_here() const {
    std::vector<group_id> out;
    for (auto const& [id, group] : node_->groups())
        if (group->served_under() && group->data() != nullptr &&
            group->record().degraded_since_ms != 0)
            out.push_back(id);
    return out;
}

std::vector<std::uint64_t> lease_loop::body::guard_basis() const {
    auto out = node_->farewell_basis();
    for (auto const id : degraded_here())
        out.push_back(id.value());
    out.push_back(options_.keys.print(options_.keys.signer()).value());
    out.push_back(falls_silent(*keeper_) ? 1 : 0);
    return out;
}

/// The farewells hold for the sessions and epochs of this moment, and for the key that signs.
void lease_loop::body::keep_guard_equipped() {
    if (guard_->is_here() && guard_basis() != guard_basis_)
        equip_guard();
}

void lease_loop::body::equip_guard() {
    guard_basis_ = guard_basis();
    guard::orders out;
    out.listings = keeper_->connections();
    out.falls_silent = falls_silent(*keeper_);
    out.requests = keeper_->removals();
    // Nobody else has what was written here: nothing is given away before that server is dead. Of
    // several such servers none can be named, so that the leases run out by themselves.
    auto const degraded = degraded_here();
    out.end_server = !degraded.empty();
    auto const server = degraded.size() == 1 ? servers_.find(degraded.front()) : servers_.end();
    auto const* self = options_.from.find_node(settings_.self);
    for (auto& each : node_->farewells(read_clocks().now)) {
        auto const* peer = options_.from.find_node(each.header.to);
        if (peer == nullptr || each.path >= peer->addresses.size() ||
            each.path >= self->addresses.size() || out.datagrams.size() == guard::datagrams_max)
            continue;
        each.header.payload = each.payload;
        out.datagrams.push_back({self->addresses[each.path],
                                 {peer->addresses[each.path], options_.from.heartbeat_port},
                                 heartbeat::seal(each.header, cluster_, options_.keys)});
    }
    guard_->equip(std::move(out), server == servers_.end() ? -1 : server->second->get());
}

} // namespace tasuki::agent
