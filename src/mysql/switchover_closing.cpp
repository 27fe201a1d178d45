// A switchover from the closing of writes to the hand-over, or the way back.

#include "switchover_run.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::mysql::switchover {

void run::start_hold() {
    if (s_.input.balancers.empty())
        return try_to_close();
    enter(phase::hold, rules_.hold);
    s_.hold_ends = now_ + rules_.hold_limit;
    say("balancers begin no more transactions here");
}

/// Each one that leaves is worth a wait for the next.
void run::on(held const& told) {
    if (s_.at != phase::hold || !s_.input.balancers.contains(told.by))
        return;
    auto const known = s_.held.find(told.by);
    if (known == s_.held.end() || told.sessions < known->second)
        s_.bound = std::min(now_ + rules_.hold, s_.hold_ends);
    s_.held[told.by] = told.sessions;
    advance();
}

std::uint32_t run::sessions_held() const {
    std::uint32_t out = 0;
    for (auto const& [by, sessions] : s_.held)
        out += sessions;
    return out;
}

void run::check_hold() {
    auto const left = sessions_held();
    bool const all_told = s_.held.size() == s_.input.balancers.size();
    if (all_told && left == 0)
        say("balancers have no session left here");
    else if (now_ < s_.bound)
        return;
    else if (!all_told)
        say("not every balancer has told what it has left here");
    else
        say("balancers have sessions left here: " + std::to_string(left));
    try_to_close();
}

void run::try_to_close() {
    if (s_.closing_since == never) {
        s_.closing_since = now_;
        s_.tries_left = rules_.close_tries;
    }
    enter(phase::close, rules_.close_limit);
    s_.bound = never;
    --s_.tries_left;
    s_.writes_open = false;
    put(self(), close_writes{}, rules_.close_limit);
}

void run::closing_answered(answer const& got) {
    if (s_.at != phase::close)
        return;
    if (got.done || planted(bug::closing_not_verified)) {
        say("writes are closed");
        enter(phase::settle_down, rules_.reach_limit);
        return put(self(), survey{}, rules_.step_limit);
    }
    say("writes could not be closed in this try: " + got.detail);
    if (s_.tries_left == 0)
        return turn_back("writes could not be closed in " + std::to_string(rules_.close_tries) +
                         " tries: " + got.detail);
    // A read_only that waits blocks every new write: let them flow before the next try.
    enter(phase::pause, rules_.close_pause);
    put(self(), open_writes{}, rules_.step_limit);
}

void run::reopened(answer const& got) {
    if (!got.done)
        return say("writes could not be opened again: " + got.detail);
    say("writes are open again");
    s_.writes_open = true;
    if (s_.at != phase::undo)
        return;
    s_.verdict.text += "; undone, writes are open again";
    finish(s_.verdict);
}

void run::check_pause() {
    if (now_ >= s_.bound && !s_.book.waits_for(self()))
        try_to_close();
}

void run::check_settle_down() {
    if (s_.book.waits_for(self()))
        return;
    server_facts const* const mine = facts_of(self());
    bool const closed = mine != nullptr && mine->read_only && mine->waiting_for_ack == 0;
    if (closed || (mine != nullptr && planted(bug::closing_not_verified))) {
        s_.position = mine->binlog_position;
        return start_reach();
    }
    if (mine != nullptr && !mine->read_only)
        return turn_back("the master was opened again by somebody else");
    if (now_ >= s_.bound)
        return turn_back("commits still wait for an acknowledgement");
    if (s_.poll_at != never && now_ < s_.poll_at)
        return;
    s_.poll_at = now_ + rules_.poll;
    put(self(), survey{}, rules_.step_limit);
}

void run::start_reach() {
    enter(phase::reach, rules_.reach_limit);
    s_.bound = never; // each question has its own
    say("the last transaction is " + s_.position.to_string());
    for (member const& who : s_.input.members)
        if (who.node != self() && facts_of(who.node) != nullptr)
            put(who.node, await_position{s_.position}, rules_.reach_limit);
}

void run::check_reach() {
    server_facts const* const theirs = facts_of(s_.to);
    if (s_.book.waits_for(s_.to))
        return;
    bool const reached =
        theirs != nullptr && theirs->replica && covers(theirs->replica->applied, s_.position);
    if (reached || planted(bug::successor_not_reached))
        return start_record();
    turn_back(name(s_.to) + " did not reach " + s_.position.to_string() + " in " +
              std::to_string(to_ms(rules_.reach_limit)) + " ms");
}

void run::start_record() {
    enter(phase::record, rules_.journal_limit);
    say(name(s_.to) + " has everything, after " + std::to_string(to_ms(now_ - s_.closing_since)) +
        " ms without writes");
    journal_entry entry = s_.input.recorded;
    entry.reached = milestone::closed;
    entry.chosen = s_.to;
    entry.frozen.clear();
    entry.promotion = s_.position;
    entry.loss_accepted = false;
    commands_.push_back(journal{std::move(entry)});
}

void run::turn_back(std::string text) {
    s_.verdict = {conclusion::refused, std::move(text), std::nullopt, {}};
    enter(phase::undo, rules_.step_limit);
    s_.bound = never;
    s_.book.clear();
    s_.tries_left = rules_.undo_tries;
    check_undo();
}

void run::check_undo() {
    if (s_.book.waits_for(self()))
        return;
    if (s_.tries_left-- > 0)
        return put(self(), open_writes{}, rules_.step_limit);
    s_.verdict.how = conclusion::aborted;
    s_.verdict.text += "; the server did not confirm that writes are open again: it may be "
                       "read-only";
    finish(s_.verdict);
}

} // namespace tasuki::mysql::switchover
