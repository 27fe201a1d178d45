#include "tasuki/lb/mysql_watch.hpp"

#include "tasuki/lb/mysql_wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::array ping{std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0},
                          std::byte{wire::com_ping}};
constexpr std::array quit{std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0},
                          std::byte{wire::com_quit}};
// A statement that only asks whether the connection lives is short.
constexpr std::size_t validation_max = 64;
// A greeting is some hundred bytes; whoever sends more in its place is no server of MySQL.
constexpr std::size_t greeting_max = 4096;

constexpr std::uint16_t too_many_connections = 1040;
constexpr std::uint16_t server_shutdown = 1053;

struct error_head {
    std::uint8_t sequence = 0;
    std::uint16_t number = 0;
    std::string_view state;
};

byte_string error_packet(error_head const& it, std::string_view text) {
    auto const payload = fmt::format("#{}{}", it.state, text);
    constexpr std::size_t mark_and_number = 1 + 2;
    auto const size = mark_and_number + payload.size(); // of a few hundred bytes
    std::array const head{static_cast<std::byte>(size & 0xffU),
                          static_cast<std::byte>(size >> 8U),
                          std::byte{0},
                          std::byte{it.sequence},
                          std::byte{0xff},
                          static_cast<std::byte>(it.number & 0xffU),
                          static_cast<std::byte>(it.number >> 8U)};
    byte_string out(head.size() + payload.size());
    auto const rest = std::copy(head.begin(), head.end(), out.begin());
    std::ranges::copy(std::as_bytes(std::span{payload}), rest);
    return out;
}

bool is_whole(byte_view bytes) {
    if (bytes.size() < packet_header_size)
        return false;
    auto const length = std::to_integer<std::size_t>(bytes[0]) |
                        std::to_integer<std::size_t>(bytes[1]) << 8U |
                        std::to_integer<std::size_t>(bytes[2]) << 16U;
    return bytes.size() >= packet_header_size + length;
}

} // namespace

mysql_watch::mysql_watch(drain_rules const& rules, instant const& now,
                         std::function<void(decision const&)> decided)
    : rules_(rules)
    , now_(now)
    , decided_(std::move(decided))
    , last_byte_(now) {}

bool mysql_watch::begins_command() const {
    return session_.doing() == activity::idle && session_.is_between_packets();
}

passage mysql_watch::from_client(std::span<std::byte> bytes) {
    if (is_asking_)
        return hold_all;
    if (begins_command() && bytes.size() > packet_header_size && bytes.size() < validation_max &&
        is_validation(bytes.subspan(packet_header_size))) {
        validates_ = true;
        if (leaving_ && lb::decide(rules_, *leaving_, view(), now_, true).what == deed::close)
            return {passage::all, 0, true, false, quit};
    }
    last_byte_ = now_;
    session_.from_client(bytes);
    return {};
}

passage mysql_watch::from_server(std::span<std::byte> bytes) {
    last_byte_ = now_;
    if (!is_greeted_)
        return greet(bytes);
    session_.from_server(bytes);
    note_transaction();
    passage out;
    if (is_asking_) {
        out.drop = passage::all;
        is_asking_ = session_.doing() == activity::command;
        out.shows_held = !is_asking_;
    }
    if (leaving_)
        decided_(decide());
    return out;
}

/// What is not followed is not offered to the client.
passage mysql_watch::greet(std::span<std::byte> bytes) {
    if (greeting_.empty() && is_whole(bytes)) {
        wire::offer_less(bytes.subspan(packet_header_size));
        is_greeted_ = true;
        session_.from_server(bytes);
        return {};
    }
    greeting_.insert(greeting_.end(), bytes.begin(), bytes.end());
    passage out{passage::all, passage::all, false, false, {}};
    if (!is_whole(greeting_) && greeting_.size() < greeting_max)
        return out;
    if (is_whole(greeting_))
        wire::offer_less(std::span{greeting_}.subspan(packet_header_size));
    is_greeted_ = true;
    session_.from_server(greeting_);
    out.instead = greeting_;
    return out;
}

void mysql_watch::note_transaction() {
    if (!session_.in_transaction())
        transaction_since_ = never;
    else if (transaction_since_ == never)
        transaction_since_ = now_;
}

decision mysql_watch::decide() const {
    return lb::decide(rules_, leaving_.value_or(draining{}), view(), now_);
}

session_view mysql_watch::view() const {
    auto out = look_at(session_);
    out.validates = validates_;
    out.is_asking = is_asking_;
    out.last_byte = last_byte_;
    out.transaction_since = transaction_since_;
    return out;
}

bool mysql_watch::is_logged_in() const {
    return session_.doing() != activity::logging_in;
}

byte_view mysql_watch::ask() {
    is_asking_ = true;
    session_.from_client(ping);
    return ping;
}

byte_view mysql_watch::farewell() const {
    return begins_command() ? byte_view{quit} : byte_view{};
}

byte_string mysql_watch::apology(std::string_view why) const {
    auto const sequence = is_asking_ ? std::nullopt : session_.error_sequence();
    if (!sequence)
        return {};
    return error_packet({*sequence, server_shutdown, "08S01"}, fmt::format("tasuki: {}", why));
}

byte_string refusal_of(std::string_view pool, std::string_view why) {
    return error_packet({0, too_many_connections, "08004"},
                        fmt::format("tasuki: no server of pool {} takes a session: {}", pool, why));
}

} // namespace tasuki::lb
