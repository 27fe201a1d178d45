// May this node stand for the group, and how long does it let others go first?
#include "tasuki/agent/group.hpp"
#include "tasuki/agent/journal.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

constexpr duration shortest_place = milliseconds{20};

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

} // namespace

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
        return refuse("the interface of the virtual IP is down");
    if (holds(known.standby, node_.self))
        return refuse("on standby by the operator");
    if (forced_)
        return {true, duration::zero()};
    if (known.paused && known.active != node_.self)
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
            if (job.alive(member) && member != elect_.holder.node && !holds(known.standby, member))
                delay += place;
        }
        return {true, delay};
    }

    auto const server = server_is_fit(*data_, node_.self, known);
    if (!server.fit)
        return refuse(server.why);
    if (known.master == node_.self || known.chosen == node_.self)
        return {true, duration::zero()};
    auto const ready = readiness(job);
    if (!ready.failover)
        return refuse(ready.reasons.empty() ? "no failover possible" : ready.reasons.front());
    if (ready.to == node_.self)
        return {true, duration::zero()};
    auto const* self = mysql::find(settings_.mysql->members, node_.self);
    if (self == nullptr || self->never_master)
        return refuse("never_master by configuration");
    return {true, 2 * place};
}

void group::update_fitness(work& job) {
    auto const fit = suitability(job);
    if (fit == told_)
        return;
    told_ = fit;
    step(job, fit);
}

} // namespace tasuki::agent
