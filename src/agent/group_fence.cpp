// How a group lets go: in good order while there is time, and never with a server that still
// writes.
#include "tasuki/agent/group.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration fence_limit = milliseconds{1000};
constexpr duration shortest_limit = milliseconds{50};
constexpr duration answer_margin = milliseconds{500}; // an answer later than this counts as lost
constexpr duration fence_pause = milliseconds{1000};
constexpr duration vacate_patience = milliseconds{30'000};
constexpr duration refused_pause = milliseconds{30'000};
// The agent waits a little longer than this for its groups to become idle.
constexpr duration retire_patience = milliseconds{5000};

} // namespace

void group::stop_serving(work& job, election::stop_serving const& order) {
    drop_changes(job);
    forced_.reset();
    if (data_)
        data_->close();
    leave_by_ = std::max(elect_.until.hard, job.at.now);
    if (writable_) // a reading that was under way when it was opened may have come since
        server_gate_.opened(job.at.now);
    if (data_ && writable_ && !planted(bug::server_left_open)) {
        fence_.owed = true;
        // Half of what is left, so that a server that cannot be closed can still be ended in time.
        bool const planned = order.why == election::reason::handed_over;
        duration const left = leave_by_ - job.at.now;
        auto const limit =
            planned ? std::clamp<duration>(left / 2, shortest_limit, fence_limit) : fence_limit;
        // Without the lease somebody else may be master at any moment, and unprotected commits need
        // nobody's acknowledgement: only the end of the process stops them at once.
        bool const unprotected =
            elect_.latest.degraded_since_ms != 0 && !planted(bug::unprotected_only_closed);
        if (own_server_gone_ || (unprotected && !planned))
            kill_own_server(job, order.under);
        else
            close_own_server(job, order.under, limit);
    }
    if (operation_.running && order.why == election::reason::lease_lost) {
        end_operation(job, "failed", "the lease was lost");
        let_go_.reset();
    }
    vacating_.reset();
    address_wanted_ = false;
    closing_ = true;
    job.effects.emplace_back(close_address{settings_.id, order.under});
    if (planted(bug::release_before_address))
        finish_leaving(job);
}

/// The lease is given up when nothing of ours answers or writes; at its end it is over anyway.
void group::finish_leaving(work& job) {
    bool const fencing_goes_on = fence_.at != fencing::stage::none && job.at.now < leave_by_ &&
                                 !planted(bug::release_before_server);
    bool const address_stays = closing_ && !planted(bug::release_before_address);
    if (elect_.now_role != election::role::stepping_down || address_stays || fencing_goes_on)
        return;
    leave_by_ = long_ago;
    step(job, election::closed{elect_.under});
}

void group::close_own_server(work& job, epoch under, duration limit) {
    fence_.at = fencing::stage::closing;
    submit_fence(job, under, limit, mysql::close_writes{});
}

/// What cannot be closed (a commit waits for an acknowledgement that never comes) is ended: its
/// waiting commits are acknowledged to nobody, and the server can come back as a replica.
void group::kill_own_server(work& job, epoch under) {
    fence_.at = fencing::stage::killing;
    std::string why = own_server_gone_ ? "it does not answer, and its end has to be certain"
                                       : "it may accept writes, and this node may not";
    job.effects.emplace_back(
        transition{settings_.id, "mysqld is ended", "fence", under, std::move(why)});
    submit_fence(job, under, fence_limit, mysql::kill_server{});
}

void group::submit_fence(work& job, epoch under, duration limit, mysql::operation what) {
    fence_.ticket = ++own_tickets_;
    fence_.under = under;
    fence_.due = job.at.now + limit + answer_margin;
    job.effects.emplace_back(
        submit_order{settings_.id, mysql::order{fence_.ticket, under, limit, std::move(what)}});
}

void group::fence_answered(work& job, mysql::answer const& got) {
    if (got.done) {
        writable_ = false;
        fence_ = {};
    } else if (fence_.at == fencing::stage::closing) {
        kill_own_server(job, fence_.under);
    } else {
        fence_.at = fencing::stage::none;
        fence_.again_at = job.at.now + fence_pause;
    }
    finish_leaving(job);
}

void group::watch_fence(work& job) {
    if (fence_.at == fencing::stage::none)
        return;
    if (job.at.now >= fence_.due) {
        mysql::answer lost;
        fence_answered(job, lost);
    }
    if (leave_by_ != long_ago && job.at.now >= leave_by_) {
        leave_by_ = long_ago;
        finish_leaving(job);
    }
}

/// A server that accepts writes while another node is the master: our agent was not there, or could
/// not help it, when the lease went.
void group::guard_own_server(work& job, mysql::server_facts const& read) {
    bool const open = read.condition != mysql::health::down && read.life.is_set() &&
                      !read.read_only && !read.replica;
    writable_ = writable_ || open;
    auto const role = elect_.now_role;
    bool const may_be_master = role == election::role::recovering ||
                               role == election::role::active ||
                               role == election::role::stepping_down;
    bool const busy = fence_.at != fencing::stage::none || job.at.now < fence_.again_at;
    if (!open || may_be_master || busy || !record().exists() || planted(bug::open_server_ignored))
        return;
    auto const holding = holder(job.at.now);
    bool const another =
        record().master != node_.self || (holding.is_set() && holding != node_.self);
    if (!another && !fence_.owed)
        return;
    epoch const under = std::max(record().written_under, elect_.holder.under);
    auto const master = holding.is_set() ? holding : record().master;
    job.effects.emplace_back(
        transition{settings_.id, "mysqld is closed", "fence", under,
                   another ? "it accepts writes, and " + node_.name_of(master) + " is the master"
                           : "it accepts writes without the lease"});
    close_own_server(job, under, fence_limit);
}

instant group::open_to_clients_until() const {
    if (!data_ || !record().exists())
        return never; // nobody has said yet that it is ours
    auto const role = elect_.now_role;
    bool const ours = role == election::role::recovering || role == election::role::active ||
                      role == election::role::stepping_down;
    return server_gate_.until({ours, writable_, elect_.until.hard});
}

void group::link(work& job, bool up, std::string trouble) {
    link_up_ = up;
    link_trouble_ = std::move(trouble);
    if (!up && elect_.now_role == election::role::active)
        hand_over(job, {});
    update_fitness(job);
}

/// A program may take longer to give the addresses up than a lease lasts: the lease goes on until
/// it has, so that nobody takes them meanwhile. The end of a lease waits for nobody.
void group::hand_over(work& job, node_id successor, bool told) {
    bool const mine = address_wanted_ || address_here_ || closing_;
    if (vacating_)
        vacating_->to = successor;
    else if (!settings_.by_hook || !mine || elect_.now_role != election::role::active)
        return step(job, election::hand_over{successor});
    else
        vacating_ = {successor, job.at.now + vacate_patience, told};
    address_wanted_ = false;
    if (!std::exchange(closing_, true))
        job.effects.emplace_back(close_address{settings_.id, elect_.under});
}

/// The program could not take the addresses: another member may be luckier. Where there is none,
/// or it cannot go on now, it is tried again here.
void group::address_refused(work& job, std::string const& why) {
    refusal_ = "the addresses could not be taken: " + why;
    refused_until_ = job.at.now + refused_pause;
    update_fitness(job);
    if (job.at.now < relief_again_at_ || !successor_exists(job))
        return;
    relief_again_at_ = job.at.now + refused_pause;
    end_operation(job, "failed", refusal_);
    address_retry_at_ = never;
    leave(job, refusal_);
}

void group::retire(work& job) {
    retiring_ = true;
    retire_by_ = job.at.now + retire_patience;
    update_fitness(job);
    leave(job);
}

/// A switchover if there is time and somebody to take over; one that is under way goes on.
void group::leave(work& job, std::string reason) {
    if (elect_.now_role != election::role::active)
        return; // one that is about to become active gives the lease up then
    if (data_ && data_->state() == service::switching)
        return;
    if (!data_)
        return hand_over(job, retiring_ ? first_willing(job).value_or(node_id{}) : node_id{});
    if (data_->state() != service::open)
        return hand_over(job, {});
    begin_operation(job, {operation_id{job.at.wall_ms},
                          "switchover",
                          node_.self,
                          {},
                          std::move(reason),
                          true,
                          true,
                          {},
                          {},
                          job.at.wall_ms});
    data_->switch_over(opening_now(job), std::nullopt, false, job.at.now);
    grant_wishes(job);
}

void group::abandon(work& job) {
    if (is_idle())
        return;
    end_operation(job, "failed", "the agent had to end before it was done");
    if (elect_.now_role == election::role::active)
        return step(job, election::hand_over{});
    if (data_ && writable_ && fence_.at == fencing::stage::none)
        close_own_server(job, std::max(elect_.under, record().written_under), fence_limit);
    job.effects.emplace_back(close_address{settings_.id, elect_.under});
}

bool group::is_idle() const {
    return elect_.now_role == election::role::standby && elect_.releases_left == 0 &&
           fence_.at == fencing::stage::none;
}

} // namespace tasuki::agent
