#include "tasuki/lb/mysql_move.hpp"

#include "tasuki/lb/mysql_wire.hpp"

#include "printable.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::lb {

namespace {

using namespace wire;

constexpr std::byte ok_mark{0x00};
constexpr std::byte switch_mark{0xfe};
constexpr std::byte error_mark{0xff};
constexpr std::size_t error_text_at = 1 + 2 + 6; // mark, number, "#" and the state

byte_string query(std::string_view text) {
    byte_string payload{std::byte{com_query}};
    auto const bytes = std::as_bytes(std::span{text});
    payload.insert(payload.end(), bytes.begin(), bytes.end());
    return packet_of(0, payload);
}

std::string text_of_error(byte_view payload) {
    return printable(payload.subspan(std::min(error_text_at, payload.size())));
}

} // namespace

mysql_move::mysql_move(std::span<pool_user const> users)
    : users_(users.begin(), users.end()) {}

void mysql_move::keep(obstacle why) {
    if (keeps_ == obstacle::none)
        keeps_ = why;
}

void mysql_move::login_from_server(byte_view bytes) {
    if (logged_in_ || keeps_ != obstacle::none)
        return;
    if (!from_server_.read(bytes, [&](auto, byte_view it) { on_login_packet_of_server(it); }))
        keep(obstacle::unclear);
    if (!logged_in_)
        return;
    from_client_ = {};
    from_server_ = {};
}

void mysql_move::login_from_client(byte_view bytes) {
    if (logged_in_ || keeps_ != obstacle::none)
        return;
    if (!from_client_.read(bytes, [&](auto, byte_view it) { on_login_packet_of_client(it); }))
        keep(obstacle::unclear);
}

void mysql_move::on_login_packet_of_server(byte_view payload) {
    if (logged_in_)
        return;
    if (!greeting_) {
        greeting_ = read_greeting(payload);
        if (!greeting_)
            return keep(obstacle::unclear);
        offered_ = greeting_->capabilities;
        if (!greeting_->is_mariadb)
            keep(obstacle::not_mariadb);
        return;
    }
    if (payload.empty() || payload[0] == error_mark)
        return;
    if (payload[0] == ok_mark)
        return finish_login();
    switch_ = read_switch_request(payload);
    if (!switch_)
        keep(obstacle::other_plugin);
}

void mysql_move::on_login_packet_of_client(byte_view payload) {
    if (!greeting_ || logged_in_)
        return;
    if (has_login_) {
        if (switch_)
            check_answer(switch_->plugin, switch_->challenge, payload);
        return;
    }
    auto read = read_login(payload);
    if (!read)
        return keep(obstacle::unclear);
    has_login_ = true;
    login_ = std::move(*read);
    auto const user = std::find_if(users_.begin(), users_.end(),
                                   [&](auto const& it) { return it.name == login_.user; });
    if (user == users_.end())
        return keep(obstacle::no_user);
    secret_ = user->secret;
    // A client that names no plugin takes that of the greeting.
    auto const& plugin = login_.plugin.empty() ? greeting_->plugin : login_.plugin;
    check_answer(plugin, greeting_->challenge, login_.answer);
}

void mysql_move::check_answer(std::string_view plugin, byte_view challenge, byte_view answer) {
    auto const ours = answer_to(challenge, secret_);
    proven_ = plugin == native_plugin && !ours.empty() && std::ranges::equal(ours, answer);
}

/// The server was satisfied: with what we know as well, or with something else.
void mysql_move::finish_login() {
    logged_in_ = true;
    auto const& plugin =
        switch_ ? switch_->plugin : (login_.plugin.empty() ? greeting_->plugin : login_.plugin);
    if (!proven_)
        keep(plugin == native_plugin ? obstacle::other_password : obstacle::other_plugin);
    users_ = {};
    greeting_.reset();
    switch_.reset();
    login_.answer = {};
}

byte_string mysql_move::ask() {
    answer_.emplace(agreed());
    return query(state_question());
}

std::optional<obstacle> mysql_move::answered(byte_view bytes, std::uint64_t settings_seen) {
    auto const now = answer_->read(bytes);
    if (now == row_answer::progress::more)
        return std::nullopt;
    auto reading = now == row_answer::progress::done ? read_state(answer_->row(), settings_seen)
                                                     : state_reading{obstacle::unclear, {}};
    state_ = std::move(reading.state);
    answer_.reset();
    return reading.why;
}

void mysql_move::enter() {
    from_server_ = {};
    entry_ = entry::greeting;
    entered_ = progress::more;
    refusal_.clear();
}

mysql_move::progress mysql_move::entered(byte_view bytes, byte_string& reply) {
    auto const read = from_server_.read(bytes, [&](std::uint8_t sequence, byte_view payload) {
        if (entered_ == progress::more)
            on_entry_packet(sequence, payload, reply);
    });
    if (!read && entered_ == progress::more) {
        refusal_ = "it sends what is no login";
        entered_ = progress::refused;
    }
    return entered_;
}

void mysql_move::on_entry_packet(std::uint8_t sequence, byte_view payload, byte_string& reply) {
    auto const refuse = [&](std::string why) {
        refusal_ = std::move(why);
        entered_ = progress::refused;
    };
    if (payload.empty() || payload[0] == error_mark)
        return refuse(payload.empty() ? "an empty packet" : text_of_error(payload));
    auto const next = static_cast<std::uint8_t>(sequence + 1);
    switch (entry_) {
    case entry::greeting:
        return greet(next, payload, reply);
    case entry::login:
        if (payload[0] == switch_mark) {
            auto const wanted = read_switch_request(payload);
            if (!wanted || wanted->plugin != native_plugin)
                return refuse("it wants another plugin than mysql_native_password");
            reply = packet_of(next, answer_to(wanted->challenge, secret_));
            return;
        }
        if (payload[0] != ok_mark)
            return refuse("it wants more than an answer to its challenge");
        entry_ = entry::settings;
        reply = query(state_.settings);
        return;
    case entry::settings:
        if (payload[0] != ok_mark)
            return refuse("it answers a SET with something else");
        entered_ = progress::in;
        return;
    }
}

void mysql_move::greet(std::uint8_t sequence, byte_view payload, byte_string& reply) {
    auto const greeting = read_greeting(payload);
    bool const can_less = greeting && (agreed() & ~greeting->capabilities) != 0;
    if (!greeting || !greeting->is_mariadb || can_less) {
        refusal_ = can_less ? "it offers less than the client makes use of" : "it is no MariaDB";
        entered_ = progress::refused;
        return;
    }
    bool const native = greeting->plugin == native_plugin;
    auto const answer = native ? answer_to(greeting->challenge, secret_) : byte_string{};
    auto login = login_; // nothing that was not agreed on with the first one
    login.capabilities = agreed() | (login_.capabilities & mysql_server);
    reply = packet_of(sequence, write_login(login, answer, state_.schema));
    entry_ = entry::login;
}

} // namespace tasuki::lb
