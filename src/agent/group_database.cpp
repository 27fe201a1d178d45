// The database's half of a group: its wishes carried out, its server's fate turned into decisions.
#include "tasuki/agent/group.hpp"
#include "tasuki/agent/journal.hpp"
#include "tasuki/agent/plan.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration refusal_pause = milliseconds{3000};
constexpr duration kill_limit = milliseconds{1000};

} // namespace

opening group::opening_now(work const& job) const {
    opening now{elect_.under, journal_of(elect_.latest), {}, {}, false};
    for (auto const member : settings_.members)
        if (!job.alive(member))
            now.silent.insert(member);
    now.standby.insert(record().standby.begin(), record().standby.end());
    auto const word = permitted(job);
    now.allow_loss = (forced_ && forced_->allow_loss) || (word && word->allow_loss);
    return now;
}

void group::open_database(work& job) {
    auto const now = opening_now(job);
    bool const ours = now.recorded.now.master == node_.self;
    bool const planned = now.recorded.reached == mysql::milestone::closed && !ours;
    bool const by_word = permitted(job).has_value();
    std::string const kind = planned ? "switchover" : ours ? "reopen" : "failover";
    operation_id id{job.at.wall_ms};
    if (forced_)
        id = forced_id_;
    else if ((planned || by_word) && elect_.latest.operation.is_set())
        id = elect_.latest.operation;
    if (operation_.running && operation_.id != id)
        end_operation(job, "failed", "interrupted: the server has to be opened anew");
    refuse_plan(job, "busy", "the server has to be opened anew");
    begin_operation(job,
                    {id,
                     kind,
                     now.recorded.now.master,
                     planned && now.recorded.chosen.is_set() ? now.recorded.chosen : node_.self,
                     forced_ ? forced_->reason : std::string{},
                     !forced_ && !planned && !by_word,
                     true,
                     {},
                     {},
                     job.at.wall_ms});
    note(job, "lease", "active under epoch " + std::to_string(elect_.under.value()));
    data_->open(now, job.at.now);
    grant_wishes(job);
}

void group::grant_wishes(work& job) {
    if (!data_)
        return;
    for (auto& wish : data_->take())
        std::visit([&](auto& it) { on_wish(job, it); }, wish);
}

void group::on_wish(work& job, mysql::ask& it) {
    if (it.node == node_.self && std::holds_alternative<mysql::open_writes>(it.what.what)) {
        writable_ = true;
        server_gate_.opened(job.at.now);
    }
    if (it.node == node_.self)
        job.effects.emplace_back(submit_order{settings_.id, std::move(it.what)});
    else
        job.effects.emplace_back(ask_peer{settings_.id, it.node, std::move(it.what)});
}

void group::on_wish(work& job, mysql::journal& it) {
    auto const kind = operation_.kind == "switchover" ? election::operation_kind::switchover
                      : operation_.running            ? election::operation_kind::failover
                                                      : election::operation_kind::none;
    queue_change(job, {[entry = std::move(it.entry), id = operation_.id, kind,
                        wall_ms = job.at.wall_ms](election::record& record) {
                           write_journal(record, entry, wall_ms);
                           record.operation = id;
                           record.kind = kind;
                       },
                       true,
                       {}});
    if (planted(bug::journal_not_awaited))
        data_->journalled(true, job.at.now);
}

void group::on_wish(work& job, mysql::note& it) {
    if (pending_plan_)
        return; // a dry run changes nothing, the history included
    note(job, std::move(it.step), std::move(it.text));
}

void group::on_wish(work& job, opened&) {
    forced_.reset();
    refusal_.clear();
    want_address(job);
    if (settings_.addresses.empty() || address_here_)
        end_operation(job, "done", {});
}

void group::on_wish(work& job, gave_up& it) {
    refusal_ = it.text;
    refused_until_ = job.at.now + refusal_pause;
    forced_.reset();
    end_operation(job, "refused", it.text);
    auto const successor = it.successor.value_or(node_id{});
    if (permission_of(record(), job.at.wall_ms)) // it was given for this one try
        queue_change(job, {clear_permission, false, {}, successor, true});
    else
        hand_over(job, successor);
    update_fitness(job);
}

void group::on_wish(work& job, handing_over& it) {
    // The successor goes on with this operation; its last line is written there.
    note(job, "release", "the lease goes to " + node_.name_of(it.successor));
    operation_.running = false;
    writable_ = false; // closed, verified, and recorded as such
    hand_over(job, it.successor, true);
}

void group::on_wish(work& job, switchover_ended& it) {
    if (it.dry_run && pending_plan_) {
        answer_operator reply;
        reply.accepted = !it.refused;
        reply.text = it.text;
        if (it.refused) {
            reply.code = "not_possible";
            reply.next_command = "tasuki why " + settings_.name;
        } else if (data_->plan()) {
            reply.plan = plan_of(node_, settings_, *data_->plan(), node_.self);
        }
        answer(job, *pending_plan_, std::move(reply));
        pending_plan_.reset();
        operation_.running = false;
        if (retiring_)
            leave(job);
        return;
    }
    end_operation(job, it.aborted ? "failed" : it.refused ? "refused" : "done", it.text);
    if (it.refused && leave_again_at_ != long_ago)
        leave_trouble_ = it.text;
    if (it.aborted)
        return resume_after_abort(job);
    if (retiring_) // nobody takes over in good order: at least nothing is written any more
        return hand_over(job, {});
    want_address(job);
}

/// The master may be closed under our own lease: whoever was recorded as its successor goes on, or
/// it is opened again. Either is safe: who opens has its own record committed before.
void group::resume_after_abort(work& job) {
    auto const recorded = journal_of(elect_.latest);
    bool const closed = recorded.reached == mysql::milestone::closed;
    if (closed && recorded.chosen.is_set() && recorded.chosen != node_.self)
        return hand_over(job, recorded.chosen);
    if (retiring_)
        return hand_over(job, {});
    open_database(job);
}

void group::facts(work& job, node_id node, mysql::server_facts const& read) {
    if (!data_)
        return;
    data_->read(node, read, job.at.now);
    if (node == node_.self)
        own_facts(job, read);
    grant_wishes(job);
    update_fitness(job);
}

void group::own_facts(work& job, mysql::server_facts const& read) {
    // A death that nobody saw: the server is down, or another process answers in its place. Of one
    // whose end was seen, the next life may have been opened already.
    bool const reborn = !own_server_gone_ && own_life_.is_set() && read.life.is_set() &&
                        read.life != own_life_ && !planted(bug::rebirth_unseen);
    if (reborn) {
        buried_ = own_life_;
        writable_ = false;
    }
    if (read.life.is_set())
        own_life_ = read.life;
    if (reborn || read.condition == mysql::health::down) {
        own_server_gone_ = true;
        data_->server_lost();
        release_if_master_is_dead(job);
    }
    if (own_server_gone_ && read.condition == mysql::health::up) {
        own_server_gone_ = false;
        if (elect_.now_role == election::role::active)
            open_database(job);
    }
    server_gate_.read(read);
    guard_own_server(job, read);
    bool const serving =
        elect_.now_role == election::role::active && data_->state() == service::open;
    if (!serving || read.condition != mysql::health::hanging || !readiness(job).failover)
        return;
    note(job, "hang", "mysqld does not answer: it is ended, so that it cannot commit");
    job.effects.emplace_back(
        submit_order{settings_.id,
                     mysql::order{++own_tickets_, elect_.under, kill_limit, mysql::kill_server{}}});
}

void group::gone(work& job, server_incarnation life) {
    if (!data_ || (life.is_set() && life == buried_))
        return;
    own_server_gone_ = true;
    writable_ = false;
    server_gate_.ended();
    fence_ = {};
    mysql::server_facts dead;
    dead.condition = mysql::health::down;
    dead.read_at = job.at.now;
    data_->read(node_.self, dead, job.at.now);
    data_->server_lost();
    release_if_master_is_dead(job);
    finish_leaving(job);
    grant_wishes(job);
    update_fitness(job);
}

void group::release_if_master_is_dead(work& job) {
    if (!own_server_gone_ || elect_.now_role != election::role::active ||
        data_->state() == service::promoting || vacating_)
        return;
    auto const ready = readiness(job);
    if (!ready.failover || !ready.to || *ready.to == node_.self || record().paused)
        return;
    job.effects.emplace_back(transition{settings_.id, "mysqld of the master died", "mysqld_died",
                                        elect_.under, "released to " + node_.name_of(*ready.to)});
    hand_over(job, *ready.to);
}

void group::held(work& job, sessions_held const& told) {
    if (!data_)
        return;
    data_->held(told.under, {told.by, told.sessions}, job.at.now);
    grant_wishes(job);
}

void group::answered(work& job, mysql::answer const& what) {
    if (!data_)
        return;
    if (fence_.at != fencing::stage::none && what.ticket == fence_.ticket)
        return fence_answered(job, what);
    data_->answered(what, job.at.now);
    grant_wishes(job);
}

void group::update_presence(work& job) {
    if (!data_)
        return;
    auto const& standby = record().standby;
    // A node that is itself deaf hears nobody: an acker is lost only if a majority has confirmed us
    // after it fell silent. Otherwise a deaf master would record that it goes on unprotected, and
    // nobody could take over from it.
    instant const confirmed = confirmed_at(elect_, rules_);
    for (auto const member : settings_.members)
        if (member != node_.self)
            data_->presence(
                member,
                planted(bug::deaf_master_degrades) ? job.alive(member)
                                                   : job.silent_since(member) > confirmed,
                std::find(standby.begin(), standby.end(), member) != standby.end(), job.at.now);
    release_if_master_is_dead(job);
}

} // namespace tasuki::agent
