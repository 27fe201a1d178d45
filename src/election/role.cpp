#include "tasuki/election/role.hpp"

#include <algorithm>

namespace tasuki::election {

std::string_view to_string(role it) {
    switch (it) {
    case role::standby:
        return "standby";
    case role::canvassing:
        return "canvassing";
    case role::claiming:
        return "claiming";
    case role::recovering:
        return "recovering";
    case role::active:
        return "active";
    case role::stepping_down:
        return "stepping_down";
    }
    return "standby";
}

std::string_view to_string(reason it) {
    switch (it) {
    case reason::none:
        return "none";
    case reason::holder_silent:
        return "holder_silent";
    case reason::named_successor:
        return "named_successor";
    case reason::prevote_won:
        return "prevote_won";
    case reason::prevote_refused:
        return "prevote_refused";
    case reason::promises_won:
        return "promises_won";
    case reason::promise_refused:
        return "promise_refused";
    case reason::attempt_timed_out:
        return "attempt_timed_out";
    case reason::record_committed:
        return "record_committed";
    case reason::lease_lost:
        return "lease_lost";
    case reason::handed_over:
        return "handed_over";
    case reason::not_eligible:
        return "not_eligible";
    case reason::voters_changed:
        return "voters_changed";
    case reason::clock_beyond_bound:
        return "clock_beyond_bound";
    }
    return "none";
}

namespace {

// The form without a voter set began with the promised epoch, whose first byte was always zero.
constexpr std::uint8_t state_format = 4;
constexpr std::uint8_t with_changed_voters = 5; ///< the same, and the version of the set
constexpr std::uint8_t one_allegiance = 3;      ///< of two claims at once, one could be withdrawn
constexpr std::uint8_t without_allegiance = 2;  ///< no promise could be withdrawn then

/// Form 3 had a place for one in any case.
std::vector<allegiance> take_allegiances(byte_reader& in, std::uint8_t format) {
    std::vector<allegiance> out;
    std::size_t const count = in.u8();
    std::size_t const places = format == one_allegiance ? 1 : std::min(count, allegiances_max + 1);
    for (std::size_t place = 0; place < places && !in.failed(); ++place) {
        allegiance const each{epoch{in.u64()}, node_id{in.u32()}, incarnation{in.u64()}};
        if (place < count)
            out.push_back(each);
    }
    return out;
}

} // namespace

void encode(durable_state const& it, byte_writer& out) {
    bool const changed = it.voters.version != 0;
    out.u8(changed ? with_changed_voters : state_format);
    out.u64(it.voters.id.value());
    if (changed)
        out.u32(it.voters.version);
    out.u64(it.promised.value());
    out.u32(it.promised_to.value());
    out.u64(it.promised_life.value());
    out.u8(static_cast<std::uint8_t>(it.before.size()));
    for (auto const& each : it.before) {
        out.u64(each.under.value());
        out.u32(each.to.value());
        out.u64(each.life.value());
    }
    out.u8(it.withdrawn ? 1 : 0);
    encode(it.known, out);
}

result<durable_state> decode_durable_state(byte_view bytes) {
    byte_reader in{bytes};
    auto const format = in.u8();
    if (format < without_allegiance || format > with_changed_voters)
        return problem{failure::invalid, "it has a form that this program does not know, perhaps "
                                         "of an older version: asking the other voters"};
    durable_state it;
    it.voters.id = voter_set_id{in.u64()};
    if (format == with_changed_voters)
        it.voters.version = in.u32();
    it.promised = epoch{in.u64()};
    it.promised_to = node_id{in.u32()};
    it.promised_life = incarnation{in.u64()};
    if (format != without_allegiance) {
        it.before = take_allegiances(in, format);
        it.withdrawn = in.u8() == 1 && !it.before.empty();
    }
    auto known = decode_record(in);
    if (!known)
        return known.error();
    if (!in.complete() || it.before.size() > allegiances_max)
        return problem{failure::invalid, "state: length does not fit"};
    it.known = std::move(*known);
    return it;
}

} // namespace tasuki::election
