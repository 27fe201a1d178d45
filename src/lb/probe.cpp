#include "tasuki/lb/probe.hpp"

#include "printable.hpp"
#include "tasuki/lb/mysql_packet.hpp"
#include "tasuki/lb/mysql_wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr unsigned greeting_version = 0x0a;
constexpr unsigned error_packet = 0xff;
constexpr unsigned other_plugin = 0xfe;
constexpr unsigned access_denied = 1045;
constexpr unsigned access_denied_no_password = 1698;
constexpr std::size_t error_text_at = 1 + 2; ///< behind the mark and the number
constexpr std::size_t answer_max = 4096;

void append(byte_string& to, std::uint64_t value, std::size_t size) {
    for (std::size_t at = 0; at < size; ++at)
        to.push_back(static_cast<std::byte>(value >> (8 * at)));
}

void append(byte_string& to, std::string_view text) {
    auto const bytes = std::as_bytes(std::span{text});
    to.insert(to.end(), bytes.begin(), bytes.end());
    to.push_back(std::byte{0});
}

byte_string packet_of(std::uint8_t sequence, byte_string const& payload) {
    byte_string out;
    append(out, payload.size(), 3);
    append(out, sequence, 1);
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

/// HandshakeResponse41, without a password.
byte_string login_of(std::string_view user) {
    constexpr std::uint64_t capabilities = 0x1U | wire::protocol_41 | 0x8000U | 0x80000U;
    constexpr std::uint64_t utf8mb4 = 45;
    byte_string out;
    append(out, capabilities, 4);
    append(out, std::uint64_t{1} << 24U, 4);
    append(out, utf8mb4, 1);
    append(out, 0, 8);
    append(out, 0, 8);
    append(out, 0, 7);
    append(out, user);
    append(out, 0, 1);
    append(out, "mysql_native_password");
    return out;
}

} // namespace

std::string_view to_string(check_kind it) {
    constexpr std::string_view names[] = {"none",       "tcp",   "http",      "mysql",
                                          "postgresql", "redis", "memcached", "smtp"};
    return names[static_cast<std::size_t>(it)];
}

check_result judge_http(check_settings const& wanted, unsigned status, std::string_view body) {
    bool const fits = wanted.status == 0 ? status >= 200 && status < 400 : status == wanted.status;
    if (!fits)
        return {false, fmt::format("answers {} to GET {}", status, wanted.path)};
    if (body.find(wanted.body) == std::string_view::npos)
        return {false,
                fmt::format("its answer to GET {} is without \"{}\"", wanted.path, wanted.body)};
    return {true, {}};
}

mysql_check::step mysql_check::hear(byte_view bytes) {
    heard_.insert(heard_.end(), bytes.begin(), bytes.end());
    step out;
    while (!out.verdict && heard_.size() >= packet_header_size) {
        auto const size = std::to_integer<std::size_t>(heard_[0]) |
                          std::to_integer<std::size_t>(heard_[1]) << 8U |
                          std::to_integer<std::size_t>(heard_[2]) << 16U;
        if (size > answer_max) {
            out.verdict = check_result{false, "greets as no MySQL server does"};
            break;
        }
        auto const whole = packet_header_size + size;
        if (heard_.size() < whole)
            break;
        auto const sequence = std::to_integer<std::uint8_t>(heard_[3]);
        auto next = answer(static_cast<std::uint8_t>(sequence + 1),
                           byte_view{heard_}.subspan(packet_header_size, size));
        heard_.erase(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(whole));
        out.say.insert(out.say.end(), next.say.begin(), next.say.end());
        out.verdict = std::move(next.verdict);
    }
    return out;
}

mysql_check::step mysql_check::answer(std::uint8_t sequence, byte_view payload) {
    auto const kind = payload.empty() ? 0U : std::to_integer<unsigned>(payload[0]);
    if (kind == error_packet) {
        wire::reader in{payload.subspan(1)};
        auto const number = in.number(2);
        if (greeted_ && (number == access_denied || number == access_denied_no_password))
            return {{}, check_result{true, {}}};
        auto const text = payload.subspan(std::min(payload.size(), error_text_at));
        return {{}, check_result{false, "refuses: " + printable(text)}};
    }
    if (!greeted_ && kind != greeting_version)
        return {{}, check_result{false, "greets as no MySQL server does"}};
    if (!std::exchange(greeted_, true))
        return {packet_of(sequence, login_of(user_)), {}};
    if (kind == other_plugin)
        return {packet_of(sequence, {}), {}}; // no password, by whatever plugin
    byte_string const quit{std::byte{wire::com_quit}};
    return {packet_of(0, quit), check_result{true, {}}};
}

} // namespace tasuki::lb
