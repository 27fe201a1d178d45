#include "tasuki/lb/mysql_wire.hpp"

#include <algorithm>

namespace tasuki::lb::wire {

namespace {

constexpr std::uint64_t greeting_version = 10;

// A type of session tracker.
constexpr std::uint64_t track_transaction = 5;
// Of the eight letters of a transaction's state the last one tells of LOCK TABLES.
constexpr std::size_t letter_of_locks = 7;

void read_trackers(byte_view bytes, status& to) {
    reader in{bytes};
    while (in.left() > 0 && !in.failed()) {
        auto const type = in.number(1);
        auto const data = in.text();
        if (type == track_transaction) {
            auto const letters = reader{data}.text();
            if (letters.size() > letter_of_locks)
                to.tables_locked = letters[letter_of_locks] == std::byte{'L'};
        }
    }
}

} // namespace

std::uint64_t reader::number(std::size_t bytes) {
    auto const taken = in_.take(bytes);
    std::uint64_t value = 0;
    for (std::size_t at = taken.size(); at > 0; --at)
        value = value << 8U | std::to_integer<std::uint64_t>(taken[at - 1]);
    return value;
}

std::optional<std::uint64_t> reader::length() {
    auto const first = number(1);
    if (failed() || first == 0xfb || first == 0xff)
        return std::nullopt;
    if (first < 0xfb)
        return first;
    auto const value = number(first == 0xfc ? 2 : first == 0xfd ? 3 : 8);
    return failed() ? std::nullopt : std::optional{value};
}

byte_view reader::text() {
    auto const size = length();
    return size ? in_.take(static_cast<std::size_t>(*size)) : byte_view{};
}

std::optional<status> read_ok(byte_view head, std::uint64_t capabilities) {
    reader in{head};
    (void)in.number(1);
    bool const counted = in.length() && in.length(); // rows, last insert id
    status out;
    out.flags = static_cast<unsigned>(in.number(2));
    (void)in.number(2); // warnings
    if (!counted || in.failed())
        return std::nullopt;
    if ((capabilities & session_track) == 0 || (out.flags & session_state_changed) == 0)
        return out;
    (void)in.text(); // for people
    read_trackers(in.text(), out);
    return out;
}

std::optional<status> read_eof(byte_view head) {
    reader in{head};
    (void)in.number(3); // what it is, warnings
    status out;
    out.flags = static_cast<unsigned>(in.number(2));
    return in.failed() ? std::nullopt : std::optional{out};
}

std::optional<std::uint64_t> read_client_capabilities(byte_view head) {
    reader in{head};
    auto const basic = in.number(4);
    (void)in.take(4 + 1 + 19); // longest packet, character set, nothing
    auto const extended = in.number(4);
    if (in.failed() || (basic & protocol_41) == 0)
        return std::nullopt;
    return basic | ((basic & mysql_server) == 0 ? extended << 32U : 0);
}

void offer_less(std::span<std::byte> greeting) {
    reader in{greeting};
    if (in.number(1) != greeting_version)
        return;
    auto const rest = greeting.subspan(1);
    auto const zero = std::find(rest.begin(), rest.end(), std::byte{0});
    // Server version, zero, connection id, half of the challenge, zero.
    auto const low = 1 + static_cast<std::size_t>(zero - rest.begin()) + 1 + 4 + 8 + 1;
    auto const clear = [&](std::size_t at, std::uint64_t bits) {
        for (std::size_t index = 0; index < 2 && at + index < greeting.size(); ++index)
            greeting[at + index] &= ~static_cast<std::byte>(bits >> (8 * index));
    };
    clear(low, not_followed & 0xffffU);
    clear(low + 2 + 1 + 2, not_followed >> 16U & 0xffffU); // behind character set and status
}

} // namespace tasuki::lb::wire
