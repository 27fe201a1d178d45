#include "tasuki/mysql/ackers.hpp"

#include "ackers_run.hpp"
#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/require.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::mysql::ackers {

outcome step(state before, event const& what, instant now, policy const& rules) {
    run one(std::move(before), now, rules);
    std::visit([&](auto const& each) { one.on(each); }, what);
    return std::move(one).result();
}

instant next_wake(state const& now) {
    if (now.at == phase::idle)
        return never;
    instant const observation = now.at == phase::watch ? now.observe_at : never;
    return std::min({now.book.next_bound(), now.bound, now.book.open.empty() ? now.poll_at : never,
                     observation});
}

std::string_view to_string(phase at) {
    constexpr std::string_view words[] = {"idle",      "watch",    "announce", "switch_roles",
                                          "shield",    "probe",    "barrier",  "commit",
                                          "surrender", "unprotect"};
    return words[static_cast<std::size_t>(at)];
}

bool names_node(std::vector<acker> const& set, node_id node) {
    return std::any_of(set.begin(), set.end(),
                       [&](acker const& each) { return each.node == node; });
}

outcome run::result() && {
    return {std::move(s_), std::move(commands_), std::move(reason_)};
}

void run::on(begin const& input) {
    auto heard_before = std::move(s_.heard);
    std::uint64_t const ticket = s_.book.next_ticket;
    s_ = state{};
    s_.heard = std::move(heard_before);
    s_.book.next_ticket = ticket;
    s_.input = input;
    s_.recorded = input.recorded;
    TASUKI_REQUIRE(find(input.members, input.self) != nullptr);
    watch();
    observe();
}

void run::on(presence const& what) {
    auto const place = s_.heard.find(what.node);
    bool const was_dead = place != s_.heard.end() && !place->second.alive;
    s_.heard[what.node] = what;
    if (what.alive && was_dead)
        s_.silenced.erase(what.node); // its lock is looked at anew
    if (what.alive)
        s_.dead_since.erase(what.node);
    else
        s_.dead_since.try_emplace(what.node, now_);
    if (s_.at == phase::idle)
        return;
    s_.probe_wanted = s_.probe_wanted || (what.alive && was_dead);
    advance();
}

void run::on(answered const& got) {
    auto const asked = s_.book.close(got.what.ticket);
    if (!asked)
        return;
    heard(*asked, got.what);
    advance();
}

void run::on(journalled const& got) {
    if (!s_.pending)
        return;
    committed(got.ok);
    advance();
}

void run::on(tick const&) {
    if (s_.at == phase::idle)
        return;
    if (s_.pending && now_ >= s_.bound)
        write_again();
    for (question const& late : s_.book.expire(now_))
        heard(late, lost_answer(late));
    advance();
}

void run::learn(question const& asked, answer const& got) {
    if (tells_state(got))
        s_.facts[asked.node] = got.facts;
    else if (!got.done)
        s_.facts.erase(asked.node);
}

void run::heard(question const& asked, answer const& got) {
    learn(asked, got);
    std::visit(overloaded{
                   [&](set_acker const&) { role_answered(asked, got); },
                   [&](lock_account const&) { role_answered(asked, got); },
                   [&](probe_commit const&) {
                       s_.probed = got.done;
                       s_.probe_wanted = s_.probe_wanted || !got.done;
                       s_.poll_at = s_.at == phase::probe ? now_ + rules_.poll : s_.poll_at;
                   },
                   [&](survey const&) {
                       bool const tells = s_.at == phase::barrier && asked.node == self() &&
                                          got.done && !s_.barrier_read;
                       if (tells) {
                           s_.barrier_read = true;
                           s_.barrier = got.facts.binlog_position;
                       }
                   },
                   [](auto const&) {},
               },
               asked.what);
}

void run::committed(bool ok) {
    journal_entry const written = *s_.pending;
    s_.pending.reset();
    s_.bound = never;
    if (!ok) {
        say("the record could not be written by a majority; trying again");
        watch();
        return;
    }
    s_.recorded = written;
    switch (s_.at) {
    case phase::announce:
        return start_switch();
    case phase::commit:
        say("recorded: " + to_string(recorded(), s_.input.members));
        return watch();
    case phase::surrender:
        say("degraded is recorded: commits go on without acknowledgement");
        enter(phase::unprotect, rules_.step_limit);
        s_.bound = never;
        s_.poll_at = now_;
        return check_unprotect();
    default:
        return;
    }
}

void run::advance() {
    constexpr int moves_max = 8; // more phases than a change has
    for (int move = 0; move < moves_max; ++move) {
        phase const before = s_.at;
        check();
        if (s_.at == before)
            return;
    }
}

void run::check() {
    switch (s_.at) {
    case phase::watch:
        return check_watch();
    case phase::switch_roles:
        return check_switch();
    case phase::shield:
        return check_shield();
    case phase::probe:
        return check_probe();
    case phase::barrier:
        return check_barrier();
    case phase::unprotect:
        return check_unprotect();
    default:
        return; // idle, or waits for its journal
    }
}

void run::enter(phase at, duration limit) {
    s_.at = at;
    s_.bound = now_ + limit;
    s_.poll_at = never;
    reason_ = std::string(to_string(at));
}

void run::put(node_id node, operation what, duration limit) {
    commands_.push_back(s_.book.put(node, std::move(what), limit, s_.input.under, now_));
}

void run::write(phase at, standing now) {
    enter(at, rules_.journal_limit);
    journal_entry entry = s_.recorded;
    entry.reached = milestone::steady;
    entry.now = std::move(now);
    s_.pending = entry;
    commands_.push_back(journal{std::move(entry)});
}

/// Its fate is unknown: a majority may have it already, or may get it later, so nothing may be done
/// that only the record before it allows. While the lease is held it can be written again.
void run::write_again() {
    say("the record is not written by a majority yet; trying again");
    s_.bound = now_ + rules_.journal_limit;
    commands_.push_back(journal{*s_.pending});
}

void run::say(std::string text) {
    commands_.push_back(note{std::string(to_string(s_.at)), std::move(text)});
}

/// Back to observing; what was under way is seen in the record and in the facts.
void run::watch() {
    s_.book.clear();
    s_.at = phase::watch;
    s_.bound = never;
    s_.poll_at = never;
    s_.observe_at = now_ + rules_.poll;
    s_.facts.clear();
    s_.read_up_to.clear();
    reason_ = "watch";
}

void run::observe() {
    s_.observe_at = now_ + rules_.observe_every;
    for (member const& who : s_.input.members) {
        auto const known = s_.heard.find(who.node);
        bool const dead = known != s_.heard.end() && !known->second.alive;
        if (dead)
            s_.facts.erase(who.node);
        else if (!s_.book.waits_for<survey>(who.node))
            put(who.node, survey{}, rules_.step_limit);
    }
}

void run::look_for_reconnection() {
    for (member const& who : s_.input.members) {
        server_facts const* const theirs = facts_of(who.node);
        if (theirs == nullptr || !theirs->replica || !names_node(recorded().ackers, who.node))
            continue;
        thread_state const state_now = theirs->replica->receiver;
        auto const before = s_.receivers.find(who.node);
        bool const connected_anew = state_now == thread_state::running &&
                                    before != s_.receivers.end() &&
                                    before->second != thread_state::running;
        s_.probe_wanted = s_.probe_wanted || connected_anew;
        s_.receivers[who.node] = state_now;
    }
    server_facts const* const mine = facts_of(self());
    if (mine != nullptr && mine->waiting_for_ack > 0 && !recorded().degraded)
        s_.probe_wanted = true; // perhaps an acknowledgement was lost: another commit repeats it
}

/// A replica whose account was locked may connect again if it cannot acknowledge, or is recorded as
/// who can. Any other has to give the role up first.
void run::let_in_the_locked() {
    server_facts const* const mine = facts_of(self());
    bool const nobody_counts = recorded().degraded && mine != nullptr && !mine->source_semi_sync;
    for (member const& who : s_.input.members) {
        server_facts const* const theirs = facts_of(who.node);
        bool const shut_out = theirs != nullptr && theirs->replica &&
                              theirs->replica->master == own_server() &&
                              theirs->replica->receiver == thread_state::connecting &&
                              theirs->replica->receiver_errno != 0;
        if (!shut_out)
            continue;
        bool const harmless = !theirs->replica_semi_sync || nobody_counts ||
                              is_acker(recorded(), acker{who.node, theirs->life});
        if (!harmless && !s_.book.waits_for<set_acker>())
            put(who.node, set_acker{false}, rules_.step_limit);
        else if (harmless && !s_.book.waits_for<unlock_account>())
            put(self(), unlock_account{who.account}, rules_.step_limit);
    }
}

void run::probe_if_wanted() {
    if (!s_.probe_wanted || recorded().degraded || s_.book.waits_for<probe_commit>())
        return;
    // Also of who is only coming: while commits wait for it, nothing else reaches it to free them.
    for (acker const& each : all_recorded())
        repeat_ack_of(each);
    ask_for_probe();
}

void run::ask_for_probe() {
    put(self(), probe_commit{}, rules_.probe_limit);
    s_.probe_wanted = false;
}

/// Of an acker that receives while commits wait: perhaps what they wait for was said and lost.
void run::repeat_ack_of(acker const& which) {
    server_facts const* const mine = facts_of(self());
    server_facts const* const theirs = facts_of(which.node);
    if (mine == nullptr || mine->waiting_for_ack == 0 || theirs == nullptr ||
        theirs->life != which.life || s_.book.waits_for<repeat_ack>(which.node))
        return;
    member const* const who = find(s_.input.members, which.node);
    if (who != nullptr)
        put(which.node, repeat_ack{own_server(), who->account, mine->binlog_position},
            rules_.step_limit);
}

server_facts const* run::facts_of(node_id node) const {
    auto const place = s_.facts.find(node);
    return place == s_.facts.end() ? nullptr : &place->second;
}

endpoint const& run::own_server() const {
    return find(s_.input.members, self())->server;
}

std::string run::name(node_id node) const {
    return name_of(s_.input.members, node);
}

} // namespace tasuki::mysql::ackers
