#include "tasuki/election/message.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::election {

namespace {

// The number of a type on the wire is its index in the variant: append, never reorder.
constexpr std::size_t entry_overhead = 7; // group, type, length

void put_ms(byte_writer& out, milliseconds value) {
    out.u32(static_cast<std::uint32_t>(std::clamp<std::int64_t>(value.count(), 0, UINT32_MAX)));
}

milliseconds take_ms(byte_reader& in) {
    return milliseconds{in.u32()};
}

void put(byte_writer& out, renew const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
    put_ms(out, it.lease);
    out.u64(it.sequence);
}
void put(byte_writer& out, grant const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
    out.u64(it.sequence);
}
void put(byte_writer& out, prevote const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
}
void put(byte_writer& out, prevote_reply const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
    out.u8(it.granted ? 1 : 0);
    out.u64(it.promised.value());
    put_ms(out, it.remaining);
}
void put(byte_writer& out, prepare const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
}
void put(byte_writer& out, promise const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
    out.u8(it.granted ? 1 : 0);
    out.u64(it.promised.value());
    put_ms(out, it.remaining);
    encode(it.known, out);
}
void put(byte_writer& out, write const& it) {
    out.u64(it.life.value());
    encode(it.content, out);
}
void put(byte_writer& out, written const& it) {
    out.u64(it.under.value());
    out.u64(it.version.value());
    out.u8(it.accepted ? 1 : 0);
    out.u64(it.promised.value());
}
void put(byte_writer& out, release const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
    out.u32(it.successor.value());
}
void put(byte_writer& out, recall const& it) {
    out.u64(it.life.value());
}
void put(byte_writer& out, recalled const& it) {
    out.u64(it.life.value());
    out.u8(it.blank ? 1 : 0);
    out.u64(it.promised.value());
    out.u32(it.promised_to.value());
    out.u64(it.promised_life.value());
    encode(it.known, out);
    out.u64(it.spoken_by.value());
}
void put(byte_writer& out, bootstrap const& it) {
    encode(it.content, out);
    out.u64(it.for_life.value());
}
void put(byte_writer& out, withdraw const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
}
void put(byte_writer& out, inform const& it) {
    encode(it.content, out);
}
void put(byte_writer& out, leave const& it) {
    out.u64(it.life.value());
}

void put(byte_writer& out, offer const& it) {
    out.u64(it.under.value());
    out.u64(it.life.value());
    out.u32(it.successor.value());
}
void put(byte_writer& out, ready const& it) {
    out.u64(it.under.value());
}

// Each taker reads in the order of the fields; aggregates evaluate left to right.
result<message> take_renew(byte_reader& in) {
    return message{renew{epoch{in.u64()}, incarnation{in.u64()}, take_ms(in), in.u64()}};
}
result<message> take_grant(byte_reader& in) {
    return message{grant{epoch{in.u64()}, incarnation{in.u64()}, in.u64()}};
}
result<message> take_prevote(byte_reader& in) {
    return message{prevote{epoch{in.u64()}, incarnation{in.u64()}}};
}
result<message> take_prevote_reply(byte_reader& in) {
    return message{prevote_reply{epoch{in.u64()}, incarnation{in.u64()}, in.u8() == 1,
                                 epoch{in.u64()}, take_ms(in)}};
}
result<message> take_prepare(byte_reader& in) {
    return message{prepare{epoch{in.u64()}, incarnation{in.u64()}}};
}
result<message> take_promise(byte_reader& in) {
    promise it{epoch{in.u64()}, incarnation{in.u64()}, in.u8() == 1,
               epoch{in.u64()}, take_ms(in),           {}};
    auto known = decode_record(in);
    if (!known)
        return known.error();
    it.known = std::move(*known);
    return message{std::move(it)};
}
result<message> take_write(byte_reader& in) {
    incarnation const life{in.u64()};
    auto content = decode_record(in);
    if (!content)
        return content.error();
    return message{write{life, std::move(*content)}};
}
result<message> take_written(byte_reader& in) {
    return message{
        written{epoch{in.u64()}, record_version{in.u64()}, in.u8() == 1, epoch{in.u64()}}};
}
result<message> take_release(byte_reader& in) {
    return message{release{epoch{in.u64()}, incarnation{in.u64()}, node_id{in.u32()}}};
}
result<message> take_recall(byte_reader& in) {
    return message{recall{incarnation{in.u64()}}};
}
result<message> take_recalled(byte_reader& in) {
    recalled it{incarnation{in.u64()},
                in.u8() == 1,
                epoch{in.u64()},
                node_id{in.u32()},
                incarnation{in.u64()},
                {},
                {}};
    auto known = decode_record(in);
    if (!known)
        return known.error();
    it.known = std::move(*known);
    it.spoken_by = incarnation{in.u64()};
    return message{std::move(it)};
}
result<message> take_bootstrap(byte_reader& in) {
    auto content = decode_record(in);
    if (!content)
        return content.error();
    return message{bootstrap{std::move(*content), incarnation{in.u64()}}};
}
result<message> take_withdraw(byte_reader& in) {
    return message{withdraw{epoch{in.u64()}, incarnation{in.u64()}}};
}
result<message> take_inform(byte_reader& in) {
    auto content = decode_record(in);
    if (!content)
        return content.error();
    return message{inform{std::move(*content)}};
}
result<message> take_leave(byte_reader& in) {
    return message{leave{incarnation{in.u64()}}};
}

result<message> take_offer(byte_reader& in) {
    return message{offer{epoch{in.u64()}, incarnation{in.u64()}, node_id{in.u32()}}};
}
result<message> take_ready(byte_reader& in) {
    return message{ready{epoch{in.u64()}}};
}

using taker = result<message> (*)(byte_reader&);
constexpr taker takers[] = {
    take_renew,    take_grant,   take_prevote, take_prevote_reply, take_prepare,  take_promise,
    take_write,    take_written, take_release, take_recall,        take_recalled, take_bootstrap,
    take_withdraw, take_inform,  take_leave,   take_offer,         take_ready};
static_assert(std::size(takers) == std::variant_size_v<message>);

} // namespace

void encode(entry const& it, byte_writer& out) {
    out.u32(it.group.value());
    out.u8(static_cast<std::uint8_t>(it.what.index()));
    std::size_t const length_at = out.size();
    out.u16(0);
    std::size_t const body_at = out.size();
    std::visit([&](auto const& what) { put(out, what); }, it.what);
    out.set_u16(length_at, static_cast<std::uint16_t>(out.size() - body_at));
}

result<std::vector<entry>> decode_entries(byte_view payload) {
    std::vector<entry> entries;
    auto const read = decode_entries(payload, entries);
    if (!read)
        return read.error();
    return entries;
}

result<void> decode_entries(byte_view payload, std::vector<entry>& entries) {
    entries.clear();
    byte_reader in{payload};
    while (in.left() >= entry_overhead) {
        group_id const group{in.u32()};
        std::size_t const type = in.u8();
        byte_reader body{in.take(in.u16())};
        if (in.failed())
            return problem{failure::invalid, "election entry: length beyond the datagram"};
        if (type >= std::size(takers))
            continue; // a newer version may say more than we understand
        auto what = takers[type](body);
        if (!what)
            return what.error();
        if (!body.complete())
            return problem{failure::invalid, "election entry: length does not fit its type"};
        entries.push_back({group, std::move(*what)});
    }
    if (!in.complete())
        return problem{failure::invalid, "election payload: trailing bytes"};
    return {};
}

} // namespace tasuki::election
