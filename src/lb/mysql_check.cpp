#include "tasuki/lb/mysql_check.hpp"

#include "printable.hpp"
#include "tasuki/lb/mysql_sha2.hpp"
#include "tasuki/lb/mysql_wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::byte greeting_version{0x0a};
constexpr std::byte more_data_mark{0x01};
constexpr std::byte switch_mark{0xfe};
constexpr std::byte error_mark{0xff};
constexpr std::byte let_in_fast{3};
constexpr std::byte wants_password{4};
constexpr std::byte wants_key{2};
constexpr std::size_t eof_size_max = 9;
constexpr std::size_t columns_max = 256;
constexpr std::size_t error_text_at = 1 + 2; // behind the mark and the number
constexpr unsigned access_denied = 1045;
constexpr unsigned access_denied_no_password = 1698;
constexpr std::int64_t lag_s_max = std::int64_t{3600} * 24 * 365;
constexpr auto no_server = "greets as no MySQL server does";

bool begins_with(byte_view payload, std::byte mark) {
    return !payload.empty() && payload[0] == mark;
}

std::string error_text(byte_view payload) {
    return printable(payload.subspan(std::min(payload.size(), error_text_at)));
}

std::string text_of(byte_view bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

std::string small_letters(byte_view bytes) {
    auto out = text_of(bytes);
    for (auto& letter : out)
        letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    return out;
}

byte_string statement_packet(std::string_view text) {
    byte_string payload{std::byte{wire::com_query}};
    auto const bytes = std::as_bytes(std::span{text});
    payload.insert(payload.end(), bytes.begin(), bytes.end());
    return packet_of(0, payload);
}

void put_zero_ended(byte_string& to, std::string_view text) {
    auto const bytes = std::as_bytes(std::span{text});
    to.insert(to.end(), bytes.begin(), bytes.end());
    to.push_back(std::byte{0});
}

/// HandshakeResponse41, with nothing agreed on that would change the form of an answer.
byte_string login_of(std::string_view user, byte_view answer, std::string_view plugin) {
    constexpr std::uint64_t capabilities =
        wire::mysql_server | wire::protocol_41 | wire::secure_connection | wire::names_plugin;
    constexpr std::byte utf8mb4{45};
    constexpr std::size_t fillers = 23;
    byte_string out;
    for (unsigned at = 0; at < 4; ++at)
        out.push_back(static_cast<std::byte>(capabilities >> (8 * at)));
    out.insert(out.end(), {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}}); // 16 MiB
    out.push_back(utf8mb4);
    out.resize(out.size() + fillers);
    put_zero_ended(out, user);
    out.push_back(static_cast<std::byte>(answer.size()));
    out.insert(out.end(), answer.begin(), answer.end());
    put_zero_ended(out, plugin);
    return out;
}

using row = std::map<std::string, std::string>;

/// By the name of MariaDB and MySQL up to 8.0.21, or the newer one.
std::string value_of(row const& from, char const* name, char const* newer) {
    auto found = from.find(name);
    if (found == from.end())
        found = from.find(newer);
    return found == from.end() ? std::string{} : found->second;
}

server_seen seen_in(row const& status, bool read_only) {
    server_seen out;
    out.read_only = read_only;
    out.applies = value_of(status, "slave_io_running", "replica_io_running") == "Yes" &&
                  value_of(status, "slave_sql_running", "replica_sql_running") == "Yes";
    auto const lag = value_of(status, "seconds_behind_master", "seconds_behind_source");
    std::int64_t seconds = 0;
    auto const* const end = lag.data() + lag.size();
    if (auto const read = std::from_chars(lag.data(), end, seconds);
        read.ec == std::errc{} && read.ptr == end && seconds >= 0)
        out.lag = milliseconds{1000 * std::min(seconds, lag_s_max)};
    return out;
}

} // namespace

named_row::progress named_row::fail(std::string why) {
    trouble_ = std::move(why);
    return progress::failed;
}

named_row::progress named_row::read(byte_view payload) {
    if (payload.empty())
        return fail("an empty packet");
    if (payload[0] == error_mark && next_ != expects::rows)
        return fail(error_text(payload));
    bool const is_end = payload[0] == switch_mark && payload.size() < eof_size_max;
    switch (next_) {
    case expects::columns: {
        auto const count = wire::reader{payload}.length();
        if (!count || *count == 0 || *count > columns_max)
            return fail("no rows");
        columns_ = *count;
        next_ = expects::definitions;
        return progress::more;
    }
    case expects::definitions: {
        wire::reader in{payload};
        for (int before_name = 0; before_name < 4; ++before_name)
            (void)in.text();
        names_.push_back(small_letters(in.text()));
        if (names_.size() == columns_)
            next_ = expects::end_of_definitions;
        return progress::more;
    }
    case expects::end_of_definitions:
        next_ = expects::rows;
        return is_end ? progress::more : fail("an end is missing");
    case expects::rows:
        return is_end ? progress::done : first_row(payload);
    }
    return progress::failed;
}

named_row::progress named_row::first_row(byte_view payload) {
    if (payload[0] == error_mark)
        return fail(error_text(payload));
    if (std::exchange(has_row_, true))
        return progress::more;
    wire::reader in{payload};
    for (auto const& name : names_) {
        auto const size = in.length(); // nothing: NULL
        if (size)
            values_[name] = text_of(in.take(static_cast<std::size_t>(*size)));
    }
    return in.failed() ? fail("a row that is cut off") : progress::more;
}

mysql_check::mysql_check(check_settings const& wanted)
    : user_(wanted.user)
    , password_(wanted.password)
    , role_(wanted.role) {}

check_talk::step mysql_check::hear(byte_view bytes) {
    step out;
    bool const whole = packets_.read(bytes, [&](std::uint8_t sequence, byte_view payload) {
        if (out.verdict)
            return;
        auto next = on_packet(static_cast<std::uint8_t>(sequence + 1), payload);
        out.say.insert(out.say.end(), next.say.begin(), next.say.end());
        out.verdict = std::move(next.verdict);
    });
    if (whole || out.verdict)
        return out;
    if (next_ == expects::greeting || next_ == expects::login)
        return {std::move(out.say), check_result{false, no_server}};
    seen_.why = "what it says of itself is too long";
    auto end = leave();
    out.say.insert(out.say.end(), end.say.begin(), end.say.end());
    out.verdict = std::move(end.verdict);
    return out;
}

check_talk::step mysql_check::on_packet(std::uint8_t sequence, byte_view payload) {
    switch (next_) {
    case expects::greeting:
        return greet(sequence, payload);
    case expects::login:
        return go_on_with_login(sequence, payload);
    case expects::read_only:
    case expects::replica:
        return on_answer(payload);
    }
    return {};
}

check_talk::step mysql_check::greet(std::uint8_t sequence, byte_view payload) {
    if (begins_with(payload, error_mark))
        return {{}, check_result{false, "refuses: " + error_text(payload)}};
    if (!begins_with(payload, greeting_version))
        return {{}, check_result{false, no_server}};
    next_ = expects::login;
    auto const greeting = read_greeting(payload);
    std::string const plugin{greeting && greeting->plugin == sha2_plugin ? sha2_plugin
                                                                         : native_plugin};
    if (greeting)
        challenge_ = greeting->challenge;
    speaks_sha2_ = plugin == sha2_plugin;
    return {packet_of(sequence, login_of(user_, answer_by(plugin), plugin)), {}};
}

byte_string mysql_check::answer_by(std::string_view plugin) const {
    if (password_.empty())
        return {};
    return plugin == sha2_plugin ? sha2_answer(challenge_, password_)
                                 : answer_to(challenge_, secret_of(password_));
}

check_talk::step mysql_check::go_on_with_login(std::uint8_t sequence, byte_view payload) {
    if (begins_with(payload, error_mark))
        return refused(payload);
    if (begins_with(payload, more_data_mark))
        return more_data(sequence, payload);
    if (begins_with(payload, switch_mark)) {
        auto const wanted = read_switch_request(payload);
        bool const known =
            wanted && (wanted->plugin == sha2_plugin || wanted->plugin == native_plugin);
        if (wanted)
            challenge_ = wanted->challenge;
        speaks_sha2_ = wanted && wanted->plugin == sha2_plugin;
        if (!known && !password_.empty())
            return {{},
                    check_result{false, "wants another plugin than mysql_native_password and "
                                        "caching_sha2_password"}};
        return {packet_of(sequence, known ? answer_by(wanted->plugin) : byte_string{}), {}};
    }
    return role_ != server_role::any ? ask(expects::read_only, "SELECT @@GLOBAL.read_only AS r")
                                     : leave();
}

/// Of caching_sha2_password alone, and a key only if it was asked for.
check_talk::step mysql_check::more_data(std::uint8_t sequence, byte_view payload) {
    auto const rest = payload.subspan(1);
    if (rest.size() == 1 && rest[0] == let_in_fast)
        return {};
    bool const wants = rest.size() == 1 && rest[0] == wants_password;
    if (wants && speaks_sha2_ && !std::exchange(asked_for_key_, true))
        return {packet_of(sequence, byte_string{wants_key}), {}};
    auto const sealed = std::exchange(asked_for_key_, false)
                            ? sealed_password(text_of(rest), challenge_, password_)
                            : byte_string{};
    if (sealed.empty())
        return {{}, check_result{false, "sends what is no public key"}};
    return {packet_of(sequence, sealed), {}};
}

/// A server that denies access takes clients, too; but not if it should have known the password.
check_talk::step mysql_check::refused(byte_view payload) const {
    wire::reader in{payload.subspan(1)};
    auto const number = in.number(2);
    bool const denied = number == access_denied || number == access_denied_no_password;
    if (!denied || !password_.empty())
        return {{}, check_result{false, "refuses: " + error_text(payload)}};
    if (role_ == server_role::any)
        return {{}, check_result{true, {}}};
    server_seen nothing;
    nothing.why = fmt::format("it lets no {} see what it is", user_);
    return {{}, check_result{true, {}, std::move(nothing)}};
}

check_talk::step mysql_check::ask(expects what, std::string_view statement) {
    next_ = what;
    row_ = {};
    return {statement_packet(statement), {}};
}

check_talk::step mysql_check::on_answer(byte_view payload) {
    auto const now = row_.read(payload);
    if (now == named_row::progress::more)
        return {};
    bool const is_replica = next_ == expects::replica;
    if (now == named_row::progress::failed) {
        seen_.why =
            fmt::format("{}: {}", is_replica ? "how it replicates" : "read_only", row_.trouble());
        return leave();
    }
    if (is_replica) {
        seen_ = seen_in(row_.values(), seen_.read_only);
        return leave();
    }
    auto const value = value_of(row_.values(), "r", "r");
    seen_.read_only = value != "0" && value != "OFF";
    if (role_ == server_role::master)
        return leave();
    return ask(expects::replica, "SHOW REPLICA STATUS");
}

check_talk::step mysql_check::leave() const {
    byte_string const quit{std::byte{wire::com_quit}};
    return {
        packet_of(0, quit),
        check_result{true, {}, role_ != server_role::any ? std::optional{seen_} : std::nullopt}};
}

} // namespace tasuki::lb
