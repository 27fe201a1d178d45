#include "tasuki/election/tenure.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::election {

namespace {

void put(byte_writer& out, instant when) {
    out.u64(static_cast<std::uint64_t>(when.time_since_epoch().count()));
}

instant take_instant(byte_reader& in) {
    return instant{duration{static_cast<duration::rep>(in.u64())}};
}

bool is_settled(state const& it) {
    bool const stays = it.now_role == role::standby || it.now_role == role::active;
    bool const on_disk = it.vote.stored_ticket >= it.vote.last_ticket && it.vote.delayed.empty();
    return stays && on_disk && !it.writing.under_way && !it.first.under_way &&
           it.releases_left == 0;
}

void put(byte_writer& out, tenure const& it) {
    out.u64(it.under.value());
    put(out, it.until.soft);
    put(out, it.until.hard);
    out.u64(it.sequence);
    encode(it.latest, out);
}

result<tenure> take_tenure(byte_reader& in) {
    tenure it;
    it.under = epoch{in.u64()};
    it.until.soft = take_instant(in);
    it.until.hard = take_instant(in);
    it.sequence = in.u64();
    auto latest = decode_record(in);
    if (!latest)
        return latest.error();
    it.latest = std::move(*latest);
    return it;
}

} // namespace

std::optional<inheritance> bequeath(state const& it) {
    if (!is_settled(it))
        return std::nullopt;
    inheritance out{std::max({it.highest_seen, it.under, it.vote.memory.promised}),
                    it.vote.granted,
                    it.vote.released,
                    it.vote.silent_until,
                    {},
                    it.under};
    if (it.now_role == role::active)
        out.held = {it.under, it.until, it.sequence, it.latest};
    return out;
}

state inherit(policy const& rules, voter_start const& begin, inheritance const& left,
              std::uint64_t seed, instant now) {
    auto it = start(rules, begin, seed, now);
    it.highest_seen = std::max(it.highest_seen, left.highest);
    it.vote.granted = left.granted;
    it.vote.released = left.released;
    it.vote.silent_until = left.silent_until;
    it.under = left.under;
    if (!left.held)
        return it;
    it.now_role = role::active;
    it.under = left.held->under;
    it.until = left.held->until;
    it.sequence = left.held->sequence;
    it.latest = left.held->latest;
    it.renew_at = now;
    // Who has confirmed it so far is not known any more: it is said to all once again.
    it.writing.content = it.latest;
    it.writing.resend_at = now;
    return it;
}

void encode(inheritance const& it, byte_writer& out) {
    out.u64(it.highest.value());
    out.u64(it.granted.under.value());
    out.u32(it.granted.holder.value());
    out.u64(it.granted.life.value());
    put(out, it.granted.expires);
    out.u64(it.released.value());
    put(out, it.silent_until);
    out.u8(it.held ? 1 : 0);
    if (it.held)
        put(out, *it.held);
    out.u64(it.under.value());
}

result<inheritance> decode_inheritance(byte_reader& in) {
    inheritance it;
    it.highest = epoch{in.u64()};
    it.granted = {epoch{in.u64()}, node_id{in.u32()}, incarnation{in.u64()}, take_instant(in)};
    it.released = epoch{in.u64()};
    it.silent_until = take_instant(in);
    if (in.u8() == 1) {
        auto held = take_tenure(in);
        if (!held)
            return held.error();
        it.held = std::move(*held);
    }
    it.under = epoch{in.u64()};
    if (in.failed())
        return problem{failure::invalid, "a lease that is cut off"};
    return it;
}

} // namespace tasuki::election
