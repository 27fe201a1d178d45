#include "tasuki/election/role.hpp"

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
    case reason::clock_beyond_bound:
        return "clock_beyond_bound";
    }
    return "none";
}

namespace {

// The form without a voter set began with the promised epoch, whose first byte was always zero.
constexpr std::uint8_t state_format = 2;

} // namespace

void encode(durable_state const& it, byte_writer& out) {
    out.u8(state_format);
    out.u64(it.voters.value());
    out.u64(it.promised.value());
    out.u32(it.promised_to.value());
    out.u64(it.promised_life.value());
    encode(it.known, out);
}

result<durable_state> decode_durable_state(byte_view bytes) {
    byte_reader in{bytes};
    if (in.u8() != state_format)
        return problem{failure::invalid, "it has a form that this program does not know, perhaps "
                                         "of an older version: asking the other voters"};
    durable_state it;
    it.voters = voter_set_id{in.u64()};
    it.promised = epoch{in.u64()};
    it.promised_to = node_id{in.u32()};
    it.promised_life = incarnation{in.u64()};
    auto known = decode_record(in);
    if (!known)
        return known.error();
    if (!in.complete())
        return problem{failure::invalid, "state: length does not fit"};
    it.known = std::move(*known);
    return it;
}

} // namespace tasuki::election
