// A failover by hand: another node takes over because the operator says so, once and soon.
//
// Without a holder the chosen node stands by itself. A holder whose server is dead, and that nobody
// may relieve by the rules, records the permission and lets go. Neither outlives `force_patience`:
// what was allowed in one situation must not happen in another, hours later.
#include "tasuki/agent/group.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration force_patience = milliseconds{30'000};

} // namespace

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
    auto const active = holder(job.at.now);
    if (active == node_.self)
        return let_go_by_force(job, what, it);
    if (active.is_set() || it.to != node_.self)
        return answer(job, what, {.forward_to = active.is_set() ? active : it.to});
    take_over_by_force(job, what, it);
}

bool group::own_server_serves() const {
    if (!data_)
        return true;
    auto const known = data_->facts().find(node_.self);
    auto const condition =
        known == data_->facts().end() ? mysql::health::unknown : known->second.condition;
    bool const useless = condition == mysql::health::down || condition == mysql::health::hanging ||
                         condition == mysql::health::disk_full;
    return !own_server_gone_ && !useless && data_->state() != service::stuck;
}

bool group::hears_majority(work const& job) const {
    auto const& voters = rules_.cluster.voters;
    auto const heard =
        std::count_if(voters.begin(), voters.end(), [&](node_id each) { return job.alive(each); });
    return static_cast<std::size_t>(heard) >= rules_.cluster.majority();
}

/// Why the operator's word would not help this node, or nothing.
std::string group::unable_to_follow(work const& job, node_id to) const {
    auto const* member = mysql::find(settings_.mysql->members, to);
    if (member == nullptr || member->never_master)
        return " is configured as never_master";
    if (!willing(job, to))
        return " is not heard, or is on standby";
    auto const known = data_->facts().find(to);
    if (known == data_->facts().end())
        return " has not told how its server is";
    if (!mysql::is_usable(known->second.condition))
        return " has a server that is " + std::string{to_string(known->second.condition)};
    return {};
}

void group::let_go_by_force(work& job, operator_asked const& what, ask_failover const& it) {
    if (it.to == node_.self || own_server_serves())
        return answer(job, what,
                      {.code = "holder_alive",
                       .text = node_.name_of(node_.self) + " holds the lease of group " +
                               settings_.name + (data_ ? " and its server answers" : ""),
                       .next_command = "tasuki switchover " + settings_.name + " --to " +
                                       node_.name_of(it.to)});
    if (auto const why = unable_to_follow(job, it.to); !why.empty())
        return answer(job, what,
                      {.code = "no_candidate",
                       .text = node_.name_of(it.to) + why,
                       .next_command = "tasuki status"});
    if (it.dry_run)
        return answer(job, what, {.accepted = true, .plan = plain_plan("failover", it.to)});
    answer(job, what, {.accepted = true, .text = "started"});
    begin_operation(job, {what.operation,
                          "failover",
                          record().master,
                          it.to,
                          it.reason,
                          false,
                          true,
                          {},
                          {},
                          job.at.wall_ms});
    note(job, "release",
         "the lease goes to " + node_.name_of(it.to) + " by the operator's word" +
             (it.allow_loss ? ", a loss is accepted" : ""));
    let_go_ = operation_;
    let_go_until_ = job.at.now + force_patience;
    permission const word{it.to, it.allow_loss,
                          job.at.wall_ms + static_cast<std::uint64_t>(to_ms(force_patience))};
    queue_change(job, {[word, id = what.operation](election::record& record) {
                           write_permission(record, word);
                           record.operation = id;
                           record.kind = election::operation_kind::failover;
                       },
                       false,
                       {},
                       it.to});
}

void group::take_over_by_force(work& job, operator_asked const& what, ask_failover const& it) {
    if (!hears_majority(job))
        return answer(job, what,
                      {.code = "no_quorum",
                       .text = "no majority of voters is heard: nobody can hold the lease",
                       .next_command = "tasuki status"});
    forced_ = it;
    forced_id_ = what.operation;
    forced_until_ = job.at.now + force_patience;
    refused_until_ = long_ago;
    std::string why;
    bool const eligible = suitability(job, &why).eligible;
    if (!eligible || it.dry_run)
        forced_.reset();
    if (!eligible)
        return answer(job, what,
                      {.code = "not_eligible", .text = why, .next_command = "tasuki status"});
    if (it.dry_run)
        return answer(job, what, {.accepted = true, .plan = plain_plan("failover", it.to)});
    update_fitness(job);
    answer(job, what, {.accepted = true, .text = "started"});
}

void group::watch_force(work& job) {
    auto const holding = holder(job.at.now);
    auto const role = elect_.now_role;
    bool const still_standing = role == election::role::standby ||
                                role == election::role::canvassing ||
                                role == election::role::claiming;
    if (forced_ && holding.is_set() && holding != node_.self)
        void_force(job, node_.name_of(holding) + " became active first");
    else if (forced_ && still_standing && job.at.now >= forced_until_)
        void_force(job, node_.name_of(node_.self) + " could not get the lease in " +
                            std::to_string(to_ms(force_patience) / 1000) +
                            " s, and the permission is void: look at the quorum, then try again");
    if (!let_go_)
        return;
    if (holding.is_set() && holding != node_.self)
        let_go_.reset(); // its own operation now
    else if (job.at.now >= let_go_until_) {
        auto const present = std::exchange(operation_, *std::exchange(let_go_, std::nullopt));
        end_operation(job, "failed", node_.name_of(operation_.to) + " did not take over");
        if (present.running)
            operation_ = present;
    }
}

void group::void_force(work& job, std::string text) {
    auto const wish = *std::exchange(forced_, std::nullopt);
    update_fitness(job);
    begin_operation(job, {forced_id_,
                          "failover",
                          record().master,
                          node_.self,
                          wish.reason,
                          false,
                          true,
                          {},
                          {},
                          job.at.wall_ms});
    end_operation(job, "failed", std::move(text));
}

} // namespace tasuki::agent
