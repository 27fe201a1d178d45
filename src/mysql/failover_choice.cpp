// A promotion from its beginning to the journal of `choose`: may it be done, and with what?

#include "failover_run.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>
#include <map>

namespace tasuki::mysql::failover {

void run::normalise() {
    journal_entry const& recorded = s_.input.recorded;
    if (s_.input.wish == kind::start)
        s_.what = kind::start;
    else if (recorded.now.master == s_.input.self)
        s_.what = kind::reopen;
    else if (recorded.reached == milestone::closed)
        s_.what = kind::switchover;
    else
        s_.what = kind::failover;
}

std::optional<std::string> run::objection() const {
    auto const& input = s_.input;
    standing const& recorded = input.recorded.now;
    member const* const me = find(input.members, input.self);
    if (me == nullptr)
        return "this node is not a member of the group";
    if (me->never_master && s_.what != kind::reopen)
        return me->name + " is configured as never_master";
    if (s_.what == kind::start && recorded.master.is_set() && recorded.master != input.self)
        return "the record already names a master, " + name(recorded.master);
    if (s_.what != kind::failover || input.allow_loss || proven_before())
        return std::nullopt;
    if (!recorded.master.is_set())
        return "no master is recorded for this group: run `tasuki bootstrap --master GROUP=NODE`";
    if (recorded.degraded && !rules_.promote_degraded && !planted(bug::degraded_promoted))
        return "degraded: commits were acknowledged that no replica has to hold, so a promotion "
               "may lose them; when_degraded = \"promote\" or --allow-loss accepts that";
    if (!recorded.degraded && !count_frozen(recorded, {}).now.needed)
        return "the record names fewer ackers than one commit needs, so nothing can be proven; "
               "--allow-loss accepts a loss";
    return std::nullopt;
}

std::optional<node_id> run::fallback_successor() const {
    for (member const& who : s_.input.members)
        if (is_other(who) && may_acknowledge(who) && !is_silent(who.node))
            return who.node;
    if (old_master().is_set() && old_master() != s_.input.self && !is_silent(old_master()))
        return old_master();
    return std::nullopt;
}

bool run::proven_before() const {
    milestone const reached = s_.input.recorded.reached;
    return reached == milestone::choose || reached == milestone::closed;
}

gtid_list run::own_holdings() const {
    server_facts const* const mine = facts_of(s_.input.self);
    if (mine == nullptr)
        return {};
    if (!mine->replica)
        return mine->binlog_position;
    return furthest(mine->replica->applied, mine->replica->received.value_or(gtid_list{}));
}

void run::check_confirm() {
    if (s_.book.waits_for(s_.input.self))
        return;
    server_facts const* const mine = facts_of(s_.input.self);
    if (mine == nullptr || !is_usable(mine->condition))
        return refuse(
            "the server of " + name(s_.input.self) + " is " +
                (mine == nullptr ? "not answering" : std::string(to_string(mine->condition))),
            fallback_successor());
    switch (s_.what) {
    case kind::switchover:
        return start_reach();
    case kind::failover:
        return start_freeze();
    case kind::start:
    case kind::reopen:
        return start_look();
    }
}

void run::start_reach() {
    enter(phase::reach, rules_.reach_limit);
    s_.target = s_.input.recorded.promotion;
    say("the old master was closed at " + s_.target.to_string());
    put(s_.input.self, await_position{s_.target}, rules_.reach_limit);
    put(old_master(), survey{}, rules_.confirm_limit);
    for (member const& who : s_.input.members)
        if (is_other(who) && !is_silent(who.node))
            put(who.node, await_position{s_.target}, rules_.reach_limit);
    s_.facts.erase(old_master());
}

void run::check_reach() {
    if (s_.book.waits_for(s_.input.self))
        return;
    server_facts const* const mine = facts_of(s_.input.self);
    bool const reached =
        mine != nullptr && (covers(own_holdings(), s_.target) || planted(bug::closing_not_reached));
    if (s_.grace == never)
        s_.grace = now_ + rules_.straggler_grace;
    for (member const& who : s_.input.members)
        if (s_.book.waits_for(who.node) && !is_silent(who.node) && now_ < s_.grace)
            return;
    server_facts const* const old = facts_of(old_master());
    bool const old_answers = old != nullptr && is_usable(old->condition);
    if (old_answers && !old->read_only && !planted(bug::open_predecessor_ignored))
        return refuse("the old master " + name(old_master()) + " accepts writes again",
                      old_master());
    if (planted(bug::closing_not_reached))
        s_.target = own_holdings();
    if (!reached && old_answers)
        return refuse("this node could not reach " + s_.target.to_string() + " in time",
                      old_master());
    if (!reached) {
        say("the old master does not answer and " + s_.target.to_string() +
            " was not reached: going on as a failover");
        s_.book.clear();
        return start_freeze();
    }
    if (compare(own_holdings(), s_.target) != position_order::equal &&
        !planted(bug::closing_not_reached))
        return refuse(name(s_.input.self) + " holds " + own_holdings().to_string() +
                          ", more than the closed master, which ended at " + s_.target.to_string(),
                      old_master());
    for (member const& who : s_.input.members)
        if (server_facts const* const theirs = facts_of(who.node))
            if (theirs->replica && covers(theirs->replica->applied, s_.target))
                s_.drained.insert(who.node);
    choose({});
}

void run::start_freeze() {
    enter(phase::freeze, rules_.freeze_limit);
    write_fence();
    // A freeze only protects, so it need not wait for the record; the kill does.
    for (member const& who : s_.input.members) {
        if (who.node == old_master())
            continue;
        if (planted(bug::nobody_frozen)) {
            s_.frozen.insert(who.node);
            put(who.node, survey{}, rules_.freeze_limit);
            continue;
        }
        s_.to_unfreeze.insert(who.node);
        put(who.node, freeze{old_server()}, rules_.freeze_limit);
    }
    say("fencing " + name(old_master()) + ", freezing all others");
}

/// What a predecessor has proven stays in the record until this node has proven it anew.
void run::write_fence() {
    if (!proven_before() || planted(bug::proof_overwritten))
        return write(milestone::fence, {}, s_.input.recorded.now);
    s_.awaits_journal = true;
    s_.journal_bound = now_ + rules_.journal_limit;
    commands_.push_back(journal{s_.input.recorded});
}

void run::check_freeze() {
    if (!s_.fence_recorded)
        return;
    bool others = false;
    for (member const& who : s_.input.members) {
        if (!s_.book.waits_for(who.node))
            continue;
        if (who.node == s_.input.self || is_acker(s_.input.recorded.now, who.node))
            return;
        others = others || !is_silent(who.node);
    }
    if (s_.grace == never)
        s_.grace = now_ + rules_.straggler_grace;
    if (!others || now_ >= s_.grace)
        decide();
}

void run::decide() {
    assessment const seen =
        assess({s_.input.members, s_.input.recorded.now, s_.facts, s_.frozen, s_.refused});
    say(to_string(seen.freeze));
    for (contender const& each : seen.ranked) {
        say(name(each.node) + ": " + each.reason);
        if (!s_.alternative && !each.excluded && each.node != s_.input.self)
            s_.alternative = each.node;
    }
    if (seen.split_brain && !s_.input.allow_loss && !planted(bug::split_brain_ignored))
        return refuse("split brain: " + *seen.split_brain +
                          "; decide by hand which one to keep, then failover --to it --allow-loss",
                      std::nullopt);
    if (auto const reason = barred_here(seen))
        return refuse(name(s_.input.self) + " cannot be promoted: " + *reason, s_.alternative);
    if (gtid_list const extra = held_besides(seen); !extra.empty() && !s_.input.allow_loss)
        return refuse(name(s_.input.self) + " holds " + extra.to_string() + ", which " +
                          name(*seen.furthest_node) +
                          " does not have: its position cannot be compared",
                      s_.alternative);
    decide_among(seen);
}

std::optional<std::string> run::barred_here(assessment const& seen) const {
    for (contender const& each : seen.ranked)
        if (each.node == s_.input.self && each.excluded && each.comparable)
            return each.reason;
    server_facts const* const mine = facts_of(s_.input.self);
    if (mine == nullptr || !is_usable(mine->condition))
        return "its server does not answer any more";
    if (mine->replica && mine->replica->applier_errno != 0)
        return "its applier stopped: " + mine->replica->last_error;
    return std::nullopt;
}

/// Numbers alone say nothing of a server that did not replicate from this epoch's master: what it
/// has under them may be of its own.
gtid_list run::held_besides(assessment const& seen) const {
    bool const comparable =
        std::any_of(seen.ranked.begin(), seen.ranked.end(), [&](contender const& each) {
            return each.node == s_.input.self && each.comparable;
        });
    if (comparable || !seen.freeze.enough || !seen.furthest_node)
        return {};
    server_facts const* const furthest_seen = facts_of(*seen.furthest_node);
    return divergence(merge(known_state(*furthest_seen), seen.furthest_position),
                      merge(known_state(*facts_of(s_.input.self)), own_holdings()));
}

void run::decide_among(assessment const& seen) {
    gtid_list const own = own_holdings();
    if (seen.freeze.enough || planted(bug::freeze_not_counted)) {
        s_.target =
            planted(bug::most_advanced_ignored) ? own : furthest(seen.furthest_position, own);
        if (!covers(own, s_.target))
            s_.ahead = seen.furthest_node;
        return choose(seen);
    }
    if (!proven_before())
        return accept_or_refuse(seen, false);
    continue_before(seen);
}

void run::continue_before(assessment const& seen) {
    s_.target = s_.input.recorded.promotion;
    s_.lossy = s_.input.recorded.loss_accepted;
    gtid_list const held = merge(known_state(*facts_of(s_.input.self)), own_holdings());
    if (covers(own_holdings(), s_.target) && missing_from(held, s_.target).empty()) {
        s_.target = own_holdings();
        return choose(seen);
    }
    for (member const& who : s_.input.members) {
        server_facts const* const theirs = facts_of(who.node);
        if (!is_other(who) || theirs == nullptr || !is_usable(theirs->condition))
            continue;
        gtid_list const position = theirs->replica
                                       ? furthest(theirs->replica->applied, theirs->binlog_position)
                                       : theirs->binlog_position;
        if (covers(position, s_.target)) {
            s_.ahead = who.node;
            return choose(seen);
        }
    }
    accept_or_refuse(seen, true);
}

/// " (db2: it could not be frozen: ...)": what to bring back.
std::string run::missing_ackers(assessment const& seen) const {
    std::map<node_id, std::string> missing;
    standing const& recorded = s_.input.recorded.now;
    for (contender const& who : seen.ranked)
        for (auto const* set : {&recorded.ackers, &recorded.next_ackers})
            for (acker const& each : *set)
                if (each.node == who.node && !who.comparable)
                    missing[who.node] = who.reason;
                else if (each.node == who.node && facts_of(who.node)->life != each.life)
                    missing[who.node] = "it was restarted, and may have lost what it acknowledged";
    std::string out;
    for (auto const& [node, why] : missing)
        out += (out.empty() ? " (" : "; ") + name(node) + ": " + why;
    return out.empty() ? out : out + ")";
}

void run::accept_or_refuse(assessment const& seen, bool position_lost) {
    bool const accepted =
        s_.input.allow_loss || (s_.input.recorded.now.degraded && rules_.promote_degraded);
    std::string const why =
        to_string(seen.freeze) + missing_ackers(seen) +
        (position_lost ? ", and nobody holds " + s_.input.recorded.promotion.to_string() +
                             ", up to where the operation begun before had proven it"
                       : "");
    if (!accepted) {
        bool const old_answers = s_.facts.contains(old_master());
        std::optional<node_id> const back =
            old_answers ? std::optional(old_master()) : std::nullopt;
        return refuse("an acknowledged commit could be lost: " + why +
                          "; bring a missing one back, or failover --allow-loss",
                      back);
    }
    s_.lossy = true;
    s_.target = own_holdings();
    if (!seen.split_brain && seen.furthest_node && !covers(s_.target, seen.furthest_position)) {
        s_.target = seen.furthest_position;
        s_.ahead = seen.furthest_node;
    }
    say("not proven lossless, and accepted: " + why);
    choose(seen);
}

void run::choose(assessment const& seen) {
    std::vector<acker> frozen;
    for (contender const& each : seen.ranked)
        if (each.frozen && s_.facts.contains(each.node))
            frozen.push_back({each.node, s_.facts.at(each.node).life});
    enter(phase::choose, rules_.journal_limit);
    s_.bound = never;
    s_.chose = true;
    say(name(s_.input.self) + " becomes the master with " + s_.target.to_string() +
        (s_.ahead ? ", taking what it lacks from " + name(*s_.ahead) : ""));
    write(milestone::choose, std::move(frozen), s_.input.recorded.now);
    if (!planted(bug::choice_not_awaited))
        return;
    s_.awaits_journal = false;
    start_drain();
}

void run::start_look() {
    enter(phase::look, rules_.confirm_limit);
    for (member const& who : s_.input.members)
        if (who.node != s_.input.self)
            put(who.node, survey{}, rules_.confirm_limit);
}

void run::check_look() {
    if (s_.awaits_journal)
        return;
    if (s_.retracted)
        return start_arm();
    if (s_.grace == never)
        s_.grace = now_ + rules_.straggler_grace;
    for (member const& who : s_.input.members)
        if (s_.book.waits_for(who.node) && !(is_silent(who.node) && now_ >= s_.grace))
            return;
    for (member const& who : s_.input.members)
        if (auto const wrong = looks_wrong(who))
            return refuse(*wrong, s_.alternative);
    if (s_.what == kind::reopen) {
        if (auto const reason = may_have_forgotten())
            return refuse(*reason, std::nullopt);
        for (auto const* set : {&s_.input.recorded.now.ackers, &s_.input.recorded.now.next_ackers})
            for (acker const& each : *set) {
                server_facts const* const theirs = facts_of(each.node);
                if (theirs == nullptr || theirs->life == each.life)
                    s_.possible[each.node] = each;
            }
    }
    s_.target = own_holdings();
    if (s_.what != kind::reopen || s_.input.recorded.reached != milestone::choose ||
        planted(bug::choice_not_retracted))
        return start_arm();
    // A `choose` is believed as long as what was frozen for it stays frozen. What follows here
    // lets it acknowledge again, so the record has to stop saying so first.
    say("taking back that " + name(s_.input.recorded.chosen) + " was chosen");
    write_steady();
}

} // namespace tasuki::mysql::failover
