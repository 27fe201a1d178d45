// The end of a promotion: the journal of `open` and the writes, or the way back.

#include "failover_run.hpp"

namespace tasuki::mysql::failover {

void run::start_record() {
    standing now;
    now.master = s_.input.self;
    now.required = s_.input.recorded.now.required;
    now.degraded = s_.degrade;
    if (!s_.degrade) {
        now.ackers = confirmed();
        // Who was asked to acknowledge and has not shown that it does may do so at any time.
        if (s_.possible.size() > now.ackers.size())
            for (auto const& [node, who] : s_.possible)
                now.next_ackers.push_back(who);
    }
    enter(phase::record, rules_.journal_limit);
    s_.bound = never;
    say("recording: " + to_string(now, s_.input.members));
    write(milestone::open, {}, std::move(now));
}

void run::start_open() {
    enter(phase::open, rules_.step_limit);
    s_.bound = never;
    check_open();
}

void run::check_open() {
    if (s_.book.waits_for(s_.input.self))
        return;
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

} // namespace tasuki::mysql::failover
