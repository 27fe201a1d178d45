#include "tasuki/mysql/candidate.hpp"

#include <algorithm>

namespace tasuki::mysql {

namespace {

/// Why this server's position cannot be compared with the others', or nothing.
std::optional<std::string> incomparable(server_facts const& facts, endpoint const& master) {
    if (!is_usable(facts.condition))
        return "its server is " + std::string(to_string(facts.condition));
    if (!facts.replica)
        return "it does not replicate from anybody";
    if (facts.replica->master != master)
        return "it replicates from " + facts.replica->master.to_string() +
               ", not from the master " + master.to_string();
    if (!facts.replica->received)
        return "what it received is not known: its server or its receiver was restarted";
    return std::nullopt;
}

/// Why a comparable server must not be promoted, or nothing.
std::optional<std::string> unpromotable(member const& who, server_facts const& facts) {
    if (who.never_master)
        return "never_master";
    auto const& replica = *facts.replica;
    if (replica.applier_errno != 0)
        return "its applier stopped with error " + std::to_string(replica.applier_errno) +
               (replica.last_error.empty() ? "" : ": " + replica.last_error);
    // While the receiver runs, the freeze starts an applier that was merely stopped.
    auto const received = *holdings(facts);
    if (!replica.applier_runs && replica.receiver == thread_state::stopped &&
        !covers(replica.applied, received))
        return "its applier does not run and has not applied all that was received";
    if (compare(facts.binlog_position, received) == position_order::diverged)
        return "its binlog " + facts.binlog_position.to_string() +
               " holds transactions of its own beside those received, " + received.to_string();
    return std::nullopt;
}

endpoint master_of(std::vector<member> const& members, standing const& recorded) {
    member const* const master = find(members, recorded.master);
    return master == nullptr ? endpoint{} : master->server;
}

/// ": why", where the freeze was answered with a reason.
std::string refusal_of(assess_input const& input, node_id who) {
    auto const said = input.refused.find(who);
    return said == input.refused.end() ? "" : ": " + said->second;
}

/// A node's part in the assessment.
struct opinion {
    contender who;
    acker as_acker;
};

opinion judge(assess_input const& input, member const& who, std::size_t preference) {
    opinion out;
    out.who.node = who.node;
    out.who.preference = preference;
    out.who.frozen = input.frozen.contains(who.node);
    out.who.excluded = true;
    auto const place = input.facts.find(who.node);
    if (who.node == input.recorded.master) {
        out.who.reason = "it is the old master";
    } else if (place == input.facts.end()) {
        out.who.reason = "it does not answer" + refusal_of(input, who.node);
    } else if (auto reason =
                   incomparable(place->second, master_of(input.members, input.recorded))) {
        out.who.reason = std::move(*reason);
    } else {
        out.who.holds = *holdings(place->second);
        out.as_acker = {who.node, place->second.life};
        out.who.comparable = out.who.frozen;
        auto barred = unpromotable(who, place->second);
        if (!out.who.frozen)
            barred = "it could not be frozen" + refusal_of(input, who.node);
        out.who.excluded = barred.has_value();
        out.who.reason = barred.value_or("holds " + out.who.holds.to_string());
    }
    return out;
}

std::optional<std::string> find_split_brain(std::vector<opinion> const& all,
                                            std::vector<member> const& members) {
    for (auto left = all.begin(); left != all.end(); ++left)
        for (auto right = left + 1; right != all.end(); ++right)
            if (left->who.comparable && right->who.comparable &&
                compare(left->who.holds, right->who.holds) == position_order::diverged)
                return name_of(members, left->who.node) + " holds " + left->who.holds.to_string() +
                       " and " + name_of(members, right->who.node) + " holds " +
                       right->who.holds.to_string();
    return std::nullopt;
}

bool ranks_before(contender const& left, contender const& right) {
    if (left.excluded != right.excluded)
        return right.excluded;
    if (!left.excluded) {
        auto const order = compare(left.holds, right.holds);
        if (order == position_order::ahead)
            return true;
        if (order == position_order::behind)
            return false;
    }
    return left.preference < right.preference;
}

} // namespace

std::optional<gtid_list> holdings(server_facts const& facts) {
    if (!facts.replica)
        return facts.binlog_position;
    if (!facts.replica->received)
        return std::nullopt;
    return furthest(*facts.replica->received, facts.replica->applied);
}

gtid_list known_state(server_facts const& facts) {
    gtid_list const binlog = merge(facts.binlog_state, facts.binlog_position);
    return facts.replica ? merge(binlog, facts.replica->applied) : binlog;
}

bool is_usable(health condition) {
    // A survey that was answered before the first probe says `unknown`: it did answer.
    return condition == health::up || condition == health::unknown || condition == health::full ||
           condition == health::waiting_for_ack;
}

assessment assess(assess_input const& input) {
    std::vector<opinion> all;
    for (member const& who : input.members)
        all.push_back(judge(input, who, all.size()));

    assessment out;
    std::vector<acker> frozen;
    for (opinion const& each : all) {
        out.ranked.push_back(each.who);
        if (!each.who.comparable)
            continue;
        frozen.push_back(each.as_acker);
        bool const further = !out.furthest_node || compare(each.who.holds, out.furthest_position) ==
                                                       position_order::ahead;
        if (further) {
            out.furthest_node = each.who.node;
            out.furthest_position = each.who.holds;
        }
    }
    out.freeze = count_frozen(input.recorded, frozen);
    out.split_brain = find_split_brain(all, input.members);
    if (!out.split_brain)
        std::stable_sort(out.ranked.begin(), out.ranked.end(), ranks_before);
    return out;
}

namespace {

bool holds(std::vector<node_id> const& nodes, node_id node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

/// A member that is not the master.
struct prospect {
    member const& who;
    server_facts const* facts = nullptr;
    std::optional<std::string> absent{}; ///< why it could not take part in a failover now
};

std::vector<prospect> prospects_of(readiness_input const& input) {
    endpoint const master = master_of(input.members, input.recorded);
    std::vector<prospect> out;
    out.reserve(input.members.size());
    for (member const& who : input.members) {
        if (who.node == input.recorded.master)
            continue;
        auto& one = out.emplace_back(prospect{who});
        if (auto const place = input.facts.find(who.node); place != input.facts.end())
            one.facts = &place->second;
        if (!holds(input.alive, who.node))
            one.absent = "is not alive";
        else if (one.facts == nullptr)
            one.absent = "has not told its state";
        else if (auto const reason = incomparable(*one.facts, master))
            one.absent = "cannot be used: " + *reason;
    }
    return out;
}

std::optional<node_id> successor_of(readiness_input const& input,
                                    std::vector<prospect> const& prospects,
                                    std::vector<std::string>& reasons) {
    std::optional<node_id> best;
    for (auto const& [who, facts, absent] : prospects) {
        if (who.never_master)
            continue;
        auto reason = absent;
        if (!reason && holds(input.standby, who.node))
            reason = "is in standby";
        if (!reason)
            reason = unpromotable(who, *facts);
        if (reason) {
            reasons.push_back(who.name + ": " + *reason);
            continue;
        }
        bool const first_acker =
            best && !is_acker(input.recorded, *best) && is_acker(input.recorded, who.node);
        if (!best || first_acker)
            best = who.node;
    }
    return best;
}

freeze_verdict imagined_freeze(standing const& recorded, std::vector<prospect> const& prospects) {
    std::vector<acker> frozen;
    for (prospect const& each : prospects)
        if (!each.absent)
            frozen.push_back({each.who.node, each.facts->life});
    return count_frozen(recorded, frozen);
}

void add_durability_faults(readiness_input const& input, readiness& out) {
    for (member const& who : input.members) {
        auto const place = input.facts.find(who.node);
        bool const matters =
            who.node == input.recorded.master || is_acker(input.recorded, who.node);
        if (place == input.facts.end() || !matters)
            continue;
        for (std::string const& fault : place->second.durability_faults) {
            out.lossless = false;
            out.reasons.push_back(who.name + ": " + fault);
        }
    }
}

} // namespace

readiness judge_readiness(readiness_input const& input) {
    readiness out;
    if (!input.recorded.master.is_set()) {
        out.reasons.push_back("no master is recorded: run `tasuki bootstrap`");
        return out;
    }
    auto const prospects = prospects_of(input);
    out.to = successor_of(input, prospects, out.reasons);
    if (!out.to)
        out.reasons.push_back("no node could be promoted");
    if (input.recorded.degraded) {
        out.reasons.push_back("degraded: commits are not acknowledged by any replica");
        out.failover = out.to.has_value() && input.promote_degraded;
        return out;
    }
    freeze_verdict const freeze = imagined_freeze(input.recorded, prospects);
    if (!freeze.enough)
        out.reasons.push_back(to_string(freeze));
    out.failover = out.to.has_value() && freeze.enough;
    out.lossless = out.failover;
    if (out.lossless)
        add_durability_faults(input, out);
    return out;
}

} // namespace tasuki::mysql
