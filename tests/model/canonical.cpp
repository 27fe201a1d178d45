// What of a machine's state can influence its future, in one form. Everything else is forgotten
// here, each with its reason, so that states with the same future are the same.
#include "machine.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::model {

namespace {

using namespace tasuki::election;

/// Over is over: the core only asks whether a deadline has come.
void expire(instant& when) {
    if (when <= present)
        when = long_ago;
}

void normalise_tickets(machine& it) {
    auto& vote = it.elect.vote;
    auto const base = vote.stored_ticket;
    auto const relative = [&](std::uint64_t& ticket) {
        ticket = ticket > base ? ticket - base : 0;
    };
    relative(vote.last_ticket);
    relative(vote.failed_ticket);
    relative(vote.stored_ticket);
    for (auto& write : it.writes)
        for (auto& ticket : write.tickets)
            relative(ticket);
    // The same answer twice in one datagram says no more than once.
    std::vector<delayed_reply> once;
    for (auto& reply : vote.delayed) {
        relative(reply.ticket);
        bool const again = std::any_of(once.begin(), once.end(), [&](auto const& each) {
            return each.ticket == reply.ticket && each.to == reply.to && each.what == reply.what;
        });
        if (!again)
            once.push_back(std::move(reply));
    }
    vote.delayed = std::move(once);
}

void normalise_vote(machine& it) {
    auto& vote = it.elect.vote;
    for (auto* when : {&vote.granted.expires, &vote.silent_until, &vote.recall_at})
        expire(*when);
    if (vote.promised_at + milliseconds{100} <= present) // the grace of a fresh promise
        vote.promised_at = long_ago;
    std::sort(vote.recollections.begin(), vote.recollections.end(),
              [](auto const& left, auto const& right) { return left.node < right.node; });
    normalise_tickets(it);
}

void normalise_claim(state& it) {
    auto& claim = it.claim;
    expire(claim.deadline);
    expire(claim.resend_at);
    std::sort(claim.yes.begin(), claim.yes.end());
    std::sort(claim.no.begin(), claim.no.end());
    std::sort(claim.refusals.begin(), claim.refusals.end());
}

/// Renewals are numbered from the newest one; those whose grant would be over by now are alike.
void normalise_renewals(state& it, election::lease_terms const& terms) {
    auto const counts = [&](instant sent) {
        return sent != long_ago && deadlines_of(sent, terms).hard > present;
    };
    std::array<instant, renewals_remembered> sent{};
    for (std::uint64_t age = 0; age < renewals_known && age <= it.sequence; ++age) {
        auto const when = it.sent[(it.sequence - age) % renewals_remembered];
        if (counts(when))
            sent[(newest_renewal - age) % renewals_remembered] = when;
    }
    it.sent = sent;
    it.sequence = newest_renewal;
    std::erase_if(it.grants, [&](auto const& each) { return !counts(each.sent); });
    std::sort(it.grants.begin(), it.grants.end(),
              [](auto const& left, auto const& right) { return left.node < right.node; });
}

void normalise_founding(founding& it) {
    if (!it.under_way)
        it.known_by.clear();
    std::sort(it.known_by.begin(), it.known_by.end());
    std::sort(it.to.begin(), it.to.end(),
              [](auto const& left, auto const& right) { return left.life < right.life; });
}

void normalise_holding(state& it) {
    for (auto* when : {&it.until.soft, &it.until.hard, &it.renew_at, &it.writing.resend_at,
                       &it.writing.counts_until, &it.release_at, &it.holder.expires, &it.stand_from,
                       &it.offered_until})
        expire(*when);
    if (!it.writing.under_way)
        it.writing.counts_until = long_ago; // what is committed is counted no more
    std::sort(it.writing.written_by.begin(), it.writing.written_by.end());
    if (it.now_role == role::stepping_down)
        return;
    it.leaving = reason::none;
    if (it.releases_left == 0)
        it.release_at = long_ago;
    if (it.releases_left == 0 && it.offered_until == never)
        it.successor = {};
}

void put(byte_writer& out, instant when) {
    out.u64(static_cast<std::uint64_t>(when.time_since_epoch().count()));
}

void put(byte_writer& out, std::vector<node_id> const& nodes) {
    out.u8(static_cast<std::uint8_t>(nodes.size()));
    for (auto const node : nodes)
        out.u8(static_cast<std::uint8_t>(node.value()));
}

void put(byte_writer& out, live_grant const& it) {
    out.u64(it.under.value());
    out.u32(it.holder.value());
    out.u64(it.life.value());
    put(out, it.expires);
}

void put(byte_writer& out, message const& what) {
    encode(entry{group_id{1}, what}, out);
}

void put_flags(byte_writer& out, std::initializer_list<bool> flags) {
    unsigned all = 0;
    for (bool const flag : flags)
        all = all * 2 + (flag ? 1U : 0U);
    out.u16(static_cast<std::uint16_t>(all));
}

void put(byte_writer& out, voter const& it) {
    put_flags(out, {it.votes, it.blank, it.poisoned, it.misplaced, it.clock_beyond_bound});
    encode(it.memory, out);
    put(out, it.promised_at);
    put(out, it.granted);
    out.u64(it.offered.value());
    out.u32(it.offered_to.value());
    out.u64(it.released.value());
    put(out, it.silent_until);
    put(out, it.recall_at);
    out.u64(it.last_ticket);
    out.u64(it.failed_ticket);
    out.u8(static_cast<std::uint8_t>(it.delayed.size()));
    for (auto const& reply : it.delayed) {
        out.u64(reply.ticket);
        out.u32(reply.to.value());
        put(out, reply.what);
    }
    out.u8(static_cast<std::uint8_t>(it.recollections.size()));
    for (auto const& each : it.recollections) {
        out.u32(each.node.value());
        put(out, each.what);
    }
}

void put_candidate(byte_writer& out, state const& it) {
    out.u8(static_cast<std::uint8_t>(it.now_role));
    put_flags(out, {it.fit.eligible, it.named, it.claim.early, it.early});
    put(out, it.stand_from);
    out.u64(it.highest_seen.value());
    out.u64(it.holder.under.value());
    put(out, it.holder.expires);
    out.u64(it.offered.under.value());
    out.u32(it.offered.by.value());
    out.u64(it.claim.under.value());
    put(out, it.claim.deadline);
    put(out, it.claim.resend_at);
    put(out, it.claim.yes);
    put(out, it.claim.no);
    for (auto const each : it.claim.refusals)
        out.u64(static_cast<std::uint64_t>(each.count()));
    encode(it.claim.newest, out);
}

void put_founding(byte_writer& out, founding const& it) {
    put_flags(out, {it.under_way, it.content.exists()});
    for (auto const& each : it.to)
        out.u64(each.life.value());
    put(out, it.known_by);
}

void put_holder(byte_writer& out, state const& it) {
    out.u64(it.under.value());
    put(out, it.until.soft);
    put(out, it.until.hard);
    put(out, it.renew_at);
    for (std::uint64_t age = 0; age < renewals_known; ++age)
        put(out, it.sent[newest_renewal - age]);
    out.u8(static_cast<std::uint8_t>(it.grants.size()));
    for (auto const& each : it.grants) {
        out.u32(each.node.value());
        put(out, each.sent);
    }
    put_flags(out, {it.writing.under_way});
    encode(it.writing.content, out);
    put(out, it.writing.written_by);
    put(out, it.writing.resend_at);
    put(out, it.writing.counts_until);
    encode(it.latest, out);
    out.u32(it.successor.value());
    out.u8(static_cast<std::uint8_t>(it.leaving));
    out.u8(static_cast<std::uint8_t>(it.releases_left));
    put(out, it.release_at);
    put(out, it.offered_until);
}

} // namespace

void normalise(machine& it, bounds const& world) {
    if (it.vouch_at <= present) {
        it.stamp_known = true; // its silence is over: from now on the page says it all
        it.vouch_at = never;
    }
    if (it.stamp)
        expire(it.stamp->expires);
    expire(it.address_until);
    expire(it.wake);
    auto& elect = it.elect;
    elect.random = 0;
    elect.failures = 0;     // only widens a jitter, and every timer may be noticed late
    elect.holder.node = {}; // shown, never asked
    elect.fit.delay = {};
    normalise_vote(it);
    normalise_renewals(elect, world.terms);
    normalise_claim(elect);
    normalise_holding(elect);
    normalise_founding(elect.first);
}

byte_string encode(machine const& it) {
    byte_writer out;
    put_flags(out, {it.up, it.disk.has_value(), it.slow_disk, it.stamp.has_value(), it.stamp_known,
                    it.slow_close, it.clock_off});
    out.u8(static_cast<std::uint8_t>(it.life));
    if (it.disk)
        encode(*it.disk, out);
    out.u8(static_cast<std::uint8_t>(it.writes.size()));
    for (auto const& write : it.writes) {
        out.u8(static_cast<std::uint8_t>(write.tickets.size()));
        for (auto const ticket : write.tickets)
            out.u64(ticket);
        encode(write.content, out);
    }
    if (it.stamp)
        put(out, *it.stamp);
    put(out, it.vouch_at);
    put(out, it.address_until);
    out.u64(it.closing.value());
    if (it.up) {
        put(out, it.wake);
        put(out, it.elect.vote);
        put_candidate(out, it.elect);
        put_holder(out, it.elect);
        put_founding(out, it.elect.first);
    }
    return std::move(out).take();
}

byte_string encode(datagram const& it) {
    byte_writer out;
    out.u8(static_cast<std::uint8_t>(it.from));
    out.u8(static_cast<std::uint8_t>(it.to));
    for (auto const& each : it.entries)
        put(out, each);
    return std::move(out).take();
}

bool has_effect(message const& what) {
    auto const* reply = std::get_if<grant>(&what);
    return reply == nullptr || reply->sequence + renewals_known > newest_renewal;
}

} // namespace tasuki::model
