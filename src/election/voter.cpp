#include "tasuki/election/voting.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::election {

namespace {

// A bound for a disk that hangs: beyond it the oldest reply is dropped, and the asker asks again.
constexpr std::size_t delayed_replies_max = 32;
// What a voter tells a candidate that cannot vote now, and may soon: it learns, its clock heals.
constexpr duration passing_refusal = milliseconds{500};
constexpr duration promise_grace = milliseconds{100};

milliseconds rounded_up(duration left) {
    return std::chrono::ceil<milliseconds>(std::max(left, duration::zero()));
}

bool same_holder(live_grant const& it, node_id holder, incarnation life) {
    return it.holder == holder && it.life == life;
}

/// Of a grant that keeps everybody else from the lease.
duration granted_left(voter const& it, node_id who, incarnation life, instant now) {
    return same_holder(it.granted, who, life) || planted(bug::grant_forgotten_by_promise)
               ? duration::zero()
               : std::max(it.granted.expires - now, duration::zero());
}

/// How long this voter cannot promise anything to anybody.
duration unable_left(voter const& it, instant now) {
    if (!it.votes || it.poisoned || it.misplaced)
        return longest_lease;
    if (it.blank || it.clock_beyond_bound)
        return passing_refusal;
    return std::max(it.silent_until - now, duration::zero());
}

/// How long this voter still refuses a claim by (`who`, `life`); zero if it does not.
duration refusal_left(voter const& it, node_id who, incarnation life, instant now) {
    return std::max(unable_left(it, now), granted_left(it, who, life, now));
}

void adopt_promise(voter& it, allegiance const& newest, std::vector<command>& out) {
    if (!std::exchange(it.memory.withdrawn, false))
        it.memory.before.push_back(followed(it.memory));
    if (it.memory.before.size() > allegiances_max)
        it.memory.before.erase(it.memory.before.begin());
    it.memory.promised = newest.under;
    it.memory.promised_to = newest.to;
    it.memory.promised_life = newest.life;
    if (!planted(bug::promise_not_durable))
        persist(it, out);
}

/// Takes the side of who holds the lease, or writes, under a newer epoch than whom it followed.
void follow(voter& it, allegiance const& newer, std::vector<command>& out) {
    if (newer.under > it.memory.promised)
        return adopt_promise(it, newer, out);
    it.memory.before = {newer}; // the promise of this or a newer epoch was withdrawn
    persist(it, out);
}

bool promised_exactly(voter const& it, epoch under, node_id to, incarnation life) {
    return it.memory.promised == under && it.memory.promised_to == to &&
           it.memory.promised_life == life;
}

/// Somebody holds the lease although this voter follows another, who may have lost and not said so.
void remind_claimant(voter& it, node_id holder, std::vector<command>& out) {
    auto const& memory = it.memory;
    auto const claimant = followed(it.memory);
    if (!it.votes || it.blank || it.poisoned || memory.before.empty() || !claimant.to.is_set() ||
        claimant.to == holder)
        return;
    reply_when_stored(it, claimant.to,
                      promise{claimant.under, claimant.life, true, memory.promised, milliseconds{0},
                              memory.known},
                      out);
}

void on_renew(voter& it, node_id from, renew const& what, instant now, std::vector<command>& out) {
    allegiance const sender{what.under, from, what.life};
    bool const newer = what.under > followed(it.memory).under;
    bool const fits = newer || sender == followed(it.memory) || planted(bug::old_epoch_renews);
    if (!fits)
        remind_claimant(it, from, out);
    if (!it.may_vote(now) || !fits || what.lease > longest_lease ||
        (what.under <= it.released && !planted(bug::released_renews)))
        return;
    if (now < it.granted.expires && !same_holder(it.granted, from, what.life) &&
        !planted(bug::grant_forgotten_by_renewal))
        return;
    if (newer)
        follow(it, sender, out);
    // A shorter lease than before does not shorten what an earlier renewal was granted.
    instant const earlier =
        same_holder(it.granted, from, what.life) ? it.granted.expires : long_ago;
    duration const lease = planted(bug::lease_assumed) ? milliseconds{800} : what.lease;
    it.granted = {what.under, from, what.life, std::max(earlier, now + lease)};
    out.emplace_back(stamp{it.granted});
    out.emplace_back(send{from, grant{what.under, what.life, what.sequence}});
}

/// The newest epoch that is not to be promised to anybody else.
epoch newest_used(voter const& it, electorate const& all) {
    return std::max(it.memory.promised, all.floor);
}

void on_prevote(voter const& it, electorate const& all, node_id from, prevote const& what,
                instant now, std::vector<command>& out) {
    auto left = refusal_left(it, from, what.life, now);
    // Whoever has just been promised an epoch gets the time to use it: two candidates would
    // otherwise take it from each other for ever.
    if (it.memory.promised_to != from && it.promised_at != long_ago)
        left = std::max(left, it.promised_at + promise_grace - now);
    bool const granted = left <= duration::zero();
    out.emplace_back(send{from, prevote_reply{what.under, what.life, granted, newest_used(it, all),
                                              rounded_up(left)}});
}

void on_prepare(voter& it, electorate const& all, node_id from, prepare const& what, instant now,
                std::vector<command>& out) {
    bool const offered = it.offered_to == from && it.offered == it.granted.under;
    auto const granted = granted_left(it, from, what.life, now);
    auto const left = std::max(unable_left(it, now), offered ? duration::zero() : granted);
    bool const again = promised_exactly(it, what.under, from, what.life);
    bool const old = what.under < it.memory.promised && !planted(bug::older_epoch_promised);
    bool const taken = what.under == it.memory.promised && !planted(bug::epoch_promised_twice);
    bool const used = what.under <= all.floor;
    if (left > duration::zero() || ((old || taken || used) && !again)) {
        out.emplace_back(send{
            from,
            promise{what.under, what.life, false, newest_used(it, all), rounded_up(left), {}}});
        return;
    }
    if (!again) {
        adopt_promise(it, {what.under, from, what.life}, out);
        it.promised_at = now;
    }
    reply_when_stored(it, from,
                      promise{what.under, what.life, true, it.memory.promised, rounded_up(granted),
                              it.memory.known},
                      out);
}

/// The grant stays as it is: the offer only lets the successor have its promises and its record
/// stored before there is silence.
void on_offer(voter& it, node_id from, offer const& what) {
    if (!same_holder(it.granted, from, what.life) || it.granted.under != what.under)
        return;
    it.offered = what.under;
    it.offered_to = what.successor;
    if (planted(bug::offer_releases))
        it.granted.expires = long_ago;
}

void on_write(voter& it, node_id from, write const& what, std::vector<command>& out) {
    auto const& content = what.content;
    auto const reply = [&](bool accepted) {
        return written{content.written_under, content.version, accepted, it.memory.promised};
    };
    if (it.votes && (it.blank || it.poisoned || it.misplaced))
        return;
    allegiance const sender{content.written_under, from, what.life};
    bool const old = sender.under < followed(it.memory).under;
    bool const others = sender.under == followed(it.memory).under &&
                        sender != followed(it.memory) && !planted(bug::write_of_anyone);
    if (it.votes && (old || others) && !planted(bug::old_write_accepted)) {
        out.emplace_back(send{from, reply(false)});
        return;
    }
    bool const newer =
        content.order() > it.memory.known.order() || planted(bug::older_version_taken);
    if (newer || (planted(bug::old_write_accepted) && old))
        it.memory.known = content;
    if (!it.votes) { // keeps it for its own status only; nobody counts the answer
        out.emplace_back(send{from, reply(true)});
        return;
    }
    if (sender.under > followed(it.memory).under)
        follow(it, sender, out);
    else if (newer && !planted(bug::record_not_durable))
        persist(it, out);
    if (content.order() == it.memory.known.order())
        reply_when_stored(it, from, reply(true), out);
}

void on_release(voter& it, node_id from, release const& what) {
    bool const granted =
        (same_holder(it.granted, from, what.life) && it.granted.under == what.under) ||
        planted(bug::release_of_anyone);
    if (granted)
        it.granted.expires = long_ago;
    if (granted || followed(it.memory) == allegiance{what.under, from, what.life})
        it.released = std::max(it.released, what.under);
}

/// The claim was refused elsewhere, and whoever won has an epoch that is no newer: without this, a
/// voter that lost the race would refuse its renewals and records until the next election.
void on_withdraw(voter& it, node_id from, withdraw const& what, std::vector<command>& out) {
    auto& memory = it.memory;
    if (!it.votes || it.blank || memory.before.empty())
        return;
    bool const newest =
        promised_exactly(it, what.under, from, what.life) || planted(bug::withdrawn_by_anyone);
    auto const earlier = std::find(memory.before.begin(), memory.before.end(),
                                   allegiance{what.under, from, what.life});
    if (newest && !memory.withdrawn) {
        memory.withdrawn = true;
        it.promised_at = long_ago;
    } else if (earlier == memory.before.end()) {
        return;
    } else if (earlier != memory.before.begin()) {
        memory.before.erase(earlier);
    } else {
        // Whom it followed before is not known any more: nobody below this epoch, at any rate.
        *earlier = {epoch{what.under.value() - 1}, {}, {}};
    }
    persist(it, out);
}

/// What is known of a record may spread in any way: a newer one was written by whoever had read all
/// older ones. Nobody counts this as written.
void on_inform(voter& it, inform const& what, std::vector<command>& out) {
    if (what.content.order() <= it.memory.known.order())
        return;
    it.memory.known = what.content;
    if (it.votes && !it.blank && !it.poisoned)
        persist(it, out);
}

} // namespace

void persist(voter& it, std::vector<command>& out) {
    out.emplace_back(store{++it.last_ticket, it.memory});
}

void reply_when_stored(voter& it, node_id to, message what, std::vector<command>& out) {
    if (it.failed_ticket == it.last_ticket && it.failed_ticket > it.stored_ticket)
        persist(it, out); // a full disk may have room again
    bool const nothing_pending = it.stored_ticket >= it.last_ticket;
    if (nothing_pending || planted(bug::promise_not_durable) ||
        planted(bug::answer_before_stored)) {
        out.emplace_back(send{to, std::move(what)});
        return;
    }
    if (it.delayed.size() >= delayed_replies_max)
        it.delayed.erase(it.delayed.begin());
    it.delayed.push_back({it.last_ticket, to, std::move(what)});
}

allegiance followed(durable_state const& memory) {
    return memory.withdrawn ? memory.before.back()
                            : allegiance{memory.promised, memory.promised_to, memory.promised_life};
}

bool answer(voter& it, electorate const& all, received const& arrived, instant now,
            std::vector<command>& out) {
    node_id const from = arrived.from;
    return std::visit(
        overloaded{
            [&](renew const& what) { return on_renew(it, from, what, now, out), true; },
            [&](prevote const& what) { return on_prevote(it, all, from, what, now, out), true; },
            [&](prepare const& what) { return on_prepare(it, all, from, what, now, out), true; },
            [&](write const& what) { return on_write(it, from, what, out), true; },
            [&](offer const& what) { return on_offer(it, from, what), true; },
            [&](release const& what) { return on_release(it, from, what), true; },
            [&](recall const& what) { return on_recall(it, all, from, what, out), true; },
            [&](recalled const& what) { return on_recalled(it, all, from, what, out), true; },
            [&](bootstrap const& what) {
                return on_bootstrap(it, all, from, what, now, out), true;
            },
            [&](withdraw const& what) { return on_withdraw(it, from, what, out), true; },
            [&](inform const& what) { return on_inform(it, what, out), true; },
            [](auto const&) { return false; },
        },
        arrived.what);
}

void on_stored(voter& it, stored const& done, std::vector<command>& out) {
    if (done.outcome == store_outcome::poisoned && !planted(bug::poisoned_votes))
        it.poisoned = true;
    bool const good = done.outcome == store_outcome::stored || planted(bug::failed_write_counts) ||
                      (done.outcome == store_outcome::poisoned && planted(bug::poisoned_votes));
    if (good)
        it.stored_ticket = std::max(it.stored_ticket, done.ticket);
    else
        it.failed_ticket = std::max(it.failed_ticket, done.ticket);
    for (auto& reply : it.delayed)
        if (good && reply.ticket <= done.ticket)
            out.emplace_back(send{reply.to, std::move(reply.what)});
    std::erase_if(it.delayed, [&](auto const& reply) { return reply.ticket <= done.ticket; });
}

} // namespace tasuki::election
