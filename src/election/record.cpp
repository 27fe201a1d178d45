#include "tasuki/election/record.hpp"

#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::election {

namespace {

constexpr std::uint8_t record_format = 1;
constexpr std::uint8_t record_with_voters = 2; ///< the same, and who votes

void put_text(byte_writer& out, std::string const& text) {
    out.u8(static_cast<std::uint8_t>(text.size()));
    out.append(std::as_bytes(std::span{text}));
}

std::string take_text(byte_reader& in) {
    auto const bytes = in.take(in.u8());
    std::string text(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(),
                   [](std::byte octet) { return static_cast<char>(octet); });
    return text;
}

void put_nodes(byte_writer& out, std::vector<node_id> const& nodes) {
    out.u8(static_cast<std::uint8_t>(nodes.size()));
    for (auto const node : nodes)
        out.u32(node.value());
}

std::vector<node_id> take_nodes(byte_reader& in) {
    std::vector<node_id> nodes;
    std::size_t const count = in.u8();
    for (std::size_t index = 0; index < count && !in.failed(); ++index)
        nodes.emplace_back(in.u32());
    return nodes;
}

void put_ackers(byte_writer& out, std::vector<acker> const& ackers) {
    out.u8(static_cast<std::uint8_t>(ackers.size()));
    for (auto const& each : ackers) {
        out.u32(each.node.value());
        out.u64(each.life.value());
    }
}

std::vector<acker> take_ackers(byte_reader& in) {
    std::vector<acker> ackers;
    std::size_t const count = in.u8();
    for (std::size_t index = 0; index < count && !in.failed(); ++index) {
        node_id const node{in.u32()};
        ackers.push_back({node, server_incarnation{in.u64()}});
    }
    return ackers;
}

void put_roll(byte_writer& out, roll const& it) {
    out.u32(it.version);
    put_nodes(out, it.voters);
    put_nodes(out, it.next);
    put_nodes(out, it.before);
    out.u64(it.floor.value());
}

/// One of them has one node more, and none has a node twice, or too many.
bool differ_by_one(std::vector<node_id> left, std::vector<node_id> right) {
    for (auto* list : {&left, &right}) {
        std::sort(list->begin(), list->end());
        bool const twice = std::adjacent_find(list->begin(), list->end()) != list->end();
        if (twice || list->size() > record_voters_max)
            return false;
    }
    if (left.size() > right.size())
        std::swap(left, right);
    return right.size() == left.size() + 1 &&
           std::includes(right.begin(), right.end(), left.begin(), left.end());
}

/// Whoever counts in a set counts in all of it: an empty one would be its own majority.
bool is_sound(roll const& it) {
    bool const one_at_a_time = ((it.next.empty() || differ_by_one(it.voters, it.next)) &&
                                (it.before.empty() || differ_by_one(it.voters, it.before))) ||
                               planted(bug::unsound_roll_taken);
    return !it.voters.empty() && one_at_a_time && (it.next.empty() || it.before.empty()) &&
           it.version < UINT32_MAX;
}

result<roll> take_roll(byte_reader& in) {
    roll it;
    it.version = in.u32();
    it.voters = take_nodes(in);
    it.next = take_nodes(in);
    it.before = take_nodes(in);
    it.floor = epoch{in.u64()};
    if (in.failed() || !is_sound(it))
        return problem{failure::invalid, "record: malformed voters"};
    return it;
}

problem too_long(std::string_view what) {
    return {failure::exhausted, "record: " + std::string{what} + " is longer than its bound"};
}

} // namespace

std::string_view to_string(operation_kind kind) {
    switch (kind) {
    case operation_kind::none:
        return "none";
    case operation_kind::start:
        return "start";
    case operation_kind::failover:
        return "failover";
    case operation_kind::switchover:
        return "switchover";
    case operation_kind::reopen:
        return "reopen";
    }
    return "none";
}

result<void> check_bounds(record const& it) {
    for (auto const* list : {&it.ackers, &it.next_ackers, &it.frozen})
        if (list->size() > record_nodes_max)
            return too_long("the list of ackers");
    if (it.standby.size() > record_nodes_max)
        return too_long("a list of nodes");
    if (it.voters && !is_sound(*it.voters))
        return too_long("the list of voters");
    for (auto const* text : {&it.position, &it.step, &it.pause_reason})
        if (text->size() > record_text_max)
            return too_long("a text");
    byte_writer out;
    encode(it, out);
    if (out.size() > record_bytes_max)
        return too_long("the whole");
    return {};
}

void encode(record const& it, byte_writer& out) {
    out.u8(it.voters ? record_with_voters : record_format);
    out.u64(it.written_under.value());
    out.u64(it.version.value());
    out.u32(it.active.value());
    out.u32(it.successor.value());
    out.u32(it.master.value());
    out.u8(it.required_acks);
    put_ackers(out, it.ackers);
    put_ackers(out, it.next_ackers);
    out.u64(it.degraded_since_ms);
    put_text(out, it.position);
    out.u8(it.loss_accepted ? 1 : 0);
    out.u64(it.operation.value());
    out.u8(static_cast<std::uint8_t>(it.kind));
    put_text(out, it.step);
    out.u32(it.chosen.value());
    put_ackers(out, it.frozen);
    out.u8(it.paused ? 1 : 0);
    out.u64(it.paused_until_ms);
    put_text(out, it.pause_reason);
    put_nodes(out, it.standby);
    if (it.voters)
        put_roll(out, *it.voters);
}

result<record> decode_record(byte_reader& in) {
    auto const offered = in.left();
    auto const format = in.u8();
    if (format != record_format && format != record_with_voters)
        return problem{failure::invalid, "record: unknown format"};
    record it;
    it.written_under = epoch{in.u64()};
    it.version = record_version{in.u64()};
    it.active = node_id{in.u32()};
    it.successor = node_id{in.u32()};
    it.master = node_id{in.u32()};
    it.required_acks = in.u8();
    it.ackers = take_ackers(in);
    it.next_ackers = take_ackers(in);
    it.degraded_since_ms = in.u64();
    it.position = take_text(in);
    auto const loss_accepted = in.u8();
    it.loss_accepted = loss_accepted == 1;
    it.operation = operation_id{in.u64()};
    auto const kind = in.u8();
    it.kind = static_cast<operation_kind>(kind);
    it.step = take_text(in);
    it.chosen = node_id{in.u32()};
    it.frozen = take_ackers(in);
    auto const paused = in.u8();
    it.paused = paused == 1;
    it.paused_until_ms = in.u64();
    it.pause_reason = take_text(in);
    it.standby = take_nodes(in);
    if (format == record_with_voters) {
        auto voters = take_roll(in);
        if (!voters)
            return voters.error();
        it.voters = std::move(*voters);
    }
    bool const sizes_ok =
        it.ackers.size() <= record_nodes_max && it.next_ackers.size() <= record_nodes_max &&
        it.frozen.size() <= record_nodes_max && it.standby.size() <= record_nodes_max;
    bool const fits = offered - in.left() <= record_bytes_max;
    if (in.failed() || !sizes_ok || !fits || paused > 1 || loss_accepted > 1 ||
        kind > static_cast<std::uint8_t>(operation_kind::reopen))
        return problem{failure::invalid, "record: malformed"};
    return it;
}

} // namespace tasuki::election
