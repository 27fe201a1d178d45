// May this node stand for the group, and how long does it let others go first?
#include "tasuki/agent/group.hpp"
#include "tasuki/agent/journal.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

constexpr duration shortest_place = milliseconds{20};
constexpr char const* two_voters =
    "two voters alone: MySQL is never promoted by itself (a third voter, a witness, allows it)";

bool holds(std::vector<node_id> const& nodes, node_id node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

struct verdict {
    bool fit = false;
    std::string why;
};

verdict server_is_fit(database const& data, node_id self, election::record const& record) {
    if (!record.exists())
        return {false, "the group has no record yet: run `tasuki bootstrap`"};
    auto const known = data.facts().find(self);
    if (known == data.facts().end() || known->second.condition == mysql::health::unknown)
        return {false, "the local mysqld has not answered yet"};
    if (known->second.condition != mysql::health::up &&
        known->second.condition != mysql::health::waiting_for_ack)
        return {false, "the local mysqld is " + std::string{to_string(known->second.condition)}};
    return {true, {}};
}

/// The operator's word overrules what could be lost, not what cannot work.
verdict word_is_enough(database const& data, group_settings const& settings, node_id self,
                       election::record const& record) {
    auto const* member = mysql::find(settings.mysql->members, self);
    if (member == nullptr || member->never_master)
        return {false, "never_master by configuration"};
    return server_is_fit(data, self, record);
}

} // namespace

bool group::may_promote_itself() const {
    return node_.fence || node_.voters.size() != 2;
}

election::suitability group::suitability(work const& job, std::string* why) const {
    auto const refuse = [&](std::string text) {
        if (why != nullptr)
            *why = std::move(text);
        return election::suitability{};
    };
    auto const& known = record();
    if (!holds(settings_.members, node_.self))
        return refuse("not a member of the group");
    if (retiring_)
        return refuse("the agent is stopping");
    if (!link_up_)
        return refuse(settings_.by_hook ? link_trouble_
                                        : "the interface of the virtual IP is down");
    if (holds(known.standby, node_.self))
        return refuse("on standby by the operator");
    if (forced_ || permitted(job)) {
        auto const fit =
            data_ ? word_is_enough(*data_, settings_, node_.self, known) : verdict{true, {}};
        return fit.fit ? election::suitability{true, duration::zero()} : refuse(fit.why);
    }
    bool const handed = known.kind == election::operation_kind::switchover &&
                        known.chosen == node_.self && known.master != node_.self;
    if (known.paused && known.active != node_.self && !handed)
        return refuse("paused: " + known.pause_reason);
    if (job.at.now < refused_until_)
        return refuse(refusal_);

    duration const place = std::max<duration>(node_.interval / 2, shortest_place);
    if (!data_) {
        duration delay{};
        for (auto const member : settings_.members) {
            if (member == node_.self)
                break;
            // The silent holder is the reason to stand, and a dead one makes nobody wait.
            if (job.alive(member) && member != elect_.holder.node &&
                !holds(known.standby, member) && !planted(bug::places_ignored))
                delay += place;
        }
        return {true, delay};
    }

    auto const server = server_is_fit(*data_, node_.self, known);
    if (!server.fit)
        return refuse(server.why);
    if (known.master == node_.self || known.chosen == node_.self)
        return {true, duration::zero()};
    if (!may_promote_itself())
        return refuse(two_voters);
    auto const* self = mysql::find(settings_.mysql->members, node_.self);
    if (self == nullptr || self->never_master)
        return refuse("never_master by configuration");
    auto const ready = readiness(job);
    if (!ready.failover)
        return refuse(ready.reasons.empty() ? "no failover possible" : ready.reasons.front());
    return {true, ready.to == node_.self ? duration::zero() : 2 * place};
}

bool group::willing(work const& job, node_id member) const {
    return member != node_.self && holds(settings_.members, member) && job.alive(member) &&
           !holds(record().standby, member);
}

std::optional<node_id> group::first_willing(work const& job) const {
    for (auto const member : settings_.members)
        if (willing(job, member))
            return member;
    return std::nullopt;
}

bool group::successor_exists(work const& job) const {
    return data_ ? judge(job).failover : first_willing(job).has_value();
}

std::optional<permission> group::permitted(work const& job) const {
    auto const word = permission_of(record(), job.at.wall_ms);
    return word && word->to == node_.self ? word : std::nullopt;
}

/// What the servers say, whoever would have to decide.
mysql::readiness group::judge(work const& job) const {
    auto const recorded = standing_of(record());
    std::vector<node_id> alive;
    for (auto const member : settings_.members)
        if (job.alive(member))
            alive.push_back(member);
    return mysql::judge_readiness({settings_.mysql->members, recorded, data_->facts(), alive,
                                   record().standby, settings_.mysql->promote_degraded});
}

mysql::readiness group::readiness(work const& job) const {
    auto out = judge(job);
    auto const master = record().master;
    auto const known = data_->facts().find(master);
    bool const dead =
        known != data_->facts().end() && known->second.condition == mysql::health::down;
    if (dead && !out.failover)
        out.reasons.push_back("mysqld of the master " + node_.name_of(master) +
                              " is down: start it, or accept a loss with `tasuki failover " +
                              settings_.name + " --to NODE --allow-loss`");
    if (!may_promote_itself()) {
        out.failover = out.lossless = false;
        out.reasons.emplace_back(two_voters);
    }
    if (!leave_trouble_.empty())
        out.reasons.push_back(node_.name_of(node_.self) +
                              " is to go on standby and could not yet: " + leave_trouble_);
    return out;
}

void group::update_fitness(work& job) {
    auto const fit = suitability(job);
    if (fit == told_)
        return;
    told_ = fit;
    step(job, fit);
}

} // namespace tasuki::agent
