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
// A statement that looks back is shorter.
constexpr std::size_t guarded_max = std::size_t{16} * 1024;

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
                         std::function<void(decision const&)> decided,
                         std::span<pool_user const> movable)
    : rules_(rules)
    , now_(now)
    , decided_(std::move(decided))
    , last_byte_(now) {
    if (movable.empty())
        return;
    move_ = std::make_unique<mysql_move>(movable);
    session_.watch_state();
}

bool mysql_watch::begins_command() const {
    return session_.doing() == activity::idle && session_.is_between_packets();
}

passage mysql_watch::from_client(std::span<std::byte> bytes) {
    if (is_asking_ || moving_ != moving::none)
        return hold_all;
    if (leaving_ && begins_command() && decide().what == deed::move) {
        holds_command_ = true;
        decided_({deed::move, because::idle, never});
        return hold_all;
    }
    if (begins_command() && bytes.size() > packet_header_size && bytes.size() < validation_max &&
        is_validation(bytes.subspan(packet_header_size))) {
        validates_ = true;
        if (leaving_ && lb::decide(rules_, *leaving_, view(), now_, true).what == deed::close)
            return {passage::all, 0, true, false, quit, {}};
    }
    last_byte_ = now_;
    if (!guarded_.empty() || (guards_ && begins_command()))
        return guard(bytes);
    see_login(true, bytes);
    session_.from_client(bytes);
    return {};
}

passage mysql_watch::from_server(std::span<std::byte> bytes) {
    last_byte_ = now_;
    if (moving_ != moving::none)
        return moving_ == moving::asks ? from_former_server(bytes) : from_next_server(bytes);
    if (!is_greeted_)
        return greet(bytes);
    see_login(false, bytes);
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

/// As long as it lasts. Who cannot be moved by it need not be watched any more.
void mysql_watch::see_login(bool from_client, byte_view bytes) {
    if (!move_ || is_logged_in())
        return;
    if (from_client)
        move_->login_from_client(bytes);
    else
        move_->login_from_server(bytes);
    if (move_->keeps() != obstacle::none)
        session_.forget_state();
}

/// One command, which is shown to the server once it is seen not to look back.
passage mysql_watch::guard(byte_view bytes) {
    guarded_.insert(guarded_.end(), bytes.begin(), bytes.end());
    if (!is_whole(guarded_) && guarded_.size() < guarded_max)
        return drop_all;
    passing_ = std::exchange(guarded_, {});
    auto const payload = byte_view{passing_}.subspan(packet_header_size);
    bool const has_text = !payload.empty() && (payload[0] == std::byte{wire::com_query} ||
                                               payload[0] == std::byte{wire::com_stmt_prepare});
    if (has_text && looks_back(payload.subspan(1)))
        return {passage::all, 0, true, false, quit, {}};
    bool const is_query = has_text && payload[0] == std::byte{wire::com_query};
    guards_ = !is_query || !ends_looking_back(payload.subspan(1));
    session_.from_client(passing_);
    auto out = drop_all;
    out.instead = passing_;
    return out;
}

passage mysql_watch::from_former_server(byte_view bytes) {
    auto out = drop_all;
    auto const told = move_->answered(bytes, session_.state()->settings());
    if (!told)
        return out;
    guards_ = true;
    moving_ = *told == obstacle::none && leaving_ ? moving::ready : moving::none;
    refused_ = *told;
    out.shows_held = moving_ == moving::none;
    decided_({deed::move, because::moving, never});
    return out;
}

passage mysql_watch::from_next_server(byte_view bytes) {
    auto out = drop_all;
    if (moving_ != moving::enters)
        return out;
    passing_.clear();
    auto const now = move_->entered(bytes, passing_);
    out.reply = passing_;
    if (now == mysql_move::progress::more)
        return out;
    moving_ = now == mysql_move::progress::in ? moving::none : moving::refused;
    if (moving_ == moving::none)
        session_.note_move();
    out.shows_held = moving_ == moving::none;
    decided_({deed::move, because::moving, never});
    return out;
}

/// What is not followed is not offered to the client.
passage mysql_watch::greet(std::span<std::byte> bytes) {
    if (greeting_.empty() && is_whole(bytes)) {
        wire::offer_less(bytes.subspan(packet_header_size));
        is_greeted_ = true;
        see_login(false, bytes);
        session_.from_server(bytes);
        return {};
    }
    greeting_.insert(greeting_.end(), bytes.begin(), bytes.end());
    auto out = drop_all;
    if (!is_whole(greeting_) && greeting_.size() < greeting_max)
        return out;
    if (is_whole(greeting_))
        wire::offer_less(std::span{greeting_}.subspan(packet_header_size));
    is_greeted_ = true;
    see_login(false, greeting_);
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

void mysql_watch::leave(draining const& how, bool may_go) {
    leaving_ = how;
    may_go_ = may_go;
}

void mysql_watch::stay() {
    leaving_.reset();
    refused_ = obstacle::none;
    if (moving_ != moving::ready)
        return;
    moving_ = moving::none;
    holds_command_ = true; // perhaps
}

obstacle mysql_watch::keeps() const {
    if (!move_)
        return obstacle::none;
    if (move_->keeps() != obstacle::none)
        return move_->keeps();
    if (!move_->has_logged_in())
        return obstacle::unclear;
    return session_.state()->keeps() != obstacle::none ? session_.state()->keeps() : refused_;
}

byte_string mysql_watch::ask_state() {
    moving_ = moving::asks;
    holds_command_ = false;
    return move_->ask();
}

void mysql_watch::depart() {
    moving_ = moving::away;
    leaving_.reset();
}

void mysql_watch::enter() {
    moving_ = moving::enters;
    move_->enter();
}

decision mysql_watch::decide() const {
    return lb::decide(rules_, leaving_.value_or(draining{}), view(), now_);
}

session_view mysql_watch::view() const {
    auto out = look_at(session_);
    out.validates = validates_;
    out.is_asking = is_asking_;
    out.may_move = may_go_ && move_ && keeps() == obstacle::none;
    out.is_moving = moving_ != moving::none;
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
