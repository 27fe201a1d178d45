// The database's half of a group: its wishes carried out, its server's fate turned into decisions.
#include "tasuki/agent/group.hpp"
#include "tasuki/agent/journal.hpp"
#include "tasuki/agent/plan.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration refusal_pause = milliseconds{3000};
constexpr std::uint64_t own_ticket = 1; // no procedure waits for the answer of these
constexpr std::uint64_t fence_ticket = 2;
constexpr duration fence_limit = milliseconds{1000};

} // namespace

opening group::opening_now(work const& job) const {
    opening now{elect_.under, journal_of(elect_.latest), {}, {}, false};
    for (auto const member : settings_.members)
        if (!job.alive(member))
            now.silent.insert(member);
    now.standby.insert(record().standby.begin(), record().standby.end());
    now.allow_loss = forced_ && forced_->allow_loss;
    return now;
}

void group::open_database(work& job) {
    auto const now = opening_now(job);
    bool const planned = now.recorded.reached == mysql::milestone::closed;
    bool const ours = now.recorded.now.master == node_.self;
    std::string const kind = planned ? "switchover" : ours ? "reopen" : "failover";
    operation_id id{job.at.wall_ms};
    if (forced_)
        id = forced_id_;
    else if (planned && elect_.latest.operation.is_set())
        id = elect_.latest.operation;
    begin_operation(job,
                    {id,
                     kind,
                     now.recorded.now.master,
                     planned && now.recorded.chosen.is_set() ? now.recorded.chosen : node_.self,
                     forced_ ? forced_->reason : std::string{},
                     !forced_ && !planned,
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
    step(job, election::hand_over{it.successor.value_or(node_id{})});
    update_fitness(job);
}

void group::on_wish(work& job, handing_over& it) {
    // The successor goes on with this operation; its last line is written there.
    note(job, "release", "the lease goes to " + node_.name_of(it.successor));
    operation_.running = false;
    step(job, election::hand_over{it.successor});
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
        return;
    }
    end_operation(job, it.refused ? "refused" : "done", it.text);
    if (retiring_) { // nobody takes over in good order: at least nothing is written any more
        fence_own_server(job);
        return step(job, election::hand_over{});
    }
    want_address(job);
}

void group::fence_own_server(work& job) {
    // Degraded commits need nobody's acknowledgement: only the end of the process stops them.
    mysql::operation what = mysql::close_writes{};
    if (elect_.latest.degraded_since_ms != 0)
        what = mysql::kill_server{};
    job.effects.emplace_back(submit_order{
        settings_.id, mysql::order{fence_ticket, elect_.under, fence_limit, std::move(what)}});
}

void group::facts(work& job, node_id node, mysql::server_facts const& read) {
    if (!data_)
        return;
    data_->read(node, read, job.at.now);
    if (node == node_.self) {
        bool const back = own_server_gone_ && read.condition == mysql::health::up;
        own_life_ = read.life;
        if (back) {
            own_server_gone_ = false;
            if (elect_.now_role == election::role::active)
                open_database(job);
        }
        bool const serving =
            elect_.now_role == election::role::active && data_->state() == service::open;
        auto const ready = readiness(job);
        if (serving && read.condition == mysql::health::hanging && ready.failover) {
            note(job, "hang", "mysqld does not answer: it is ended, so that it cannot commit");
            job.effects.emplace_back(
                submit_order{settings_.id, mysql::order{own_ticket, elect_.under, fence_limit,
                                                        mysql::kill_server{}}});
        }
    }
    grant_wishes(job);
    update_fitness(job);
}

void group::gone(work& job, server_incarnation) {
    if (!data_)
        return;
    own_server_gone_ = true;
    mysql::server_facts dead;
    dead.condition = mysql::health::down;
    dead.read_at = job.at.now;
    data_->read(node_.self, dead, job.at.now);
    release_if_master_is_dead(job);
    grant_wishes(job);
    update_fitness(job);
}

void group::release_if_master_is_dead(work& job) {
    if (!own_server_gone_ || elect_.now_role != election::role::active ||
        data_->state() == service::promoting)
        return;
    auto const ready = readiness(job);
    if (!ready.failover || !ready.to || *ready.to == node_.self || record().paused)
        return;
    job.effects.emplace_back(transition{settings_.id, "mysqld of the master died", "mysqld_died",
                                        elect_.under, "released to " + node_.name_of(*ready.to)});
    step(job, election::hand_over{*ready.to});
}

void group::answered(work& job, mysql::answer const& what) {
    if (!data_)
        return;
    // What cannot be closed (a commit waits for an acknowledgement that never comes) is ended: its
    // waiting commits are acknowledged to nobody, and the server can come back as a replica.
    bool const still_open = what.ticket == fence_ticket && !what.done;
    if (still_open && elect_.now_role != election::role::active && !own_server_gone_)
        job.effects.emplace_back(
            submit_order{settings_.id, mysql::order{own_ticket, elect_.under, fence_limit,
                                                    mysql::kill_server{}}});
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
            data_->presence(member, job.silent_since(member) > confirmed,
                            std::find(standby.begin(), standby.end(), member) != standby.end(),
                            job.at.now);
    release_if_master_is_dead(job);
}

mysql::readiness group::readiness(work const& job) const {
    mysql::readiness_input input;
    input.members = settings_.mysql->members;
    input.recorded = journal_of(record()).now;
    input.facts = data_->facts();
    for (auto const member : settings_.members)
        if (job.alive(member))
            input.alive.insert(member);
    input.standby.insert(record().standby.begin(), record().standby.end());
    input.promote_degraded = settings_.mysql->promote_degraded;
    return judge_readiness(input);
}

} // namespace tasuki::agent
