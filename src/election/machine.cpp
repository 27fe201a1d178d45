#include "tasuki/election/machine.hpp"

#include "tasuki/core/overloaded.hpp"
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
        it.named = false;
    } else if (auto const* gone = std::get_if<release>(&arrived.what)) {
        if (gone->under < it.holder.under || gone->under < it.under)
            return; // a repetition that comes after somebody else was elected
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

void on_received(progress& at, received const& arrived) {
    observe(at, arrived);
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

void on_hand_over(progress& at, hand_over const& wish) {
    if (at.it.now_role == role::active)
        step_down(at, reason::handed_over, wish.successor);
}

void on_suitability(progress& at, suitability const& fit) {
    at.it.fit = fit;
    bool const trying = at.it.now_role == role::canvassing || at.it.now_role == role::claiming;
    if (!fit.eligible && trying)
        fail_attempt(at, reason::not_eligible, at.rules.interval);
}

void on_start_cluster(progress& at, start_cluster const& wish) {
    if (at.it.vote.blank)
        at.send_to_voters(bootstrap{wish.content});
}

void dispatch(progress& at, event const& happened) {
    std::visit(overloaded{
                   [&](received const& what) { on_received(at, what); },
                   [&](tick const&) { on_tick(at); },
                   [&](stored const& what) { on_stored(at.it.vote, what, at.commands); },
                   [&](suitability const& what) { on_suitability(at, what); },
                   [&](write_record const& what) { on_write_record(at, what.content); },
                   [&](hand_over const& what) { on_hand_over(at, what); },
                   [&](closed const& what) { on_closed(at, what.under); },
                   [&](start_cluster const& what) { on_start_cluster(at, what); },
               },
               happened);
}

/// Messages to ourselves do not leave the machine: they are answered here, in order.
void deliver_own(progress& at) {
    for (std::size_t index = 0; index < at.commands.size();) {
        auto* const letter = std::get_if<send>(&at.commands[index]);
        if (letter == nullptr || letter->to != at.rules.cluster.self) {
            ++index;
            continue;
        }
        received const arrived{letter->to, std::move(letter->what)};
        at.commands.erase(at.commands.begin() + static_cast<std::ptrdiff_t>(index));
        on_received(at, arrived);
    }
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
        when = std::min({when, it.renew_at, it.until.soft});
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
    progress at{out.next, rules, now, {}, reason::none};
    dispatch(at, happened);
    deliver_own(at);
    // Everything that is due is due now, whatever the event was: a busy node misses no deadline.
    if (!std::holds_alternative<tick>(happened)) {
        on_tick(at);
        deliver_own(at);
    }
    instant const recall = remind(at.it.vote, rules.cluster, rules.interval, now, at.commands);
    at.commands.emplace_back(wake_at{next_wake(at.it, recall)});
    out.commands = std::move(at.commands);
    out.why = at.why;
    return out;
}

} // namespace tasuki::election
