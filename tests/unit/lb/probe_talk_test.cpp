// The checks that speak a few words of a protocol.
#include "mysql_dialogue.hpp"
#include "tasuki/lb/probe.hpp"

#include <catch2/catch.hpp>

#include <map>

namespace tasuki::lb {

namespace {

using namespace std::string_literals;

std::string text_of(byte_string const& bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

struct heard {
    std::string asked;
    std::string said; ///< at the end
    std::optional<check_result> verdict;
};

/// The same, whether it comes at once or byte by byte.
heard after(check_kind kind, std::string const& answer) {
    check_settings wanted;
    wanted.kind = kind;
    heard out[2];
    for (int piecewise = 0; piecewise < 2; ++piecewise) {
        auto const talk = talk_of(wanted);
        REQUIRE(talk != nullptr);
        auto& it = out[piecewise];
        it.asked = text_of(talk->begin());
        std::size_t const piece = piecewise == 1 ? 1 : answer.size();
        for (std::size_t at = 0; at < answer.size() && !it.verdict; at += piece) {
            auto const step = talk->hear(bytes_of_text(answer.substr(at, piece)));
            it.said += text_of(step.say);
            it.verdict = step.verdict;
        }
    }
    CHECK(out[0].verdict.has_value() == out[1].verdict.has_value());
    if (out[0].verdict && out[1].verdict)
        CHECK(out[0].verdict->why == out[1].verdict->why);
    CHECK(out[0].said == out[1].said);
    return out[0];
}

std::string why(check_kind kind, std::string const& answer) {
    auto const verdict = after(kind, answer).verdict;
    REQUIRE(verdict);
    CHECK(verdict->good == verdict->why.empty());
    return verdict->why;
}

std::string error_of(std::string const& code, std::string const& text) {
    auto const body = "SFATAL\0VFATAL\0C"s + code + "\0M"s + text + "\0Fpostmaster.c\0\0"s;
    return "E\0\0\0"s + static_cast<char>(4 + body.size()) + body;
}

} // namespace

TEST_CASE("Redis takes clients if it answers, or wants a password first", "[lb][check]") {
    auto const kind = check_kind::redis;
    auto const good = after(kind, "+PONG\r\n");
    CHECK(good.asked == "PING\r\n");
    CHECK(good.said == "QUIT\r\n");
    CHECK(why(kind, "+PONG\r\n").empty());
    CHECK(why(kind, "-NOAUTH Authentication required.\r\n").empty());
    CHECK(why(kind, "-LOADING Redis is loading the dataset in memory\r\n") ==
          "refuses: LOADING Redis is loading the dataset in memory");
    CHECK(why(kind, "HTTP/1.1 400 Bad Request\r\n") == "answers as no Redis server does");
    CHECK_FALSE(after(kind, "+PON").verdict);
}

TEST_CASE("memcached takes clients if it tells its version", "[lb][check]") {
    auto const kind = check_kind::memcached;
    auto const good = after(kind, "VERSION 1.6.18\r\n");
    CHECK(good.asked == "version\r\n");
    CHECK(good.said == "quit\r\n");
    CHECK(why(kind, "VERSION 1.6.18\r\n").empty());
    CHECK(why(kind, "ERROR Too many open connections\r\n") ==
          "refuses: ERROR Too many open connections");
    CHECK(why(kind, "+PONG\r\n") == "answers as no memcached server does");
}

TEST_CASE("an SMTP server takes clients if it greets, in one line or more", "[lb][check]") {
    auto const kind = check_kind::smtp;
    auto const good = after(kind, "220-mail.example\r\n220 ESMTP\r\n");
    CHECK(good.asked.empty());
    CHECK(good.said == "QUIT\r\n");
    CHECK(why(kind, "220 mail.example ESMTP\r\n").empty());
    CHECK_FALSE(after(kind, "220-mail.example\r\n").verdict);
    CHECK(why(kind, "421 4.3.2 not now\x07\r\n") == "refuses: 421 4.3.2 not now?");
    CHECK(why(kind, "554 no\r\n") == "refuses: 554 no");
    CHECK(why(kind, "2200 x\r\n") == "greets as no SMTP server does");
}

TEST_CASE("PostgreSQL takes clients if it lets us in, asks for a password, or knows us not",
          "[lb][check]") {
    auto const kind = check_kind::postgresql;
    auto const good = after(kind, "R\0\0\0\x0c\0\0\0\5salt"s);
    CHECK(good.asked == "\0\0\0\x2d\0\3\0\0user\0tasuki_check\0database\0postgres\0\0"s);
    CHECK(good.asked.size() == 0x2d);
    CHECK(good.said == "X\0\0\0\4"s);
    CHECK(why(kind, "R\0\0\0\x0c\0\0\0\5salt"s).empty());
    for (auto const* code : {"28000", "28P01", "3D000"})
        CHECK(why(kind, error_of(code, "no")).empty());
    CHECK(why(kind, error_of("57P03", "the database system is starting up")) ==
          "refuses: the database system is starting up");
    CHECK(why(kind, error_of("53300", "sorry, too many clients already")) ==
          "refuses: sorry, too many clients already");
    CHECK(why(kind, "SSH-2.0-OpenSSH\r\n") == "answers as no PostgreSQL server does");
    auto const whole = error_of("28000", "no");
    CHECK_FALSE(after(kind, whole.substr(0, whole.size() - 1)).verdict);
}

TEST_CASE("an answer without end costs bounded memory, and is no answer", "[lb][check]") {
    std::map<check_kind, std::string> const openings{{check_kind::redis, "+"},
                                                     {check_kind::memcached, "V"},
                                                     {check_kind::smtp, "2"},
                                                     {check_kind::postgresql, "E\0\0\0\x09M"s}};
    for (auto const& [kind, opening] : openings) {
        INFO(to_string(kind));
        auto const end = why(kind, opening + std::string(5000, 'x'));
        CHECK(end.ends_with("that does not end"));
    }
    CHECK(why(check_kind::smtp, "220 " + std::string(5000, 'x') + "\r\n") ==
          "answers with a line that does not end"); // also if it comes at once
    CHECK(why(check_kind::redis, "-" + std::string(500, 'x') + "\r\n").size() < 200);
}

} // namespace tasuki::lb
