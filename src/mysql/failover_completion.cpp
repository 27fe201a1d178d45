// A promotion from `drain` to `repoint`: this node completes itself, the others follow it.

#include "failover_run.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::mysql::failover {

void run::start_drain() {
    enter(phase::drain, rules_.drain_limit);
    for (member const& who : s_.input.members) {
        server_facts const* const facts = facts_of(who.node);
        bool const concerned =
            s_.frozen.contains(who.node) || who.node == s_.ahead || who.node == s_.input.self;
        if (facts == nullptr || s_.drained.contains(who.node))
            continue;
        // Without a replica role nothing waits to be applied. What was received in an earlier life
        // cannot be drained; the position to reach does not count it.
        bool const nothing =
            !facts->replica || !facts->replica->received || planted(bug::not_drained);
        if (nothing && concerned)
            s_.drained.insert(who.node);
        else if (concerned)
            put(who.node, drain{}, rules_.drain_slice);
    }
}

void run::drain_answered(question const& asked, answer const& got) {
    if (got.done) {
        s_.drained.insert(asked.node);
        return;
    }
    bool const needed = asked.node == s_.input.self || asked.node == s_.ahead;
    bool const goes_on = got.kind == failure::timed_out &&
                         (s_.at == phase::drain ? now_ < s_.bound : s_.at <= phase::repoint);
    if (goes_on)
        put(asked.node, drain{}, rules_.drain_slice);
    else if (needed && s_.at == phase::drain)
        abort(name(asked.node) + " could not apply all that it received: " + got.detail,
              s_.alternative);
    else
        s_.given_up.insert(asked.node);
}

void run::check_drain() {
    bool const self_ready = s_.drained.contains(s_.input.self);
    bool const ahead_ready = !s_.ahead || s_.drained.contains(*s_.ahead);
    if (!self_ready || !ahead_ready) {
        if (now_ >= s_.bound)
            abort("the relay log was not applied in time", s_.alternative);
        return;
    }
    if (s_.grace == never)
        s_.grace = now_ + rules_.straggler_grace;
    for (member const& who : s_.input.members)
        if (s_.frozen.contains(who.node) && s_.book.waits_for(who.node) && now_ < s_.grace)
            return;
    return s_.ahead && !planted(bug::ahead_not_fetched) ? start_equalise() : start_arm();
}

void run::start_equalise() {
    enter(phase::equalise, rules_.reach_limit);
    s_.following_ahead = true;
    say(name(*s_.ahead) + " holds more: replicating from it up to " + s_.target.to_string());
    put(s_.input.self,
        follow{find(s_.input.members, *s_.ahead)->server, self().account, false, false},
        rules_.step_limit);
}

void run::check_equalise() {
    if (s_.book.waits_for(s_.input.self))
        return;
    server_facts const* const mine = facts_of(s_.input.self);
    if (mine != nullptr && mine->replica && covers(mine->replica->applied, s_.target)) {
        s_.ahead.reset();
        return start_arm();
    }
    if (now_ >= s_.bound)
        return abort(s_.target.to_string() + " was not reached in time from " + name(*s_.ahead),
                     s_.alternative);
    // A slice ended, or a question was lost: both may be asked again.
    if (s_.to_unfreeze.contains(s_.input.self) && s_.tries_left-- == 0)
        return abort("could not replicate from " + name(*s_.ahead), s_.alternative);
    if (s_.to_unfreeze.contains(s_.input.self))
        return put(s_.input.self,
                   follow{find(s_.input.members, *s_.ahead)->server, self().account, false, false},
                   rules_.step_limit);
    put(s_.input.self, await_position{s_.target},
        std::min<duration>(rules_.drain_slice, s_.bound - now_));
}

gtid_list run::extra_of(server_facts const& theirs) const {
    server_facts const* const mine = facts_of(s_.input.self);
    gtid_list held = known_state(theirs);
    if (theirs.replica && theirs.replica->received)
        held = merge(held, *theirs.replica->received);
    if (planted(bug::diverged_follow))
        return {};
    gtid_list extra = divergence(mine == nullptr ? gtid_list{} : known_state(*mine), held);
    if (mine == nullptr || mine->read_only)
        return extra;
    // While this node takes writes, its own newest may have been read before the other had them.
    std::vector<gtid> foreign;
    for (gtid const& each : extra.entries())
        if (each.server != mine->server_number)
            foreign.push_back(each);
    return gtid_list::of(std::move(foreign));
}

std::optional<std::string> run::find_divergence() {
    for (member const& who : s_.input.members) {
        server_facts const* const theirs = facts_of(who.node);
        if (!is_other(who) || theirs == nullptr || !s_.frozen.contains(who.node))
            continue;
        gtid_list const extra = extra_of(*theirs);
        if (extra.empty())
            continue;
        say(who.name + " holds " + extra.to_string() + ", which this node lacks");
        s_.given_up.insert(who.node);
        acker const recorded{who.node, theirs->life};
        if (is_acker(s_.input.recorded.now, recorded) && !s_.lossy)
            return who.name + " holds " + extra.to_string() + " and " + name(s_.input.self) +
                   " does not, though its position is not behind: split brain; decide by hand";
    }
    return std::nullopt;
}

void run::start_arm() {
    if (s_.what == kind::failover || s_.what == kind::switchover) {
        server_facts const* const mine = facts_of(s_.input.self);
        gtid_list const applied = mine == nullptr ? gtid_list{}
                                  : mine->replica ? mine->replica->applied
                                                  : mine->binlog_position;
        if (!covers(applied, s_.target) && !planted(bug::applied_not_checked))
            return abort(name(s_.input.self) + " has applied " + applied.to_string() +
                             " only, not " + s_.target.to_string(),
                         s_.alternative);
        if (auto const split = find_divergence())
            return abort(*split, std::nullopt);
    }
    enter(phase::arm, rules_.step_limit);
    s_.tries_left = rules_.tries + 1; // the receiver may have to be stopped first
    s_.bound = never;
    check_arm();
}

void run::check_arm() {
    if (s_.book.waits_for(s_.input.self))
        return;
    if (s_.armed)
        return start_repoint();
    if (s_.tries_left-- == 0)
        return abort("the replica role could not be ended, or semi-sync not be set up",
                     s_.alternative);
    server_facts const* const mine = facts_of(s_.input.self);
    if (mine != nullptr && mine->replica && mine->replica->receiver != thread_state::stopped)
        return put(s_.input.self, freeze{mine->replica->master}, rules_.freeze_limit);
    arm order;
    order.semi_sync = !planted(bug::opened_unprotected);
    for (member const& who : s_.input.members) {
        // On a reopened master an account that stays locked may belong to a server that would
        // acknowledge without being recorded: it has to be an acker, or to answer here.
        server_facts const* const theirs = facts_of(who.node);
        bool const answers = theirs != nullptr && is_usable(theirs->condition);
        bool const recorded = is_acker(s_.input.recorded.now, who.node);
        bool const engaged =
            s_.what == kind::reopen ? recorded || (answers && is_engaged(who)) : is_engaged(who);
        if (engaged || planted(bug::every_account_open))
            order.accounts.push_back(who.account);
    }
    put(s_.input.self, std::move(order), rules_.step_limit);
}

bool run::is_engaged(member const& who) const {
    if (who.node == s_.input.self || s_.given_up.contains(who.node))
        return false;
    if (who.node == old_master() && s_.what != kind::switchover)
        return false;
    return !is_silent(who.node) || s_.frozen.contains(who.node);
}

void run::start_repoint() {
    enter(phase::repoint, rules_.acker_limit);
    if (server_facts const* const mine = facts_of(s_.input.self))
        s_.target = furthest(s_.target, mine->binlog_position);
    s_.poll_at = now_;
    check_repoint();
}

void run::engage_all() {
    for (bool const ackers : {true, false}) // ackers first
        for (member const& who : s_.input.members)
            if (is_engaged(who) && may_acknowledge(who) == ackers && !s_.book.waits_for(who.node))
                engage(who);
    if (now_ >= s_.recheck_at)
        s_.recheck_at = now_ + rules_.recheck;
}

void run::engage(member const& who) {
    server_facts const* const theirs = facts_of(who.node);
    auto const role = s_.possible.find(who.node);
    bool const reborn =
        theirs != nullptr && role != s_.possible.end() && role->second.life != theirs->life;
    if (reborn)
        s_.repointed.erase(who.node);
    if (theirs == nullptr || !is_usable(theirs->condition)) {
        if (now_ >= s_.recheck_at)
            put(who.node, survey{}, rules_.confirm_limit);
        return;
    }
    if (s_.repointed.contains(who.node)) {
        if (role != s_.possible.end() && !is_confirmed(role->second))
            put(who.node, survey{}, rules_.confirm_limit);
        return;
    }
    if (gtid_list const extra = extra_of(*theirs); is_replica_of_ours(*theirs) && !extra.empty()) {
        // It may acknowledge already, and must not be counted on.
        s_.given_up.insert(who.node);
        put(s_.input.self, lock_account{who.account}, rules_.step_limit);
        return say(who.name + " holds " + extra.to_string() + " besides: it is locked out");
    }
    if (follows_already(who, *theirs)) {
        s_.repointed.insert(who.node);
        s_.to_unfreeze.erase(who.node);
        if (may_acknowledge(who))
            s_.possible[who.node] = {who.node, theirs->life};
        return;
    }
    bool const undrained = s_.frozen.contains(who.node) && !s_.drained.contains(who.node) &&
                           theirs->replica && theirs->replica->received;
    if (undrained)
        return put(who.node, drain{}, rules_.drain_slice);
    if (gtid_list const extra = extra_of(*theirs); !extra.empty()) {
        s_.given_up.insert(who.node);
        return say(who.name + " holds " + extra.to_string() + " besides: it is left alone");
    }
    follow_us(who);
}

bool run::is_replica_of_ours(server_facts const& theirs) const {
    return theirs.replica && theirs.replica->master == self().server;
}

bool run::follows_already(member const& who, server_facts const& theirs) const {
    return is_replica_of_ours(theirs) && theirs.replica->receiver == thread_state::running &&
           theirs.replica_semi_sync == may_acknowledge(who);
}

void run::follow_us(member const& who) {
    bool const as_acker = may_acknowledge(who);
    if (as_acker)
        s_.possible[who.node] = {who.node, s_.facts.at(who.node).life};
    put(who.node, follow{self().server, who.account, as_acker, who.node == old_master()},
        rules_.step_limit);
}

void run::follow_answered(question const& asked, answer const& got) {
    if (got.done) {
        s_.to_unfreeze.erase(asked.node);
        if (asked.node == s_.input.self)
            return;
        s_.repointed.insert(asked.node);
        auto const role = s_.possible.find(asked.node);
        if (role != s_.possible.end() && got.facts.life.is_set())
            role->second.life = got.facts.life;
        return;
    }
    bool const definite = got.kind != failure::timed_out && got.kind != failure::unavailable;
    if (definite && asked.node != s_.input.self)
        s_.given_up.insert(asked.node);
}

bool run::is_confirmed(acker const& who) const {
    server_facts const* const theirs = facts_of(who.node);
    if (theirs == nullptr || theirs->life != who.life || !theirs->replica)
        return false;
    auto const& replica = *theirs->replica;
    return theirs->replica_semi_sync && replica.master == self().server &&
           replica.receiver == thread_state::running &&
           covers(furthest(replica.applied, replica.received.value_or(gtid_list{})), s_.target);
}

std::vector<acker> run::confirmed() const {
    std::vector<acker> set;
    for (auto const& [node, who] : s_.possible)
        if (s_.repointed.contains(node) && is_confirmed(who))
            set.push_back(who);
    return set;
}

bool run::is_hopeful(member const& who) const {
    server_facts const* const theirs = facts_of(who.node);
    return is_engaged(who) && may_acknowledge(who) &&
           (s_.repointed.contains(who.node) || (theirs != nullptr && is_usable(theirs->condition)));
}

void run::check_repoint() {
    if (now_ >= s_.poll_at) {
        s_.poll_at = now_ + rules_.poll;
        engage_all();
    }
    std::size_t const required = s_.input.recorded.now.required;
    std::size_t const ready = confirmed().size();
    if (ready >= required && !s_.ackers_seen && !s_.book.waits_for(s_.input.self))
        put(s_.input.self, await_ackers{static_cast<std::uint32_t>(required)},
            rules_.straggler_grace);
    bool const hope = std::any_of(s_.input.members.begin(), s_.input.members.end(),
                                  [&](member const& who) { return is_hopeful(who); });
    bool const enough = ready >= required && s_.ackers_seen;
    if (s_.grace == never && (enough || !hope))
        s_.grace = now_ + rules_.straggler_grace;
    if (enough) {
        bool const all = ready == s_.possible.size() && s_.book.open.empty();
        return all || now_ >= s_.grace ? start_record() : void();
    }
    // Nobody is waited for who could not acknowledge: dead, or asked and answered.
    bool const answers_due =
        std::any_of(s_.input.members.begin(), s_.input.members.end(), [&](member const& who) {
            return may_acknowledge(who) && !is_silent(who.node) && s_.book.waits_for(who.node);
        });
    bool const hopeless = !s_.blocking && !hope && (!answers_due || now_ >= s_.grace);
    if (now_ >= s_.bound || hopeless)
        without_ackers();
}

void run::without_ackers() {
    if (rules_.on_no_acker == no_acker::degrade) {
        s_.degrade = true;
        return start_record();
    }
    say("no acker yet, and on_no_acker = \"block\": writes stay closed until one follows");
    s_.blocking = true;
    s_.given_up.clear();
    s_.bound = now_ + rules_.acker_limit;
    s_.grace = never;
}

} // namespace tasuki::mysql::failover
