#include "tasuki/election/machine.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"
#include "tasuki/election/progress.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace tasuki::election {

namespace {

/// What everybody learns from a renewal or a release, voter or not.
void observe(progress& at, received const& arrived) {
    auto& it = at.it;
    if (arrived.from == at.rules.cluster.self)
        return;
    if (auto const* renewal = std::get_if<renew>(&arrived.what)) {
        if (renewal->under < it.holder.under || renewal->lease > longest_lease)
            return;
        it.highest_seen = std::max(it.highest_seen, renewal->under);
        it.holder = {arrived.from, renewal->under, at.now + renewal->lease};
        it.failures = 0;
        it.named = it.named && it.offered.under == it.holder.under;
    } else if (auto const* gone = std::get_if<release>(&arrived.what)) {
        bool const awaited = it.offered.by.is_set() && gone->under == it.offered.under;
        if (gone->under < it.holder.under || (gone->under < it.under && !awaited))
            return; // a repetition that comes after somebody else was elected
        if (awaited) {
            it.offered.by = {};
            it.renew_at = at.now;
        }
        bool const first = it.holder.expires > at.now || it.holder.under != gone->under;
        it.holder = {node_id{}, gone->under, long_ago};
        it.highest_seen = std::max(it.highest_seen, gone->under);
        if (!first)
            return;
        it.named = gone->successor == at.rules.cluster.self && it.fit.eligible;
        bool const others_first = gone->successor.is_set() && !it.named;
        it.stand_from = others_first ? at.now + at.rules.terms.lease : at.now;
    }
}

/// Only a voter with state says any of this.
bool shows_state(message const& what) {
    return std::visit(overloaded{
                          [](prevote_reply const& it) { return it.granted; },
                          [](promise const& it) { return it.granted; },
                          [](written const& it) { return it.accepted; },
                          [](recalled const&) { return false; },
                          [](recall const&) { return false; },
                          [](bootstrap const&) { return false; },
                          [](inform const&) { return false; },
                          [](leave const&) { return false; },
                          [](auto const&) { return true; },
                      },
                      what);
}

/// The founder's part after the first record has left: a voter that still asks, in the same life,
/// has not got it; when a majority has shown that it has, the cluster is founded.
void follow_founding(progress& at, received const& arrived) {
    auto& first = at.it.first;
    if (auto const* asks = std::get_if<recall>(&arrived.what)) {
        for (auto const& to : first.to)
            if (to.node == arrived.from && to.life == asks->life)
                at.send_to(to.node, bootstrap{first.content, to.life});
        return;
    }
    if (!first.under_way || !is_voter(at.rules, arrived.from) || !shows_state(arrived.what) ||
        !add_once(first.known_by, arrived.from))
        return;
    if (first.known_by.size() < at.rules.cluster.majority())
        return;
    first.under_way = false;
    at.commands.emplace_back(founded{first.content});
}

void on_received(progress& at, received const& arrived) {
    observe(at, arrived);
    follow_founding(at, arrived);
    if (auto const* offered = std::get_if<offer>(&arrived.what))
        on_offer(at, arrived.from, *offered);
    bool const blank = at.it.vote.votes && at.it.vote.blank;
    if (answer(at.it.vote, at.rules.cluster, arrived, at.now, at.commands)) {
        if (blank && !at.it.vote.blank)
            at.it.stand_from = at.now; // the cluster has just come to life
        return;
    }
    std::visit(overloaded{
                   [&](prevote_reply const& what) { on_prevote_reply(at, arrived.from, what); },
                   [&](promise const& what) { on_promise(at, arrived.from, what); },
                   [&](grant const& what) { on_grant(at, arrived.from, what); },
                   [&](written const& what) { on_written(at, arrived.from, what); },
                   [&](ready const& what) { on_ready(at, arrived.from, what); },
                   [](auto const&) {},
               },
               arrived.what);
}

void on_tick(progress& at) {
    switch (at.it.now_role) {
    case role::standby:
        repeat_release(at);
        consider_standing(at);
        break;
    case role::canvassing:
    case role::claiming:
        continue_attempt(at);
        break;
    case role::recovering:
    case role::active:
        continue_holding(at);
        break;
    case role::stepping_down:
        break; // waits for `closed`
    }
}

void on_suitability(progress& at, suitability const& fit) {
    at.it.fit = fit;
    bool const trying = at.it.now_role == role::canvassing || at.it.now_role == role::claiming;
    if (!fit.eligible && trying)
        fail_attempt(at, reason::not_eligible, at.rules.interval);
}

void on_start_cluster(progress& at, start_cluster const& wish) {
    auto const& vote = at.it.vote;
    if (!vote.votes || !vote.blank || vote.poisoned)
        return;
    auto& first = at.it.first;
    first = {true, wish.content, {{at.rules.cluster.self, at.rules.cluster.life}}, {}};
    for (auto const& [node, memory] : vote.recollections)
        if (memory.blank && memory.life == at.rules.cluster.life)
            first.to.push_back({node, memory.spoken_by});
    for (auto const& to : first.to)
        at.send_to(to.node, bootstrap{wish.content, to.life});
}

void on_clock_checked(progress& at, clock_checked const& found) {
    at.it.vote.clock_beyond_bound = !found.within_bound && !planted(bug::clock_trusted);
    if (found.within_bound || planted(bug::clock_trusted))
        return;
    switch (at.it.now_role) {
    case role::canvassing:
    case role::claiming:
        return fail_attempt(at, reason::clock_beyond_bound, at.rules.interval);
    case role::recovering:
        return give_up_recovery(at, reason::clock_beyond_bound);
    case role::active:
        return step_down(at, reason::clock_beyond_bound, node_id{});
    case role::standby:
    case role::stepping_down:
        return;
    }
}

/// Majorities are counted among other voters from here on. What a majority of the old ones has
/// granted stays granted; a claim begins anew.
void on_voters_changed(progress& at) {
    auto& it = at.it;
    bool const others = it.vote.memory.voters != at.rules.cluster.set();
    move_to(it.vote, at.rules.cluster, at.now, at.commands);
    if (!others) { // those of before are settled now, it is known who votes, or one is absent
        if (at.now < it.writing.counts_until)
            complete_write_if_enough(at);
        return;
    }
    // Who had no vote has kept it in memory only: all are asked once more.
    it.writing.written_by.clear();
    it.writing.resend_at = at.now;
    std::erase_if(it.grants, [&](auto const& each) { return !is_voter(at.rules, each.node); });
    if (it.now_role == role::canvassing || it.now_role == role::claiming)
        fail_attempt(at, reason::voters_changed, at.rules.interval);
}

void dispatch(progress& at, event const& happened) {
    std::visit(overloaded{
                   [&](received const& what) { on_received(at, what); },
                   [&](tick const&) { on_tick(at); },
                   [&](stored const& what) { on_stored(at.it.vote, what, at.commands); },
                   [&](suitability const& what) { on_suitability(at, what); },
                   [&](write_record const& what) { on_write_record(at, what.content); },
                   [&](hand_over const& what) { on_hand_over(at, what.successor); },
                   [&](closed const& what) { on_closed(at, what.under); },
                   [&](start_cluster const& what) { on_start_cluster(at, what); },
                   [&](clock_checked const& what) { on_clock_checked(at, what); },
                   [&](voters_changed const&) { on_voters_changed(at); },
               },
               happened);
}

/// Messages to ourselves do not leave the machine: they are answered here, in order.
void deliver_own(progress& at) {
    std::size_t kept = 0;
    for (std::size_t index = 0; index < at.commands.size(); ++index) {
        auto* const letter = std::get_if<send>(&at.commands[index]);
        if (letter != nullptr && letter->to == at.rules.cluster.self) {
            received const arrived{letter->to, std::move(letter->what)};
            on_received(at, arrived); // what it wants is appended
            continue;
        }
        if (kept != index)
            at.commands[kept] = std::move(at.commands[index]);
        ++kept;
    }
    at.commands.erase(at.commands.begin() + static_cast<std::ptrdiff_t>(kept), at.commands.end());
}

instant next_wake(state const& it, instant recall) {
    instant when = recall;
    switch (it.now_role) {
    case role::standby:
        when = std::min(when, standing_time(it));
        if (it.releases_left > 0)
            when = std::min(when, it.release_at);
        break;
    case role::canvassing:
    case role::claiming:
        when = std::min({when, it.claim.resend_at, it.claim.deadline});
        break;
    case role::recovering:
        when = std::min({when, it.renew_at, it.claim.deadline});
        break;
    case role::active:
        when = std::min({when, it.renew_at, it.until.soft, it.offered_until});
        if (it.writing.under_way)
            when = std::min(when, it.writing.resend_at);
        break;
    case role::stepping_down:
        break;
    }
    return when;
}

} // namespace

state start(policy const& rules, voter_start const& begin, std::uint64_t seed, instant now) {
    state it;
    it.random = seed;
    it.vote = start_voter(rules.cluster, begin, now);
    it.highest_seen = std::max(it.vote.memory.promised, it.vote.memory.known.written_under);
    // Whoever holds the lease is heard within one lease.
    it.stand_from = now + rules.terms.lease;
    return it;
}

outcome step(state const& before, event const& happened, instant now, policy const& rules) {
    outcome out{before, {}, reason::none};
    auto follows = advance(out.next, happened, now, rules);
    out.commands = std::move(follows.commands);
    out.why = follows.why;
    return out;
}

consequence advance(state& it, event const& happened, instant now, policy const& rules) {
    consequence out;
    out.why = advance(it, happened, now, rules, out.commands);
    return out;
}

reason advance(state& it, event const& happened, instant now, policy const& rules,
               std::vector<command>& commands) {
    commands.clear();
    progress at{it, rules, now, commands, reason::none};
    dispatch(at, happened);
    deliver_own(at);
    // Everything that is due is due now, whatever the event was: a busy node misses no deadline.
    if (!std::holds_alternative<tick>(happened)) {
        on_tick(at);
        deliver_own(at);
    }
    instant const recall = remind(at.it.vote, rules.cluster, rules.interval, now, at.commands);
    at.commands.emplace_back(wake_at{next_wake(at.it, recall)});
    return at.why;
}

} // namespace tasuki::election
