#include "tasuki/core/planted.hpp"
#include "tasuki/election/progress.hpp"

#include <algorithm>

namespace tasuki::election {

namespace {

// An attempt is over long before a voter that lost its state asks what it may have forgotten
// (`longest_lease` after its restart): whatever was counted with its lost promise, the others know.
constexpr duration shortest_attempt = milliseconds{50};
constexpr duration longest_attempt = milliseconds{2000};
constexpr unsigned backoff_doublings = 6;

void begin_attempt(progress& at, role stage, reason why) {
    auto& claim = at.it.claim;
    claim = {};
    auto const newest =
        std::max({at.it.highest_seen, at.it.vote.memory.promised,
                  at.it.vote.memory.known.written_under, at.it.under, at.rules.cluster.floor});
    claim.under = planted(bug::epoch_not_raised) ? newest : next(newest);
    claim.deadline =
        at.now + std::clamp(at.rules.terms.lease / 2, shortest_attempt, longest_attempt);
    claim.resend_at = at.now;
    at.change_role(stage, why);
    continue_attempt(at);
}

/// How long until enough of those who refused could say yes.
duration until_majority(progress const& at) {
    auto const& claim = at.it.claim;
    auto refusals = claim.refusals;
    std::sort(refusals.begin(), refusals.end());
    auto const missing = at.rules.cluster.majority() - claim.yes.size();
    return missing <= refusals.size() ? refusals[missing - 1] : at.rules.interval;
}

bool majority_impossible(progress const& at) {
    auto const& cluster = at.rules.cluster;
    auto const voices = cluster.voters.size() - (cluster.is_one_of_two_absent() ? 1U : 0U);
    return at.it.claim.no.size() > voices - cluster.majority();
}

/// Notes a refusal; true if the attempt cannot succeed any more.
bool refused(progress& at, node_id from, epoch promised, milliseconds remaining) {
    at.it.highest_seen = std::max(at.it.highest_seen, promised);
    if (add_once(at.it.claim.no, from))
        at.it.claim.refusals.emplace_back(remaining);
    return majority_impossible(at);
}

/// A promise that comes too late still binds its voter. Its epoch was never written under if it is
/// above all that this node has held since it started.
void decline(progress& at, node_id from, promise const& reply) {
    bool const over = reply.under != at.it.claim.under && reply.under > at.it.under;
    bool const ours = reply.granted && reply.life == at.rules.cluster.life;
    if (ours && over && is_voter(at.rules, from))
        at.send_to(from, withdraw{reply.under, reply.life});
}

} // namespace

duration progress::jitter(duration most) {
    // splitmix64: the seed is an input, so a run can be repeated.
    it.random += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = it.random;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
    mixed ^= mixed >> 31U;
    auto const range = static_cast<std::uint64_t>(std::max<duration::rep>(most.count(), 1));
    return duration{static_cast<duration::rep>(mixed % range)};
}

instant standing_time(state const& it) {
    bool const voiceless = it.vote.votes && (it.vote.blank || it.vote.misplaced);
    if (voiceless || it.vote.clock_beyond_bound)
        return never;
    if (it.now_role != role::standby || !it.fit.eligible)
        return never;
    if (it.named)
        return it.stand_from;
    return std::max(it.holder.expires, it.stand_from) + it.fit.delay;
}

void consider_standing(progress& at) {
    if (at.now < standing_time(at.it))
        return;
    // A named successor needs no PreVote: its predecessor has just given up the lease.
    if (at.it.named || planted(bug::no_prevote))
        begin_attempt(at, role::claiming, reason::named_successor);
    else
        begin_attempt(at, role::canvassing, reason::holder_silent);
}

void continue_attempt(progress& at) {
    auto& claim = at.it.claim;
    if (at.now >= claim.deadline)
        return fail_attempt(at, reason::attempt_timed_out, at.rules.interval);
    if (at.now < claim.resend_at)
        return;
    claim.resend_at = at.now + at.rules.interval / 4;
    if (at.it.now_role == role::canvassing)
        at.send_to_voters(prevote{claim.under, at.rules.cluster.life});
    else
        at.send_to_voters(prepare{claim.under, at.rules.cluster.life});
}

void on_prevote_reply(progress& at, node_id from, prevote_reply const& reply) {
    auto& claim = at.it.claim;
    if (at.it.now_role != role::canvassing || reply.under != claim.under ||
        reply.life != at.rules.cluster.life || !is_voter(at.rules, from))
        return;
    if (!reply.granted) {
        if (refused(at, from, reply.promised, reply.remaining))
            fail_attempt(at, reason::prevote_refused, until_majority(at));
        return;
    }
    at.it.highest_seen = std::max(at.it.highest_seen, reply.promised);
    add_once(claim.yes, from);
    if (claim.yes.size() >= at.rules.cluster.majority())
        begin_attempt(at, role::claiming, reason::prevote_won);
}

void on_promise(progress& at, node_id from, promise const& reply) {
    auto& claim = at.it.claim;
    // The phase is checked: a late promise must not count once the claim is decided.
    bool const phase = at.it.now_role == role::claiming || planted(bug::late_promise_counts);
    bool const same_attempt = reply.under == claim.under || planted(bug::promise_of_any_attempt);
    bool const same_life = reply.life == at.rules.cluster.life || planted(bug::promise_of_any_life);
    bool const counts = is_voter(at.rules, from) || planted(bug::everybody_votes);
    if (!phase || !same_attempt || !same_life || !counts || at.now >= claim.deadline)
        return decline(at, from, reply);
    if (!reply.granted) {
        if (refused(at, from, reply.promised, reply.remaining)) {
            // The release that named us may reach the voters a moment after us.
            auto const pause = at.it.named ? milliseconds{3} : until_majority(at);
            fail_attempt(at, reason::promise_refused, pause);
        }
        return;
    }
    if (!add_once(claim.yes, from))
        return;
    bool const reads = !planted(bug::record_not_read) || from == at.rules.cluster.self;
    claim.early = claim.early || reply.remaining > milliseconds{0};
    if (reply.known.order() > claim.newest.order() && reads)
        claim.newest = reply.known;
    auto const enough = at.rules.cluster.majority() - (planted(bug::minority_elects) ? 1U : 0U);
    if (claim.yes.size() >= enough) {
        record const newest = claim.newest;
        at.it.early = claim.early;
        start_holding(at, claim.under, newest);
    }
}

/// The claim needs no PreVote: it takes the lease from nobody who would keep it.
void on_offer(progress& at, node_id from, offer const& what) {
    auto& it = at.it;
    bool const fresh = what.under >= it.holder.under && what.under > it.offered.under;
    bool const free = it.now_role == role::standby && standing_time(it) != never;
    if (what.successor != at.rules.cluster.self || !fresh || !free)
        return;
    it.offered = {what.under, from};
    it.named = true;
    begin_attempt(at, role::claiming, reason::named_successor);
}

void fail_attempt(progress& at, reason because, duration pause) {
    // A PreVote binds nobody and uses up no epoch; a Prepare may have been promised somewhere.
    if (at.it.now_role != role::canvassing)
        at.it.highest_seen = std::max(at.it.highest_seen, at.it.claim.under);
    // Once a record was written under an epoch, its promises have to keep older records out.
    if (at.it.now_role == role::claiming || planted(bug::withdrawn_when_written))
        at.send_to_voters(withdraw{at.it.claim.under, at.rules.cluster.life});
    at.change_role(role::standby, because);
    at.it.claim = {};
    if (at.it.named && because == reason::promise_refused) {
        at.it.stand_from = at.now + pause;
        return;
    }
    at.it.named = false;
    // Two candidates that disturb each other draw from a range that grows until one has room.
    at.it.failures = std::min(at.it.failures + 1, backoff_doublings);
    duration const range = at.rules.interval / 4 * (1U << at.it.failures);
    auto const jitter = planted(bug::no_jitter) ? duration::zero() : at.jitter(range);
    at.it.stand_from = at.now + pause + milliseconds{1} + jitter;
}

} // namespace tasuki::election
