#include "tasuki/heartbeat/peers.hpp"
#include "tasuki/core/planted.hpp"
#include "tasuki/core/require.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tasuki::heartbeat {

namespace {

constexpr std::uint64_t last_sequence = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t hello_every = 8;

void note_newest(peer::counters& path, std::uint64_t sequence) {
    auto const ahead = sequence - path.received;
    path.seen = (ahead < window ? path.seen << ahead : 0) | 1U;
    path.received = sequence;
}

/// Challenges of one life count up from its random origin, so that none is ever used twice.
session_nonce after(session_nonce nonce) {
    auto const value = nonce.value() + 1;
    return session_nonce{value == 0 ? 1 : value};
}

} // namespace

peers::peers(peers_self self, std::span<seat const> seats)
    : self_(self) {
    TASUKI_REQUIRE(self_.session.is_set());
    reseat(seats, self.config_digest);
}

peer peers::new_peer(seat place) const {
    TASUKI_REQUIRE(place.id != self_.id && place.paths >= 1 && place.paths <= paths_max);
    peer fresh;
    fresh.place = place;
    fresh.next = self_.session;
    return fresh;
}

void peers::reseat(std::span<seat const> seats, std::uint64_t config_digest) {
    self_.config_digest = config_digest;
    std::vector<peer> table;
    std::vector<node_id> roster;
    for (auto const& place : seats) {
        auto const* const known = find(place.id);
        table.push_back(known != nullptr ? *known : new_peer(place));
        TASUKI_REQUIRE(place.paths >= 1 && place.paths <= paths_max);
        table.back().place = place;
        roster.push_back(place.id);
    }
    table_ = std::move(table);
    roster_ = std::move(roster);
}

void peers::remember(node_id id, instant heard) {
    if (auto const index = index_of(id); index < table_.size())
        table_[index].heard.note_heard_before(heard);
}

std::size_t peers::index_of(node_id id) const {
    auto const found = std::find(roster_.begin(), roster_.end(), id);
    return static_cast<std::size_t>(found - roster_.begin());
}

peer const* peers::find(node_id id) const {
    auto const index = index_of(id);
    return index < table_.size() ? &table_[index] : nullptr;
}

reception peers::accept(message const& incoming, std::uint8_t path, instant now) {
    auto const index = index_of(incoming.from);
    if (auto const reason = misdirected(incoming, path, index))
        return refuse(*reason);
    auto& sender = table_[index];
    switch (judge(sender, incoming)) {
    case standing::current:
        return deliver_in_session(sender, incoming, now);
    case standing::fresh:
        return deliver(sender, incoming, true, now);
    case standing::unproven:
        if (planted(bug::unproven_session_believed))
            return deliver(sender, incoming, true, now);
        sender.heard.note_unproven(path, now);
        return challenge(sender, incoming, now);
    case standing::stale:
        if (planted(bug::stale_session_believed))
            return deliver(sender, incoming, true, now);
        sender.heard.note_unproven(path, now);
        return refuse(reject::stale_session);
    }
    return refuse(reject::bad_body);
}

std::optional<reject> peers::misdirected(message const& incoming, std::uint8_t path,
                                         std::size_t sender) const {
    if (incoming.from == self_.id)
        return reject::reflected;
    if (sender == table_.size())
        return reject::unknown_sender;
    if (incoming.to != self_.id)
        return reject::not_for_us;
    if (!incoming.session.is_set() || incoming.sequence == 0)
        return reject::bad_body;
    if (incoming.path != path || path >= table_[sender].place.paths)
        return reject::wrong_path;
    return std::nullopt;
}

peers::standing peers::judge(peer const& sender, message const& incoming) {
    bool const same_session = incoming.session == sender.theirs;
    if (same_session && incoming.echo == sender.mine)
        return standing::current;
    // Also of the session that we know: a node put back to a snapshot offers once more what it has
    // spent, and both would refuse each other for ever. Our challenge is as unspent as ever.
    if (incoming.echo == sender.next)
        return standing::fresh;
    // No echo: the sender does not know us. An echo of our present nonce in another session: the
    // sender has been adopted by us in a life that it has left. Any other echo is of a life of
    // ours that is over; answering it would let a replay make two live nodes shake hands anew.
    bool const knows_no_better = !incoming.echo.is_set() || incoming.echo == sender.mine;
    return !same_session && knows_no_better ? standing::unproven : standing::stale;
}

reception peers::refuse(reject reason) {
    rejects_.count(reason);
    reception out;
    out.refused = reason;
    return out;
}

bool peers::may_reply(peer::counters& path, session_nonce session, instant now) {
    if (path.replied_to == session && path.replied_at && now - *path.replied_at < reply_gap)
        return false;
    path.replied_at = now;
    path.replied_to = session;
    return true;
}

reception peers::challenge(peer& sender, message const& incoming, instant now) {
    auto out = refuse(reject::unproven);
    auto& path = sender.paths[incoming.path];
    if (!may_reply(path, incoming.session, now))
        return out;
    auto& reply = out.reply.emplace(draft(sender, incoming.path, now));
    reply.type = message_type::hello;
    reply.session = sender.next;
    reply.echo = incoming.session;
    reply.sequence = ++path.sent;
    return out;
}

/// Whoever is overtaken on the way is heard all the same, once: a renewal is often followed by an
/// answer at once, and whether it was heard must not hang on which of the two is faster. What it
/// tells of its sender is older than what is known.
reception peers::deliver_in_session(peer& sender, message const& incoming, instant now) {
    auto& path = sender.paths[incoming.path];
    if (incoming.sequence > path.received || planted(bug::replay_believed))
        return deliver(sender, incoming, false, now);
    auto const age = path.received - incoming.sequence;
    if (age >= window || (path.seen >> age & 1U) != 0)
        return refuse(reject::replayed);
    path.seen |= std::uint64_t{1} << age;
    return receive(incoming);
}

/// Two sets of voters have two majorities: what is said in the other one must not count here. But
/// each set that follows another shares a voter with every majority of that one, and nobody counts
/// in an older one once its successor has one itself: what is said in a newer one may count.
reception peers::receive(message const& incoming) {
    auto const& theirs = incoming.voters;
    bool const older = theirs.version < self_.voters.version;
    bool const other = theirs.version == self_.voters.version && theirs.id != self_.voters.id;
    if (older && !planted(bug::older_set_heard))
        return refuse(reject::older_voters);
    if (other && !planted(bug::other_set_heard))
        return refuse(reject::other_voters);
    return {};
}

reception peers::deliver(peer& sender, message const& incoming, bool adopted, instant now) {
    if (adopted) {
        sender.theirs = incoming.session;
        sender.mine = sender.next;
        sender.next = after(sender.next);
        for (auto& each : sender.paths)
            each.received = each.seen = 0;
        sender.heard.note_session(now);
    }
    auto& path = sender.paths[incoming.path];
    note_newest(path, incoming.sequence);
    sender.heard.note_heard(incoming, now);
    sender.config_digest = incoming.config_digest;
    sender.voters = incoming.voters;
    sender.uptime_s = incoming.uptime_s;
    sender.key = incoming.key;

    auto out = receive(incoming);
    out.adopted = adopted;
    // A hello tells that the sender has not adopted us; the beat lets it.
    if (incoming.type == message_type::hello && (may_reply(path, incoming.session, now) || adopted))
        out.reply = compose(incoming.from, incoming.path, now, {});
    return out;
}

message peers::draft(peer const& receiver, std::uint8_t path, instant now) const {
    message out;
    out.from = self_.id;
    out.to = receiver.place.id;
    out.path = path;
    out.config_digest = self_.config_digest;
    out.voters = self_.voters;
    for (std::size_t index = 0; index < receiver.place.paths; ++index)
        out.heard_ms[index] = receiver.heard.heard_age_ms(index, now);
    out.uptime_s = static_cast<std::uint32_t>((now - self_.started) / std::chrono::seconds{1});
    return out;
}

message peers::compose(node_id to, std::uint8_t path, instant now, byte_view payload) {
    auto const index = index_of(to);
    TASUKI_REQUIRE(index < table_.size() && path < table_[index].place.paths);
    auto& receiver = table_[index];
    auto out = draft(receiver, path, now);
    out.sequence = ++receiver.paths[path].sent;
    auto const heard_at = receiver.heard.heard_at();
    bool const lost = !heard_at || now - *heard_at >= rehello_after;
    if (!receiver.is_proven() || (lost && out.sequence % hello_every == 0)) {
        out.type = message_type::hello;
        out.session = receiver.next;
        return out;
    }
    out.type = message_type::beat;
    out.session = receiver.mine;
    out.echo = receiver.theirs;
    out.payload = payload;
    return out;
}

std::optional<message> peers::compose_farewell(node_id to, std::uint8_t path, instant now,
                                               byte_view payload) const {
    auto const* const receiver = find(to);
    TASUKI_REQUIRE(receiver != nullptr && path < receiver->place.paths);
    if (!receiver->is_proven())
        return std::nullopt;
    auto out = draft(*receiver, path, now);
    out.type = message_type::beat;
    out.session = receiver->mine;
    out.echo = receiver->theirs;
    out.sequence = last_sequence;
    out.payload = payload;
    return out;
}

} // namespace tasuki::heartbeat
