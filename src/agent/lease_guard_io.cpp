// What the guardian of this node needs to act when the lease thread cannot.
#include "tasuki/agent/lease_body_io.hpp"

#include <algorithm>
#include <set>

namespace tasuki::agent {

static_assert(groups_max <= guard::slots_max);

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

std::vector<std::uint64_t> lease_loop::body::basis_now() const {
    return guard_basis(*node_, options_.keys.print(options_.keys.signer()).value(),
                       keeper_->rung());
}

/// What has stayed open for a server that writes while a program takes its time.
void lease_loop::body::keep_slots() {
    for (auto const& each : slots_.changes(*node_))
        if (each.closes)
            guard_->close(each.slot);
        else // if it was seized meanwhile, the guardian is about to end this process
            (void)guard_->extend(each.slot, each.under, each.deadline);
}

/// The farewells hold for the sessions and epochs of this moment, and for the key that signs.
void lease_loop::body::keep_guard_equipped() {
    if (guard_->is_here() && basis_now() != guard_basis_)
        equip_guard();
}

void lease_loop::body::equip_guard() {
    guard_basis_ = basis_now();
    guard::orders out;
    out.listings = keeper_->connections();
    out.falls_silent = falls_silent(keeper_->rung());
    out.requests = keeper_->removals();
    // Nobody else has what was written here: nothing is given away before that server is dead. Of
    // several such servers none can be named, so that the leases run out by themselves.
    auto const degraded = unprotected_here(*node_);
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
