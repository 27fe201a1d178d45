// How the holder leaves: the successor gets ready while this node still serves, so that between the
// last answer of one and the first of the other nothing is written to any disk.
#include "tasuki/core/planted.hpp"
#include "tasuki/election/progress.hpp"

namespace tasuki::election {

namespace {

// A release is a courtesy that saves the successor the rest of the lease: said this often.
constexpr int release_repeats = 3;

// Voters that have promised the successor renew for us no more: an offer is a part of the lease.
constexpr int offer_share = 8;

} // namespace

void on_hand_over(progress& at, node_id successor) {
    auto& it = at.it;
    if (it.now_role != role::active)
        return;
    bool const offered = it.offered_until != never;
    if (offered && successor == it.successor)
        return;
    bool const another = successor.is_set() && successor != at.rules.cluster.self;
    if (offered || !another)
        return step_down(at, reason::handed_over, successor);
    it.successor = successor;
    it.offered_until = at.now + at.rules.terms.lease / offer_share;
    at.send_to_all(offer{it.under, at.rules.cluster.life, successor});
}

void on_ready(progress& at, node_id from, ready const& what) {
    auto const& it = at.it;
    if (it.now_role == role::active && it.offered_until != never && from == it.successor &&
        what.under > it.under)
        step_down(at, reason::handed_over, from);
}

void step_down(progress& at, reason because, node_id successor) {
    auto& it = at.it;
    at.change_role(role::stepping_down, because);
    it.leaving = because;
    it.offered_until = never;
    it.successor = successor;
    if (planted(bug::release_while_serving))
        at.send_to_all(release{it.under, at.rules.cluster.life, successor});
    at.commands.emplace_back(stop_serving{it.under, because});
}

void on_closed(progress& at, epoch under) {
    auto& it = at.it;
    if (it.now_role != role::stepping_down || under != it.under)
        return;
    forget_lease(it);
    at.change_role(role::standby, it.leaving);
    it.releases_left = release_repeats;
    it.release_at = at.now;
    // Whoever gives up the lease lets the others go first.
    it.stand_from = at.now + at.rules.terms.lease;
    it.holder = {};
    repeat_release(at);
}

void repeat_release(progress& at) {
    auto& it = at.it;
    if (it.releases_left == 0 || at.now < it.release_at)
        return;
    --it.releases_left;
    it.release_at = at.now + at.rules.interval / 4;
    at.send_to_all(release{it.under, at.rules.cluster.life, it.successor});
}

} // namespace tasuki::election
