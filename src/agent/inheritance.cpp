#include "tasuki/agent/inheritance.hpp"

#include <utility>

namespace tasuki::agent {

namespace {

constexpr std::uint32_t magic = 0x54534b49; // "TSKI"
constexpr std::uint16_t form = 3;
constexpr std::uint16_t form_before = 2; // does not say whether the server was closed
constexpr std::size_t items_max = 256;

void put(byte_writer& out, group_inheritance const& it) {
    encode(it.lease, out);
    out.u8(it.address_here ? 1 : 0);
    out.u64(it.active_since_ms);
    out.u64(it.own_life.value());
    out.u8(it.own_server_closed ? 1 : 0);
}

result<group_inheritance> take_group(byte_reader& in, std::uint16_t version) {
    auto lease = election::decode_inheritance(in);
    if (!lease)
        return lease.error();
    group_inheritance it{std::move(*lease), false, 0, {}, false};
    it.address_here = in.u8() == 1;
    it.active_since_ms = in.u64();
    it.own_life = server_incarnation{in.u64()};
    it.own_server_closed = version != form_before && in.u8() == 1;
    return it;
}

result<void> take_groups(byte_reader& in, std::uint16_t version, inheritance& into) {
    std::size_t const count = in.u16();
    if (count > items_max)
        return problem{failure::invalid, "too many groups"};
    for (std::size_t index = 0; index < count; ++index) {
        group_id const id{in.u32()};
        auto group = take_group(in, version);
        if (!group)
            return group.error();
        into.groups.emplace(id, std::move(*group));
    }
    return {};
}

} // namespace

instant open_to_clients_at_first(group_inheritance const& left, instant unknown) {
    if (left.lease.held)
        return left.lease.held->until.hard;
    return left.own_server_closed ? never : unknown;
}

byte_string encode(inheritance const& it) {
    byte_writer out;
    out.u32(magic);
    out.u16(form);
    out.u64(it.life.value());
    out.u16(static_cast<std::uint16_t>(it.groups.size()));
    for (auto const& [id, group] : it.groups) {
        out.u32(id.value());
        put(out, group);
    }
    out.u16(static_cast<std::uint16_t>(it.heard.size()));
    for (auto const& [node, when] : it.heard) {
        out.u32(node.value());
        out.u64(static_cast<std::uint64_t>(when.time_since_epoch().count()));
    }
    return std::move(out).take();
}

result<inheritance> decode_inheritance(byte_view bytes) {
    byte_reader in{bytes};
    auto const begins = in.u32();
    auto const version = in.u16();
    if (begins != magic || (version != form && version != form_before))
        return problem{failure::invalid, "it has a form that this version does not know"};
    inheritance it;
    it.life = incarnation{in.u64()};
    if (auto const taken = take_groups(in, version, it); !taken)
        return taken.error();
    std::size_t const count = in.u16();
    for (std::size_t index = 0; index < count && !in.failed(); ++index) {
        node_id const node{in.u32()};
        it.heard[node] = instant{duration{static_cast<duration::rep>(in.u64())}};
    }
    if (!in.complete())
        return problem{failure::invalid, "it is cut off, or goes on where it should end"};
    return it;
}

} // namespace tasuki::agent
