// A group changes its program and goes on: what is left, and what is made of it.
#include "tasuki/agent/group.hpp"

namespace tasuki::agent {

/// A long procedure cannot be cut in two: it lives in the memory of one program, and what it has
/// told a server is answered to that one. Keeping the replicas is begun anew at any time.
std::optional<group_inheritance> group::bequeath() const {
    bool const asked = pending_plan_ || pending_bootstrap_ || founding_ || forced_ || let_go_;
    bool const changing = operation_.running || change_sent_ || !changes_.empty() || closing_ ||
                          retiring_ || fence_.at != fencing::stage::none || fence_.owed;
    bool const active = elect_.now_role == election::role::active;
    bool const half_open =
        active && (address_wanted_ != address_here_ || (data_ && data_->state() != service::open));
    if (asked || changing || half_open)
        return std::nullopt;
    auto lease = election::bequeath(elect_);
    if (!lease)
        return std::nullopt;
    bool const server_closed = server_gate_.until({false, writable_, long_ago}) == never;
    return group_inheritance{std::move(*lease), address_here_, active_since_ms_, own_life_,
                             server_closed};
}

void group::inherit(work& job, group_inheritance const& left) {
    if (left.own_server_closed)
        server_gate_.inherited_closed();
    if (elect_.now_role != election::role::active)
        return;
    active_since_ms_ = left.active_since_ms;
    own_life_ = left.own_life; // a server that was restarted meanwhile is another one
    address_here_ = address_wanted_ = left.address_here;
    if (!data_)
        return;
    writable_ = true;
    server_gate_.opened(job.at.now);
    data_->go_on(opening_now(job), job.at.now);
    grant_wishes(job);
}

} // namespace tasuki::agent
