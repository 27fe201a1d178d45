// Checks that speak a few words of a protocol. Redis: "Redis serialization protocol
// specification"; memcached: protocol.txt; SMTP: RFC 5321, section 3.1; PostgreSQL:
// "Frontend/Backend Protocol", message formats.
#include "printable.hpp"
#include "tasuki/lb/mysql_check.hpp"
#include "tasuki/lb/probe.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::size_t answer_max = 4096;
constexpr std::size_t reason_max = 120;

byte_string bytes_of(std::string_view text) {
    auto const bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

check_result refusal(std::string_view why) {
    return {false, "refuses: " + std::string{why.substr(0, reason_max)}};
}

/// One that answers by lines.
class line_check : public check_talk {
  public:
    step hear(byte_view bytes) override {
        heard_.insert(heard_.end(), bytes.begin(), bytes.end());
        step out;
        auto end = std::find(heard_.begin(), heard_.end(), std::byte{'\n'});
        while (end != heard_.end()) {
            byte_view line{heard_.begin(), end};
            if (line.size() > answer_max)
                break;
            if (!line.empty() && line.back() == std::byte{'\r'})
                line = line.first(line.size() - 1);
            out.verdict = judge(printable(line));
            heard_.erase(heard_.begin(), end + 1);
            if (out.verdict) {
                out.say = bytes_of(farewell());
                return out;
            }
            end = std::find(heard_.begin(), heard_.end(), std::byte{'\n'});
        }
        if (heard_.size() > answer_max)
            out.verdict = check_result{false, "answers with a line that does not end"};
        return out;
    }

  private:
    /// Nothing: more lines follow.
    [[nodiscard]] virtual std::optional<check_result> judge(std::string_view line) const = 0;
    [[nodiscard]] virtual std::string_view farewell() const = 0;

    byte_string heard_;
};

/// One that wants a password takes clients; one that still loads its data does not.
class redis_check : public line_check {
    byte_string begin() const override { return bytes_of("PING\r\n"); }
    std::string_view farewell() const override { return "QUIT\r\n"; }
    std::optional<check_result> judge(std::string_view line) const override {
        if (line == "+PONG" || line.starts_with("-NOAUTH") || line.starts_with("-NOPERM"))
            return check_result{true, {}};
        return line.starts_with('-') ? refusal(line.substr(1))
                                     : check_result{false, "answers as no Redis server does"};
    }
};

class memcached_check : public line_check {
    byte_string begin() const override { return bytes_of("version\r\n"); }
    std::string_view farewell() const override { return "quit\r\n"; }
    std::optional<check_result> judge(std::string_view line) const override {
        if (line.starts_with("VERSION "))
            return check_result{true, {}};
        return line.find("ERROR") != std::string_view::npos
                   ? refusal(line)
                   : check_result{false, "answers as no memcached server does"};
    }
};

/// It greets first, in one line or several.
class smtp_check : public line_check {
    std::string_view farewell() const override { return "QUIT\r\n"; }
    std::optional<check_result> judge(std::string_view line) const override {
        if (line.starts_with("220-"))
            return std::nullopt;
        if (line == "220" || line.starts_with("220 "))
            return check_result{true, {}};
        return line.starts_with('4') || line.starts_with('5')
                   ? refusal(line)
                   : check_result{false, "greets as no SMTP server does"};
    }
};

/// Asks to log in, and leaves as soon as it is asked for a password, or is let in. A server that
/// does not know the user or the database takes clients; one that starts or is full does not.
class postgresql_check : public check_talk {
  public:
    explicit postgresql_check(std::string_view user)
        : user_(user) {}
    byte_string begin() const override {
        constexpr std::uint32_t version = 3U << 16U;
        using namespace std::string_literals;
        auto const body = "user\0"s + user_ + "\0database\0postgres\0\0"s;
        byte_writer out;
        out.u32(static_cast<std::uint32_t>(8 + body.size()));
        out.u32(version);
        out.append(bytes_of(body));
        return std::move(out).take();
    }
    step hear(byte_view bytes) override {
        heard_.insert(heard_.end(), bytes.begin(), bytes.end());
        step out;
        auto const kind = std::to_integer<char>(heard_.at(0));
        if (kind == 'R') {
            byte_writer terminate;
            terminate.u8('X');
            terminate.u32(4);
            out.say = std::move(terminate).take();
            out.verdict = check_result{true, {}};
            return out;
        }
        if (kind != 'E') {
            out.verdict = check_result{false, "answers as no PostgreSQL server does"};
            return out;
        }
        out.verdict = judge_error();
        if (!out.verdict && heard_.size() > answer_max)
            out.verdict = check_result{false, "answers with an error that does not end"};
        return out;
    }

  private:
    /// ErrorResponse: fields of a letter and a text, each ended by zero, and a zero.
    [[nodiscard]] std::optional<check_result> judge_error() const {
        constexpr std::size_t head = 5;
        std::string code;
        std::string text;
        auto const known = byte_view{heard_}.first(std::min(answer_max, heard_.size()));
        auto at = known.begin() + static_cast<std::ptrdiff_t>(std::min(head, known.size()));
        while (at != known.end() && *at != std::byte{0}) {
            auto const end = std::find(at, known.end(), std::byte{0});
            if (end == known.end())
                return std::nullopt;
            auto const field = printable(byte_view{at + 1, end});
            if (*at == std::byte{'C'})
                code = field;
            if (*at == std::byte{'M'})
                text = field;
            at = end + 1;
        }
        if (at == known.end())
            return std::nullopt;
        bool const is_about_us = code.starts_with("28") || code == "3D000";
        return is_about_us ? check_result{true, {}} : refusal(text);
    }

    std::string user_;
    byte_string heard_;
};

} // namespace

std::unique_ptr<check_talk> talk_of(check_settings const& wanted) {
    switch (wanted.kind) {
    case check_kind::none:
    case check_kind::tcp:
    case check_kind::http:
    case check_kind::command:
        return nullptr;
    case check_kind::mysql:
        return std::make_unique<mysql_check>(wanted);
    case check_kind::postgresql:
        return std::make_unique<postgresql_check>(wanted.user);
    case check_kind::redis:
        return std::make_unique<redis_check>();
    case check_kind::memcached:
        return std::make_unique<memcached_check>();
    case check_kind::smtp:
        return std::make_unique<smtp_check>();
    }
    return nullptr;
}

} // namespace tasuki::lb
