#include "tasuki/mysql/failover.hpp"

#include "failover_run.hpp"
#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"
#include "tasuki/core/require.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::mysql::failover {

outcome step(state before, event const& what, instant now, policy const& rules) {
    run one(std::move(before), now, rules);
    std::visit([&](auto const& each) { one.on(each); }, what);
    return std::move(one).result();
}

instant next_wake(state const& now) {
    if (now.at == phase::idle || now.at == phase::finished)
        return never;
    return std::min({now.book.next_bound(), now.bound, now.grace,
                     now.book.open.empty() ? now.poll_at : never, now.journal_bound});
}

std::string_view to_string(kind what) {
    switch (what) {
    case kind::failover:
        return "failover";
    case kind::switchover:
        return "switchover";
    case kind::start:
        return "start";
    case kind::reopen:
        return "reopen";
    }
    return "failover";
}

std::string_view to_string(phase at) {
    constexpr std::string_view words[] = {"idle",   "confirm", "reach",    "freeze", "look",
                                          "choose", "drain",   "equalise", "arm",    "repoint",
                                          "record", "open",    "recant",   "undo",   "finished"};
    return words[static_cast<std::size_t>(at)];
}

outcome run::result() && {
    return {std::move(s_), std::move(commands_), std::move(reason_)};
}

void run::on(begin const& input) {
    std::uint64_t const ticket = s_.book.next_ticket;
    s_ = state{};
    s_.book.next_ticket = ticket;
    s_.input = input;
    normalise();
    if (auto const why = objection())
        return refuse(*why, fallback_successor());
    enter(phase::confirm, rules_.confirm_limit);
    say(std::string(to_string(s_.what)) + " under epoch " + std::to_string(input.under.value()) +
        "; recorded: " + to_string(input.recorded.now, input.members));
    put(input.self, survey{}, rules_.confirm_limit);
}

void run::on(answered const& got) {
    auto const asked = s_.book.close(got.what.ticket);
    if (!asked || s_.at == phase::finished)
        return;
    heard(*asked, got.what);
    advance();
}

void run::on(journalled const& got) {
    if (!s_.awaits_journal || s_.at == phase::finished)
        return;
    committed(got.ok);
    advance();
}

void run::on(tick const&) {
    if (s_.at == phase::idle || s_.at == phase::finished)
        return;
    if (s_.awaits_journal && now_ >= s_.journal_bound)
        committed(false);
    for (question const& late : s_.book.expire(now_))
        if (s_.at != phase::finished)
            heard(late, lost_answer(late));
    advance();
}

void run::learn(question const& asked, answer const& got) {
    // A server that was restarted has lost its semi-sync role: it has to be made ready anew.
    server_facts const* const before = facts_of(asked.node);
    if (asked.node == s_.input.self && before != nullptr && tells_state(got) &&
        before->life != got.facts.life)
        s_.armed = false;
    if (tells_state(got))
        s_.facts[asked.node] = got.facts;
    else if (!got.done && std::holds_alternative<survey>(asked.what))
        s_.facts.erase(asked.node);
}

void run::heard(question const& asked, answer const& got) {
    learn(asked, got);
    if (!got.done && !std::holds_alternative<survey>(asked.what))
        say(std::string(name_of(asked.what)) + " on " + name(asked.node) +
            " failed: " + got.detail);
    std::visit(overloaded{
                   [&](freeze const&) { freeze_answered(asked, got); },
                   [&](kill_server const&) {
                       if (got.done)
                           say("the old master " + name(asked.node) + " is killed");
                   },
                   [&](drain const&) { drain_answered(asked, got); },
                   [&](follow const&) { follow_answered(asked, got); },
                   [&](unfreeze const&) {
                       // Absent: it replicates from nobody, so there is nothing to undo.
                       if (got.done || got.kind == failure::absent)
                           s_.to_unfreeze.erase(asked.node);
                   },
                   [&](await_position const&) {
                       bool const hopeless =
                           s_.at == phase::equalise && !got.done && got.kind != failure::timed_out;
                       if (hopeless)
                           abort("could not reach " + s_.target.to_string() + ": " + got.detail,
                                 s_.alternative);
                   },
                   [&](arm const&) { s_.armed = got.done; },
                   [&](await_ackers const&) { s_.ackers_seen = got.done; },
                   [&](disable_semi_sync const&) { s_.unprotected = got.done; },
                   [&](open_writes const&) {
                       if (got.done)
                           finish();
                   },
                   [](auto const&) {},
               },
               asked.what);
}

void run::freeze_answered(question const& asked, answer const& got) {
    bool const unknown = got.kind == failure::timed_out || got.kind == failure::unavailable;
    if (got.done)
        s_.frozen.insert(asked.node);
    else
        s_.refused[asked.node] = got.detail;
    if (!got.done && !unknown)
        s_.to_unfreeze.erase(asked.node); // a refused freeze has been undone by the agent
}

void run::committed(bool ok) {
    s_.awaits_journal = false;
    s_.journal_bound = never;
    if (!ok) {
        say("the record could not be written by a majority");
        if (s_.at == phase::recant || s_.at == phase::record || s_.at == phase::choose) {
            // Its fate is unknown: a successor may already build on it, so nothing is undone.
            s_.verdict.text += s_.verdict.text.empty() ? "" : "; ";
            s_.verdict.text += "no majority for the record: frozen servers were left frozen";
            s_.verdict.how = conclusion::aborted;
            return finish();
        }
        return abort("no majority for the record", std::nullopt);
    }
    switch (s_.at) {
    case phase::freeze:
        s_.fence_recorded = true;
        put(old_master(), kill_server{}, rules_.step_limit);
        break;
    case phase::look:
        s_.retracted = true;
        break;
    case phase::choose:
        start_drain();
        break;
    case phase::record:
        start_open();
        break;
    case phase::recant:
        start_undo();
        break;
    default:
        break;
    }
}

void run::advance() {
    constexpr int moves_max = 16; // more phases than a plan has
    for (int move = 0; move < moves_max && s_.at != phase::finished; ++move) {
        phase const before = s_.at;
        check();
        if (s_.at == before)
            return;
    }
}

void run::check() {
    switch (s_.at) {
    case phase::confirm:
        return check_confirm();
    case phase::reach:
        return check_reach();
    case phase::freeze:
        return check_freeze();
    case phase::look:
        return check_look();
    case phase::drain:
        return check_drain();
    case phase::equalise:
        return check_equalise();
    case phase::arm:
        return check_arm();
    case phase::repoint:
        return check_repoint();
    case phase::open:
        return check_open();
    case phase::undo:
        return check_undo();
    default:
        return; // waits for its journal, or for nothing
    }
}

void run::enter(phase at, duration limit) {
    s_.at = at;
    s_.bound = now_ + limit;
    s_.grace = never;
    s_.poll_at = never;
    s_.tries_left = rules_.tries;
    reason_ = std::string(to_string(at));
}

void run::put(node_id node, operation what, duration limit) {
    commands_.push_back(s_.book.put(node, std::move(what), limit, s_.input.under, now_));
}

void run::write(milestone reached, std::vector<acker> frozen, standing now) {
    journal_entry entry;
    entry.reached = reached;
    entry.chosen = s_.input.self;
    entry.frozen = std::move(frozen);
    entry.promotion = s_.target;
    entry.loss_accepted = s_.lossy;
    entry.now = std::move(now);
    s_.awaits_journal = true;
    s_.journal_bound = now_ + rules_.journal_limit;
    commands_.push_back(journal{std::move(entry)});
}

void run::say(std::string text) {
    commands_.push_back(note{std::string(to_string(s_.at)), std::move(text)});
}

void run::refuse(std::string text, std::optional<node_id> successor) {
    s_.verdict = {conclusion::refused, std::move(text), successor, {}};
    fall_back();
}

void run::abort(std::string text, std::optional<node_id> successor) {
    s_.verdict = {conclusion::aborted, std::move(text), successor, {}};
    fall_back();
}

void run::fall_back() {
    s_.book.clear();
    s_.awaits_journal = false;
    s_.journal_bound = never;
    bool const begun_before = s_.input.recorded.reached == milestone::choose;
    bool const moved = s_.following_ahead || s_.armed || !s_.repointed.empty() ||
                       s_.at == phase::arm || s_.at == phase::repoint || s_.at == phase::open;
    if ((begun_before || moved) && !planted(bug::thawed_with_proof)) {
        // The recorded `choose` is the proof of completeness for the next try, and it rests on
        // the freeze: both stay.
        if (!s_.to_unfreeze.empty())
            s_.verdict.text += "; frozen servers stay frozen for the next try";
        return finish();
    }
    if (s_.chose && !planted(bug::thawed_with_proof))
        return start_recant();
    start_undo();
}

void run::finish() {
    bool const opened = s_.at == phase::open && s_.verdict.text.empty();
    if (opened)
        s_.verdict = {conclusion::done,
                      name(s_.input.self) + " is the master from " + s_.target.to_string() +
                          (s_.degrade ? ", degraded: nobody acknowledges" : ""),
                      std::nullopt, s_.target};
    s_.at = phase::finished;
    s_.book.clear();
    reason_ = std::string(to_string(s_.verdict.how));
    commands_.push_back(s_.verdict);
}

member const& run::self() const {
    member const* const me = find(s_.input.members, s_.input.self);
    TASUKI_REQUIRE(me != nullptr); // `objection` has refused otherwise
    return *me;
}

endpoint run::old_server() const {
    member const* const old = find(s_.input.members, old_master());
    return old == nullptr ? endpoint{} : old->server;
}

bool run::is_other(member const& who) const {
    return who.node != s_.input.self && who.node != old_master();
}

bool run::may_acknowledge(member const& who) const {
    return !who.never_master && !s_.input.standby.contains(who.node) && who.node != s_.input.self;
}

bool run::is_silent(node_id node) const {
    return s_.input.silent.contains(node);
}

server_facts const* run::facts_of(node_id node) const {
    auto const place = s_.facts.find(node);
    return place == s_.facts.end() ? nullptr : &place->second;
}

std::string run::name(node_id node) const {
    return name_of(s_.input.members, node);
}

} // namespace tasuki::mysql::failover
