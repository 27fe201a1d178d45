// The operator's wishes, and the timeline of every operation.
#include "tasuki/agent/group.hpp"
#include "tasuki/agent/journal.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration bootstrap_patience = milliseconds{5000};

} // namespace

void group::begin_operation(work& job, running_operation started) {
    operation_ = std::move(started);
    operation_.running = true;
    operation_.started_ms = job.at.wall_ms;
}

void group::note(work& job, std::string step_name, std::string text) {
    if (!operation_.running) { // the keeping of replicas is no operation: it goes to the log
        job.effects.emplace_back(transition{settings_.id, "replication", std::move(step_name),
                                            elect_.under, std::move(text)});
        return;
    }
    job.effects.emplace_back(progress_note{operation_.id,
                                           settings_.id,
                                           operation_.kind,
                                           operation_.from,
                                           operation_.to,
                                           elect_.under,
                                           node_.self,
                                           std::move(step_name),
                                           std::move(text),
                                           {},
                                           operation_.reason,
                                           job.at.wall_ms,
                                           operation_.automatic});
}

void group::end_operation(work& job, std::string result, std::string text) {
    if (!operation_.running)
        return;
    operation_.running = false;
    // What came down elsewhere than it was meant to has not been done.
    bool const missed = operation_.kind == "switchover" && operation_.to.is_set() &&
                        operation_.to != node_.self && result == "done";
    if (missed) {
        result = "failed";
        text = node_.name_of(operation_.to) + " did not take over: " + node_.name_of(node_.self) +
               " is active" + (text.empty() ? "" : "; " + text);
    }
    operation_.result = result;
    operation_.text = text;
    job.effects.emplace_back(
        progress_note{operation_.id, settings_.id, operation_.kind, operation_.from, operation_.to,
                      elect_.under, node_.self, "end", std::move(text), std::move(result),
                      operation_.reason, job.at.wall_ms, operation_.automatic});
}

void group::answer(work& job, operator_asked const& asked, answer_operator reply) {
    reply.request = asked.request;
    job.effects.emplace_back(std::move(reply));
}

void group::wish(work& job, operator_asked const& what) {
    std::visit([&](auto const& it) { asked(job, what, it); }, what.wish);
    grant_wishes(job);
}

/// Only the active node changes a record; true if it is another one, and the answer says which.
bool group::forwarded(work& job, operator_asked const& what) {
    if (elect_.now_role == election::role::active)
        return false;
    auto const active = holder(job.at.now);
    if (active.is_set() && active != node_.self)
        answer(job, what, {.forward_to = active});
    else
        answer(job, what,
               {.code = "no_active",
                .text = "no node of group " + settings_.name + " is active now",
                .next_command = "tasuki why " + settings_.name});
    return true;
}

void group::asked(work& job, operator_asked const& what, ask_switchover const& it) {
    if (forwarded(job, what))
        return;
    if (it.to && *it.to == node_.self)
        return answer(job, what,
                      {.code = "already_active",
                       .text = node_.name_of(node_.self) + " is already active",
                       .next_command = "tasuki status"});
    if (!data_)
        return switch_plain(job, what, it);
    if (data_->state() != service::open)
        return answer(job, what,
                      {.code = "busy",
                       .text = "the database is " + std::string{to_string(data_->state())} +
                               (data_->detail().empty() ? "" : ": " + data_->detail()),
                       .next_command = "tasuki why " + settings_.name});
    if (it.dry_run) {
        pending_plan_ = what;
        return data_->switch_over(opening_now(job), it.to, true, job.at.now);
    }
    answer(job, what, {.accepted = true, .text = "started"});
    begin_operation(job, {what.operation,
                          "switchover",
                          node_.self,
                          it.to.value_or(node_id{}),
                          it.reason,
                          false,
                          true,
                          {},
                          {},
                          job.at.wall_ms});
    data_->switch_over(opening_now(job), it.to, false, job.at.now);
}

void group::switch_plain(work& job, operator_asked const& what, ask_switchover const& it) {
    auto const& standby = record().standby;
    auto const willing = [&](node_id member) {
        return member != node_.self && job.alive(member) &&
               std::find(standby.begin(), standby.end(), member) == standby.end();
    };
    auto const first = std::find_if(settings_.members.begin(), settings_.members.end(), willing);
    node_id const to = it.to.value_or(first == settings_.members.end() ? node_id{} : *first);
    bool const member = std::find(settings_.members.begin(), settings_.members.end(), to) !=
                        settings_.members.end();
    if (!member || !willing(to))
        return answer(job, what,
                      {.code = "no_candidate",
                       .text = to.is_set() ? node_.name_of(to) + " is no member that can take over"
                                           : "no other member is up",
                       .next_command = "tasuki status"});
    if (it.dry_run)
        return answer(job, what, {.accepted = true, .plan = plain_plan("switchover", to)});
    begin_operation(job, {what.operation,
                          "switchover",
                          node_.self,
                          to,
                          it.reason,
                          false,
                          true,
                          {},
                          {},
                          job.at.wall_ms});
    note(job, "release", "the lease goes to " + node_.name_of(to));
    operation_.running = false; // the successor ends it
    answer(job, what, {.accepted = true, .text = "started"});
    queue_change(job, {[id = what.operation, to](election::record& record) {
                           record.operation = id;
                           record.kind = election::operation_kind::switchover;
                           record.chosen = to;
                       },
                       false,
                       {},
                       to});
}

/// What would happen, where no procedure makes a plan of its own.
http::plan_view group::plain_plan(std::string kind, node_id to) const {
    http::plan_view plan;
    plan.kind = std::move(kind);
    plan.group = settings_.name;
    plan.from = node_.name_of(record().master);
    plan.to = node_.name_of(to);
    plan.lossless = !data_;
    plan.before = {{plan.from, "active", {}}, {plan.to, "standby", {}}};
    plan.after = {{plan.to, "active", {}}, {plan.from, "standby", {}}};
    plan.steps = {{"lease", plan.to, {}, {}, "claim the lease under the next epoch"}};
    if (data_)
        plan.steps.push_back({"promote", plan.to, {}, {}, "freeze the ackers, drain, open writes"});
    for (auto const& address : settings_.addresses)
        plan.steps.push_back({"address", plan.to, {}, {}, "take " + address});
    return plan;
}

void group::asked(work& job, operator_asked const& what, ask_failover const& it) {
    auto const& members = settings_.members;
    if (std::find(members.begin(), members.end(), it.to) == members.end())
        return answer(job, what,
                      {.code = "no_candidate",
                       .text = "say which member of group " + settings_.name + " takes over",
                       .next_command = "tasuki failover " + settings_.name + " --to NODE"});
    if (it.to != node_.self)
        return answer(job, what, {.forward_to = it.to});
    auto const active = holder(job.at.now);
    if (active.is_set())
        return answer(
            job, what,
            {.code = "holder_alive",
             .text = node_.name_of(active) + " holds the lease of group " + settings_.name,
             .next_command =
                 "tasuki switchover " + settings_.name + " --to " + node_.name_of(it.to)});
    if (it.dry_run)
        return answer(job, what, {.accepted = true, .plan = plain_plan("failover", it.to)});
    forced_ = it;
    forced_id_ = what.operation;
    refused_until_ = long_ago;
    update_fitness(job);
    std::string why;
    if (!suitability(job, &why).eligible) {
        forced_.reset();
        return answer(job, what,
                      {.code = "not_eligible", .text = why, .next_command = "tasuki status"});
    }
    answer(job, what, {.accepted = true, .text = "started"});
}

void group::asked(work& job, operator_asked const& what, ask_pause const& it) {
    if (forwarded(job, what))
        return;
    queue_change(job, {[it](election::record& record) {
                           record.paused = it.paused;
                           record.paused_until_ms = it.paused ? it.until_ms : 0;
                           record.pause_reason = it.paused ? it.reason : std::string{};
                       },
                       false, what});
}

void group::asked(work& job, operator_asked const& what, ask_standby const& it) {
    if (forwarded(job, what))
        return;
    bool const leaves = it.standby && it.node == node_.self;
    if (leaves && !successor_exists(job))
        return answer(job, what,
                      {.code = "no_candidate",
                       .text = node_.name_of(it.node) + " is the active node of group " +
                               settings_.name + ", and nobody could take over",
                       .next_command = "tasuki why " + settings_.name});
    queue_change(job, {[it](election::record& record) {
                           std::erase(record.standby, it.node);
                           if (it.standby)
                               record.standby.push_back(it.node);
                       },
                       false, what});
}

bool group::successor_exists(work const& job) const {
    if (data_)
        return readiness(job).failover;
    auto const& standby = record().standby;
    return std::any_of(settings_.members.begin(), settings_.members.end(), [&](node_id member) {
        return member != node_.self && job.alive(member) &&
               std::find(standby.begin(), standby.end(), member) == standby.end();
    });
}

/// What the record asks of the active node itself: a pause that is over, a standby of its own.
void group::obey_record(work& job) {
    auto const holding = holder(job.at.now);
    if (holding.is_set() && holding != node_.self)
        forced_.reset(); // somebody else was faster: the permission is void
    if (elect_.now_role != election::role::active || !changes_.empty())
        return;
    auto const& known = record();
    if (known.paused && known.paused_until_ms != 0 && job.at.wall_ms >= known.paused_until_ms)
        queue_change(job, {[](election::record& record) {
                               record.paused = false;
                               record.paused_until_ms = 0;
                               record.pause_reason.clear();
                           },
                           false,
                           {}});
    bool const leaves =
        std::find(known.standby.begin(), known.standby.end(), node_.self) != known.standby.end();
    if (!leaves || operation_.running || !successor_exists(job))
        return;
    if (!data_)
        return step(job, election::hand_over{});
    if (data_->state() != service::open)
        return;
    begin_operation(job, {operation_id{job.at.wall_ms},
                          "switchover",
                          node_.self,
                          {},
                          node_.name_of(node_.self) + " goes on standby",
                          true,
                          true,
                          {},
                          {},
                          job.at.wall_ms});
    data_->switch_over(opening_now(job), std::nullopt, false, job.at.now);
}

void group::asked(work& job, operator_asked const& what, ask_bootstrap const& it) {
    auto const& vote = elect_.vote;
    if (!vote.votes)
        return answer(job, what,
                      {.code = "not_a_voter",
                       .text = node_.name_of(node_.self) + " is no voter: ask on one that is",
                       .next_command = "tasuki bootstrap"});
    if (!vote.blank)
        return answer(job, what,
                      {.code = "already_bootstrapped",
                       .text = "group " + settings_.name + " has a record already",
                       .next_command = "tasuki status"});
    if (data_ && !it.master.is_set())
        return answer(job, what,
                      {.code = "master_missing",
                       .text = "group " + settings_.name + " has MySQL: say who is its master",
                       .next_command = "tasuki bootstrap --master " + settings_.name + "=NODE"});
    auto const& members = settings_.members;
    if (it.master.is_set() && std::find(members.begin(), members.end(), it.master) == members.end())
        return answer(job, what,
                      {.code = "not_a_member",
                       .text = "the master has to be a member of group " + settings_.name,
                       .next_command = "tasuki bootstrap --master " + settings_.name + "=NODE"});
    pending_bootstrap_ = {what, it, job.at.now + bootstrap_patience};
    continue_bootstrap(job);
}

/// The first record is written only when every voter has said that it has no state; agents that
/// have just been started take a moment to say so.
void group::continue_bootstrap(work& job) {
    if (!pending_bootstrap_)
        return;
    auto const [what, wish, deadline] = *pending_bootstrap_;
    auto const& answers = elect_.vote.recollections;
    std::string missing;
    for (auto const voter : rules_.cluster.voters) {
        bool const blank = voter == node_.self ||
                           std::any_of(answers.begin(), answers.end(), [&](auto const& each) {
                               return each.node == voter && each.what.blank;
                           });
        if (!blank)
            missing += (missing.empty() ? "" : ", ") + node_.name_of(voter);
    }
    if (!missing.empty() && job.at.now < deadline)
        return;
    pending_bootstrap_.reset();
    if (!missing.empty())
        return answer(
            job, what,
            {.code = "voters_missing",
             .text = "not every voter answers that it has no state yet; missing: " + missing,
             .next_command = "tasuki status"});
    election::record first;
    first.written_under = epoch{1};
    first.version = record_version{1};
    first.kind = election::operation_kind::start;
    first.master = wish.master.is_set() ? wish.master : settings_.members.front();
    answer(job, what, {.accepted = true, .text = "the first record is written"});
    step(job, election::start_cluster{std::move(first)});
}

} // namespace tasuki::agent
