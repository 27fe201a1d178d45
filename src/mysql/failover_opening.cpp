// The end of a promotion: the journal of `open` and the writes, or the way back; and what a master
// has to look at before it is opened anew.

#include "failover_run.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::mysql::failover {

void run::start_record() {
    standing now;
    now.master = s_.input.self;
    now.required = s_.input.recorded.now.required;
    now.degraded = s_.degrade;
    if (!s_.degrade) {
        now.ackers = confirmed();
        // Who was asked to acknowledge and has not shown that it does may do so at any time.
        if (s_.possible.size() > now.ackers.size() && !planted(bug::possible_ackers_unrecorded))
            for (auto const& [node, who] : s_.possible)
                now.next_ackers.push_back(who);
    }
    enter(phase::record, rules_.journal_limit);
    s_.bound = never;
    say("recording: " + to_string(now, s_.input.members));
    write(milestone::open, {}, std::move(now));
    if (planted(bug::opened_unrecorded))
        put(s_.input.self, open_writes{}, rules_.step_limit);
}

void run::start_open() {
    enter(phase::open, rules_.step_limit);
    s_.bound = never;
    check_open();
}

void run::check_open() {
    if (s_.book.waits_for(s_.input.self))
        return;
    if (!s_.armed)
        return abort("the server of " + name(s_.input.self) + " was restarted on the way",
                     s_.alternative);
    bool const let_go = s_.degrade && !s_.unprotected;
    if (s_.tries_left-- == 0)
        return abort(std::string(let_go ? "semi-sync could not be switched off"
                                        : "the server could not be opened for writes") +
                         "; it may be open all the same: give the lease up",
                     s_.alternative);
    if (let_go)
        put(s_.input.self, disable_semi_sync{}, rules_.step_limit);
    else
        put(s_.input.self, open_writes{}, rules_.step_limit);
}

void run::start_recant() {
    enter(phase::recant, rules_.journal_limit);
    s_.bound = never;
    write_steady();
}

/// What was read from the record, without the operation; a closing stays true.
void run::write_steady() {
    journal_entry entry = s_.input.recorded;
    if (entry.reached != milestone::closed)
        entry.reached = milestone::steady;
    s_.awaits_journal = true;
    s_.journal_bound = now_ + rules_.journal_limit;
    commands_.push_back(journal{std::move(entry)});
}

void run::start_undo() {
    enter(phase::undo, rules_.step_limit);
    s_.bound = never;
    check_undo();
}

void run::check_undo() {
    if (!s_.book.open.empty())
        return;
    if (s_.to_unfreeze.empty())
        return finish();
    if (s_.tries_left-- == 0) {
        std::string names;
        for (node_id const node : s_.to_unfreeze)
            names += (names.empty() ? "" : ", ") + name(node);
        s_.verdict.text +=
            "; no answer to unfreeze from " + names + ": the next master's node repairs it";
        return finish();
    }
    for (node_id const node : s_.to_unfreeze)
        put(node, unfreeze{}, rules_.step_limit);
}

/// A crash may have taken from this server what clients were told of, and only its ackers know:
/// whoever answers has just been seen to hold nothing besides. A restart shows by the semi-sync
/// source, which is off at boot. Degraded, nobody else has anything.
std::optional<std::string> run::may_have_forgotten() {
    standing const& recorded = s_.input.recorded.now;
    server_facts const& mine = *facts_of(s_.input.self);
    if (mine.keeps_answers || mine.source_semi_sync || recorded.degraded ||
        planted(bug::forgotten_ignored))
        return std::nullopt;
    std::vector<acker> known;
    for (member const& who : s_.input.members) {
        server_facts const* const theirs = facts_of(who.node);
        bool const tells = theirs != nullptr && is_usable(theirs->condition) && theirs->replica &&
                           theirs->replica->master == self().server && theirs->replica->received;
        if (tells)
            known.push_back({who.node, theirs->life});
    }
    freeze_verdict const verdict = count_frozen(recorded, known);
    if (verdict.enough)
        return std::nullopt;
    std::string const why = name(s_.input.self) +
                            " was restarted, and its innodb_flush_log_at_trx_commit is not 3: "
                            "commits that clients were told of may be gone, and too few ackers "
                            "tell what they hold (" +
                            std::to_string(verdict.now.frozen) + " of " +
                            std::to_string(verdict.now.ackers) + " in the recorded life)";
    if (!s_.input.allow_loss)
        return why + "; bring a missing one back, or failover --allow-loss";
    s_.lossy = true;
    say("accepted: " + why);
    return std::nullopt;
}

std::optional<std::string> run::looks_wrong(member const& who) {
    server_facts const* const theirs = facts_of(who.node);
    if (who.node == s_.input.self || theirs == nullptr || !is_usable(theirs->condition))
        return std::nullopt;
    bool const ours = (theirs->replica && theirs->replica->master == self().server) ||
                      planted(bug::other_writer_ignored);
    if (!theirs->read_only && !ours && s_.what == kind::reopen) {
        say(who.name + " accepts writes and is not the recorded master: ending it");
        s_.given_up.insert(who.node);
        put(who.node, kill_server{}, rules_.step_limit);
        return std::nullopt;
    }
    if (!theirs->read_only && !ours)
        return who.name + " accepts writes and does not replicate from " + name(s_.input.self) +
               ": make it read-only, or bootstrap with it as the master";
    gtid_list const extra = extra_of(*theirs);
    if (extra.empty())
        return std::nullopt;
    bool const its_own =
        std::all_of(extra.entries().begin(), extra.entries().end(),
                    [&](gtid const& each) { return each.server == theirs->server_number; });
    if (s_.what == kind::reopen && !its_own && is_acker(s_.input.recorded.now, who.node) &&
        !planted(bug::cut_off_ignored)) {
        s_.alternative = who.node;
        return "the acker " + who.name + " holds " + extra.to_string() + ", which " +
               name(s_.input.self) +
               " does not have any more; if nobody takes over by itself: " + "failover --to " +
               who.name + " --allow-loss";
    }
    s_.given_up.insert(who.node);
    say(who.name + " holds " + extra.to_string() + " besides: it is left alone");
    return std::nullopt;
}

} // namespace tasuki::mysql::failover
