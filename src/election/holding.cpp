#include "tasuki/core/planted.hpp"
#include "tasuki/election/progress.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::election {

namespace {

/// For so long the answers to a write are counted together: a voter that loses its state asks the
/// others only after `longest_lease`, and then they know what was counted with its lost answer.
duration counted_together(lease_terms const& terms) {
    return deadlines_of(long_ago, {longest_lease, {}, terms.clock_drift}).hard - long_ago;
}

void renew_lease(progress& at) {
    auto& it = at.it;
    ++it.sequence;
    it.sent[it.sequence % renewals_remembered] = at.now;
    // Before the first majority a lost one costs silence.
    it.renew_at = at.now + at.rules.interval / (it.now_role == role::active ? 1 : 4);
    auto const lease = std::chrono::duration_cast<milliseconds>(at.rules.terms.lease);
    at.send_to_all(renew{it.under, at.rules.cluster.life, lease, it.sequence});
}

void begin_write(progress& at, record content) {
    auto& it = at.it;
    content.written_under = it.under;
    auto const previous = std::max(it.latest.order(), it.writing.content.order());
    bool const same_epoch = previous.first == it.under;
    std::uint64_t const step = planted(bug::version_not_raised) ? 0 : 1;
    content.version = record_version{same_epoch ? previous.second.value() + step : 1};
    content.active = at.rules.cluster.self;
    it.writing = {true, std::move(content), {}, at.now, at.now + counted_together(at.rules.terms)};
}

/// To whoever has not confirmed yet: first everyone, then the stragglers each interval.
void send_write(progress& at) {
    auto& writing = at.it.writing;
    writing.resend_at = at.now + at.rules.interval;
    write const what{at.rules.cluster.life, writing.content};
    auto const confirmed = [&](node_id node) {
        return std::find(writing.written_by.begin(), writing.written_by.end(), node) !=
               writing.written_by.end();
    };
    if (at.it.vote.votes && !confirmed(at.rules.cluster.self))
        at.send_to(at.rules.cluster.self, what);
    for (auto const other : at.rules.others)
        if (!confirmed(other))
            at.send_to(other, what);
}

std::size_t voters_among(progress const& at, std::vector<node_id> const& nodes) {
    return static_cast<std::size_t>(std::count_if(
        nodes.begin(), nodes.end(), [&](node_id node) { return is_voter(at.rules, node); }));
}

void become_active_if_complete(progress& at) {
    auto& it = at.it;
    bool const recorded =
        it.latest.written_under == it.under || planted(bug::served_before_recorded);
    if (it.now_role != role::recovering || !recorded || at.now >= it.until.soft)
        return;
    at.change_role(role::active, reason::record_committed);
    it.named = false;
    it.early = false;
    it.offered.by = {};
    it.failures = 0;
    at.commands.emplace_back(start_serving{it.under, it.latest});
    at.commands.emplace_back(extend{it.under, it.until});
}

} // namespace

void forget_lease(state& it) {
    if (!planted(bug::old_grants_count)) {
        it.grants.clear();
        it.until = {};
    }
    it.writing = {};
}

instant confirmed_at(state const& it, policy const& rules) {
    std::vector<instant> times;
    times.reserve(it.grants.size());
    // Whoever claims alone has the promise of the other one that its lease is over; not so early.
    bool const alone =
        rules.cluster.renews_alone() && (!it.early || planted(bug::alone_while_offered));
    for (auto const& each : it.grants)
        if (!alone || each.node == rules.cluster.self)
            times.push_back(each.sent);
    if (alone)
        return majority_newest(times, 1);
    auto const enough = rules.cluster.majority() - (planted(bug::minority_holds) ? 1U : 0U);
    return majority_newest(times, enough);
}

void start_holding(progress& at, epoch under, record const& newest) {
    auto& it = at.it;
    forget_lease(it);
    it.under = under;
    it.highest_seen = std::max(it.highest_seen, under);
    it.leaving = reason::none;
    it.releases_left = 0;
    at.change_role(role::recovering, reason::promises_won);
    it.claim.deadline = at.now + std::max<duration>(at.rules.terms.lease / 2, milliseconds{200});
    begin_write(at, newest);
    send_write(at);
    if (it.early) // nobody grants it before the release
        it.renew_at = at.now + at.rules.interval;
    else
        renew_lease(at);
}

void on_grant(progress& at, node_id from, grant const& reply) {
    auto& it = at.it;
    bool const holding = it.now_role == role::recovering || it.now_role == role::active;
    bool const ours = (reply.under == it.under || planted(bug::grant_of_any_epoch)) &&
                      (reply.life == at.rules.cluster.life || planted(bug::grant_of_any_life));
    bool const remembered =
        reply.sequence <= it.sequence && it.sequence - reply.sequence < renewals_remembered;
    bool const counts = is_voter(at.rules, from) || planted(bug::everybody_votes);
    if (!holding || !ours || !remembered || !counts)
        return;
    instant const sent =
        planted(bug::lease_from_reply) ? at.now : it.sent[reply.sequence % renewals_remembered];
    auto known = std::find_if(it.grants.begin(), it.grants.end(),
                              [&](auto const& each) { return each.node == from; });
    if (known == it.grants.end())
        known = it.grants.insert(it.grants.end(), {from, long_ago});
    known->sent = std::max(known->sent, sent);

    instant const base = confirmed_at(it, at.rules);
    if (base == long_ago)
        return;
    auto terms = at.rules.terms;
    if (planted(bug::no_drift_margin))
        terms.clock_drift = 0;
    auto const until = deadlines_of(base, terms);
    if (until.hard <= it.until.hard)
        return;
    it.until = until;
    if (it.now_role == role::active)
        at.commands.emplace_back(extend{it.under, it.until});
    become_active_if_complete(at);
}

void complete_write_if_enough(progress& at) {
    auto& it = at.it;
    auto& writing = it.writing;
    auto const enough = at.rules.cluster.majority() - (planted(bug::minority_commits) ? 1U : 0U);
    if (!writing.under_way || voters_among(at, writing.written_by) < enough)
        return;
    writing.under_way = false;
    it.latest = writing.content;
    at.commands.emplace_back(committed{it.latest});
    if (it.early && it.offered.by.is_set())
        at.send_to(it.offered.by, ready{it.under});
    become_active_if_complete(at);
}

void on_written(progress& at, node_id from, written const& reply) {
    auto& it = at.it;
    auto& writing = it.writing;
    at.it.highest_seen = std::max(it.highest_seen, reply.promised);
    if (writing.under_way && at.now >= writing.counts_until)
        return;
    bool const this_version =
        reply.version == writing.content.version || planted(bug::written_of_any_version);
    if (!reply.accepted || reply.under != writing.content.written_under || !this_version ||
        !add_once(writing.written_by, from))
        return;
    complete_write_if_enough(at);
}

void on_write_record(progress& at, record const& content) {
    auto& it = at.it;
    if (it.now_role != role::active || it.writing.under_way)
        return; // one at a time: the caller waits for `committed`
    begin_write(at, content);
    send_write(at);
}

void continue_holding(progress& at) {
    auto& it = at.it;
    if (it.now_role == role::recovering && at.now >= it.claim.deadline)
        return give_up_recovery(at, reason::attempt_timed_out);
    if (it.now_role == role::active && at.now >= it.until.soft && !planted(bug::lease_end_unseen))
        return step_down(at, reason::lease_lost, node_id{});
    if (it.now_role == role::active && at.now >= it.offered_until)
        return step_down(at, reason::handed_over, node_id{}); // whoever can is welcome
    if (at.now >= it.renew_at)
        renew_lease(at);
    if (it.writing.under_way && at.now >= it.writing.counts_until)
        begin_write(at, it.writing.content);
    auto const everybody = at.rules.others.size() + (it.vote.votes ? 1U : 0U);
    bool const straggling = it.writing.content.exists() && it.writing.written_by.size() < everybody;
    if ((it.writing.under_way || straggling) && at.now >= it.writing.resend_at)
        send_write(at);
}

void give_up_recovery(progress& at, reason because) {
    forget_lease(at.it);
    fail_attempt(at, because, at.rules.interval);
}

} // namespace tasuki::election
