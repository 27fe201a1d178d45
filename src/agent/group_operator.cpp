// The operator's wishes, and the timeline of every operation.
#include "tasuki/agent/group.hpp"
#include "tasuki/agent/journal.hpp"
#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration bootstrap_patience = milliseconds{5000};
constexpr duration shortest_leave_pause = milliseconds{5000};
constexpr duration longest_leave_pause = milliseconds{60'000};

} // namespace

void group::begin_operation(work& job, running_operation started) {
    operation_ = std::move(started);
    operation_.running = true;
    operation_.started_ms = job.at.wall_ms;
}

void group::note(work& job, std::string step_name, std::string text) {
    bool const under_way = operation_.running || (vacating_ && vacating_->told);
    if (!under_way) { // the keeping of replicas is no operation: it goes to the log
        job.effects.emplace_back(transition{settings_.id,
                                            step_name == "address" ? "addresses" : "replication",
                                            std::move(step_name), elect_.under, std::move(text)});
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
    std::visit(overloaded{
                   [](ask_voters const&) {}, // no group's business
                   [&](auto const& it) { asked(job, what, it); },
               },
               what.wish);
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
    if (vacating_)
        return answer(job, what,
                      {.code = "busy",
                       .text = "the addresses are just being given up here",
                       .next_command = "tasuki why " + settings_.name});
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
    node_id const to = it.to.value_or(first_willing(job).value_or(node_id{}));
    if (!willing(job, to))
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
    if (leaves)
        leave_reason_ = it.reason;
    progress_note told;
    told.operation = what.operation;
    told.group = settings_.id;
    told.kind = it.standby ? "standby" : "activate";
    told.to = it.node;
    told.under = elect_.under;
    told.node = node_.self;
    told.step = "end";
    told.text = node_.name_of(it.node) + (it.standby ? " is on standby" : " is active again");
    told.result = "done";
    told.reason = it.reason;
    told.automatic = false;
    queue_change(job, {[it](election::record& record) {
                           std::erase(record.standby, it.node);
                           if (it.standby)
                               record.standby.push_back(it.node);
                       },
                       false,
                       what,
                       {},
                       false,
                       std::move(told)});
}

/// What the record asks of the active node itself: a pause that is over, a standby of its own.
void group::obey_record(work& job) {
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
    if (leaves)
        return leave_for_standby(job);
    leave_again_at_ = long_ago;
    leave_pause_ = {};
    leave_trouble_.clear();
    leave_reason_.clear();
}

/// Each try stops the writes for a moment: one that was refused is not repeated at once.
void group::leave_for_standby(work& job) {
    bool const possible = !data_ || data_->state() == service::open;
    if (operation_.running || !possible || job.at.now < leave_again_at_ || !successor_exists(job))
        return;
    leave_pause_ =
        std::clamp<duration>(2 * leave_pause_, shortest_leave_pause, longest_leave_pause);
    leave_again_at_ = job.at.now + leave_pause_;
    if (!data_)
        return hand_over(job, first_willing(job).value_or(node_id{}));
    begin_operation(job, {operation_id{job.at.wall_ms},
                          "switchover",
                          node_.self,
                          {},
                          node_.name_of(node_.self) + " goes on standby" +
                              (leave_reason_.empty() ? "" : ": " + leave_reason_),
                          false,
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
    if (founding_ && job.at.now >= founding_->deadline)
        answer(job, std::exchange(founding_, std::nullopt)->asked,
               {.code = "not_confirmed",
                .text = "the first record is on its way, but a majority has not confirmed it yet: "
                        "it is sent again to each voter that comes back",
                .next_command = "tasuki status"});
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
    bool const roll_first = missing.empty() && !rules_.cluster.is_known;
    if ((!missing.empty() || roll_first) && job.at.now < deadline)
        return;
    pending_bootstrap_.reset();
    if (roll_first)
        return answer(job, what,
                      {.code = "voters_unknown",
                       .text = "the record of who votes is not written by a majority yet",
                       .next_command = "tasuki status"});
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
    founding_ = {what, wish, job.at.now + bootstrap_patience};
    step(job, election::start_cluster{std::move(first)});
}

void group::founded(work& job) {
    if (founding_)
        answer(job, std::exchange(founding_, std::nullopt)->asked,
               {.accepted = true, .text = "the first record is written by a majority"});
}

} // namespace tasuki::agent
