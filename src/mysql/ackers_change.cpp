// One change of the acker set, from its announcement to its record.

#include "ackers_run.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::mysql::ackers {

void run::start_change(std::vector<acker> wanted) {
    s_.book.clear();
    s_.target = std::move(wanted);
    s_.granted.clear();
    s_.leaving.clear();
    s_.silenced.clear();
    s_.read_up_to.clear();
    for (acker const& each : all_recorded())
        if (auto const why = why_leaves(each))
            say(name(each.node) + " leaves the ackers: " + *why);
    for (acker const& each : s_.target)
        if (!is_acker(recorded(), each))
            say(name(each.node) + " becomes an acker");
    standing now = recorded();
    if (!now.degraded)
        now.ackers = all_recorded();
    now.next_ackers = s_.target;
    write(phase::announce, std::move(now));
    if (planted(bug::acker_not_announced)) {
        s_.pending.reset();
        start_switch();
    }
}

void run::start_switch() {
    enter(phase::switch_roles, 2 * rules_.step_limit);
    for (member const& who : s_.input.members) {
        if (who.node == self() || names_node(s_.target, who.node))
            continue;
        bool const recorded_before = is_acker(recorded(), who.node);
        // Coming from degraded, semi-sync will be switched on: whoever is not known to be without
        // the role could acknowledge then.
        if (might_acknowledge(who) && (recorded_before || recorded().degraded ||
                                       facts_of(who.node) != nullptr || is_connected(who)))
            s_.leaving.insert(who.node);
    }
    for (acker const& each : s_.target) {
        server_facts const* const theirs = facts_of(each.node);
        if (theirs != nullptr && is_receiving(theirs) && theirs->replica_semi_sync &&
            std::find(recorded().ackers.begin(), recorded().ackers.end(), each) !=
                recorded().ackers.end())
            s_.granted.insert(each.node);
    }
    s_.poll_at = now_;
    check_switch();
}

void run::switch_roles() {
    for (acker const& each : s_.target) {
        if (s_.granted.contains(each.node) || s_.book.waits_for(each.node))
            continue;
        put(self(), unlock_account{find(s_.input.members, each.node)->account}, rules_.step_limit);
        put(each.node, set_acker{true}, rules_.step_limit);
    }
    for (node_id const node : s_.leaving)
        if (!s_.silenced.contains(node) && !s_.book.waits_for(node))
            if (member const* const who = find(s_.input.members, node))
                silence(*who);
}

/// By its own agent, or by the master, which does not need it.
void run::silence(member const& who) {
    auto const known = s_.heard.find(who.node);
    bool const alive = known == s_.heard.end() || known->second.alive;
    if (alive && facts_of(who.node) != nullptr)
        put(who.node, set_acker{false}, rules_.step_limit);
    else if (!s_.book.waits_for<lock_account>())
        put(self(), lock_account{who.account}, rules_.step_limit);
}

void run::role_answered(question const& asked, answer const& got) {
    if (s_.at != phase::switch_roles)
        return;
    if (auto const* const role = std::get_if<set_acker>(&asked.what)) {
        if (role->on && got.done)
            s_.granted.insert(asked.node);
        else if (role->on)
            give_up(name(asked.node) + " could not take the role: " + got.detail);
        else if (got.done || got.kind == failure::absent)
            s_.silenced.insert(asked.node); // absent: it replicates from nobody
        else
            s_.facts.erase(asked.node); // the next try is a lock on the master
        return;
    }
    auto const& lock = std::get<lock_account>(asked.what);
    if (!got.done)
        return say("the account " + lock.account + " could not be locked: " + got.detail);
    for (member const& who : s_.input.members)
        if (who.account == lock.account)
            s_.silenced.insert(who.node);
}

void run::check_switch() {
    if (target_is_lost())
        return watch();
    bool const granted = std::all_of(s_.target.begin(), s_.target.end(), [&](acker const& each) {
        return s_.granted.contains(each.node);
    });
    bool const complete =
        granted && (s_.silenced.size() == s_.leaving.size() || planted(bug::acker_not_silenced));
    if (complete && !recorded().degraded)
        return start_probe();
    // Semi-sync without anybody at the other end would only hold the commits up.
    if (complete && target_receives())
        return start_shield();
    if (now_ >= s_.bound)
        return give_up("the roles could not be changed in time");
    if (now_ >= s_.poll_at) {
        s_.poll_at = now_ + rules_.poll;
        switch_roles();
        for (acker const& each : s_.target)
            if (complete && !s_.book.waits_for(each.node))
                put(each.node, survey{}, rules_.step_limit);
    }
}

void run::start_shield() {
    enter(phase::shield, rules_.step_limit + milliseconds{1000});
    if (!planted(bug::protection_believed))
        put(self(), enable_semi_sync{}, rules_.step_limit);
}

void run::check_shield() {
    if (s_.book.waits_for(self()))
        return;
    server_facts const* const mine = facts_of(self());
    if (planted(bug::protection_believed))
        return start_commit();
    if (mine != nullptr && mine->source_semi_sync)
        return start_probe();
    give_up("semi-sync could not be switched on");
}

void run::start_probe() {
    enter(phase::probe, rules_.probe_limit);
    s_.probed = false;
    s_.probe_wanted = true;
    for (acker const& each : s_.target)
        repeat_ack_of(each);
}

void run::check_probe() {
    if (target_is_lost())
        return recorded().degraded ? give_up("an acker was lost") : watch();
    // Only what was owed before lets the next commit be written.
    if (s_.book.waits_for(self()) || s_.book.waits_for<repeat_ack>())
        return;
    if (s_.probe_wanted && now_ < s_.bound) {
        if (s_.poll_at == never || now_ >= s_.poll_at)
            ask_for_probe();
        return;
    }
    bool const joins = std::any_of(s_.target.begin(), s_.target.end(), [&](acker const& each) {
        return std::find(recorded().ackers.begin(), recorded().ackers.end(), each) ==
               recorded().ackers.end();
    });
    // Without a newcomer the barrier shows whether the others receive.
    if (!s_.probed && (joins || recorded().degraded))
        return give_up("a probe was not acknowledged in time");
    start_barrier();
}

void run::start_barrier() {
    enter(phase::barrier, rules_.barrier_limit);
    s_.barrier_read = false;
    put(self(), survey{}, rules_.step_limit);
}

void run::check_barrier() {
    mark_health();
    if (target_is_lost())
        return recorded().degraded ? give_up("an acker was lost") : watch();
    if (now_ >= s_.bound)
        return give_up("not all of the new set have received " + s_.barrier.to_string());
    if (s_.book.waits_for(self()))
        return;
    if (!s_.barrier_read)
        return put(self(), survey{}, rules_.step_limit);
    bool const all = std::all_of(s_.target.begin(), s_.target.end(), [&](acker const& each) {
        server_facts const* const theirs = facts_of(each.node);
        return is_receiving(theirs) && theirs->life == each.life && theirs->replica_semi_sync &&
               covers(furthest(theirs->replica->applied,
                               theirs->replica->received.value_or(gtid_list{})),
                      s_.barrier);
    });
    if (all || planted(bug::barrier_skipped))
        return start_commit();
    if (s_.poll_at != never && now_ < s_.poll_at)
        return;
    s_.poll_at = now_ + rules_.poll;
    for (acker const& each : s_.target)
        if (!s_.book.waits_for(each.node))
            put(each.node, survey{}, rules_.step_limit);
}

void run::start_commit() {
    standing now = recorded();
    now.ackers = s_.target;
    now.next_ackers.clear();
    now.degraded = false;
    write(phase::commit, std::move(now));
}

/// Degraded first in the record, then on the server: the order keeps the promise.
void run::start_surrender(std::string why) {
    s_.book.clear();
    say("nobody can acknowledge: " + why);
    standing now = recorded();
    now.ackers.clear();
    now.next_ackers.clear();
    now.degraded = true;
    write(phase::surrender, std::move(now));
    if (planted(bug::unprotected_unrecorded))
        put(self(), disable_semi_sync{}, rules_.step_limit);
}

void run::check_unprotect() {
    server_facts const* const mine = facts_of(self());
    if (s_.book.waits_for(self()) || now_ < s_.poll_at)
        return;
    if (mine != nullptr && !mine->source_semi_sync)
        return watch();
    s_.poll_at = now_ + rules_.poll;
    put(self(), disable_semi_sync{}, rules_.step_limit);
}

bool run::target_receives() const {
    return std::all_of(s_.target.begin(), s_.target.end(),
                       [&](acker const& each) { return is_receiving(facts_of(each.node)); });
}

bool run::target_is_lost() const {
    return std::any_of(s_.target.begin(), s_.target.end(),
                       [&](acker const& each) { return why_leaves(each).has_value(); });
}

/// The change is looked at anew from what is recorded; newcomers have to wait.
void run::give_up(std::string why) {
    say("the change is put off: " + why);
    s_.quiet_until = now_ + rules_.retry_after;
    bool const degraded = recorded().degraded;
    watch();
    if (!degraded)
        return;
    // Semi-sync may be on with nobody to acknowledge: the record allows to let commits go.
    enter(phase::unprotect, rules_.step_limit);
    s_.bound = never;
    s_.poll_at = now_;
}

} // namespace tasuki::mysql::ackers
