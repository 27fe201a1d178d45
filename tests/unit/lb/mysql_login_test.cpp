#include "tasuki/lb/mysql_login.hpp"

#include "login_double.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

std::string hex(byte_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (auto const each : bytes) {
        out += digits[std::to_integer<std::size_t>(each) >> 4U];
        out += digits[std::to_integer<std::size_t>(each) & 15U];
    }
    return out;
}

} // namespace

TEST_CASE("an answer to a challenge is that of the plugin's definition", "[lb][move]") {
    auto const secret = secret_of(password);
    CHECK(hex(secret) == "da4747c9b7a28bae478ae8d850f6aa1791dcbc22");
    CHECK(hex(answer_to(bytes_of_text(challenge), secret)) ==
          "459d4ef000e290fbe5030f2adbccee54f4f1782c");
    CHECK(answer_to(bytes_of_text("short"), secret).empty());
}

TEST_CASE("a greeting is read, and what is none is not", "[lb][move]") {
    constexpr std::uint64_t extended = agreed | wire::mariadb_progress;
    auto const it = read_greeting(bytes_of_text(greeting_of("10.11-MariaDB", extended)));
    REQUIRE(it.has_value());
    CHECK(it->is_mariadb);
    CHECK(it->capabilities == extended);
    CHECK(text_of(it->challenge) == challenge);
    CHECK(it->plugin == native_plugin);
    auto const mysql = read_greeting(bytes_of_text(
        greeting_of("8.0.36", extended | wire::mysql_server, "caching_sha2_password")));
    REQUIRE(mysql.has_value());
    CHECK_FALSE(mysql->is_mariadb);
    CHECK(mysql->capabilities == (agreed | wire::mysql_server));
    CHECK(mysql->plugin == "caching_sha2_password");
    auto const whole = greeting_of();
    for (std::size_t size = 0; size < whole.size() - native_plugin.size() - 2; ++size)
        CHECK_FALSE(read_greeting(bytes_of_text(whole.substr(0, size))));
    CHECK_FALSE(read_greeting(bytes_of_text(error(1040))));
}

TEST_CASE("a login is read, and written again for another server", "[lb][move]") {
    auto const sent = login_of("app", answer_of(password));
    auto const it = read_login(bytes_of_text(sent));
    REQUIRE(it.has_value());
    CHECK(it->user == "app");
    CHECK(text_of(it->answer) == answer_of(password));
    CHECK(it->plugin == native_plugin);
    CHECK(it->character_set == 0x2d);
    CHECK(text_of(write_login(*it, it->answer, "app")) == sent);
    auto const without = text_of(write_login(*it, it->answer, std::nullopt));
    CHECK(without.size() == sent.size() - 4);
    auto const again = read_login(bytes_of_text(without));
    REQUIRE(again.has_value());
    CHECK(again->capabilities == (agreed & ~wire::with_schema));
    CHECK(again->attributes == it->attributes);
    for (std::size_t size = 0; size < 36 + 21; ++size)
        CHECK_FALSE(read_login(bytes_of_text(sent.substr(0, size))));
    CHECK_FALSE(read_login(bytes_of_text(login_of("app", "x", "p", agreed | wire::tls))));
    CHECK_FALSE(
        read_login(bytes_of_text(login_of("app", "x", "p", agreed & ~wire::secure_connection))));
}

TEST_CASE("a request for another plugin is read", "[lb][move]") {
    auto const it = read_switch_request(bytes_of_text(switch_to("client_ed25519", challenge)));
    REQUIRE(it.has_value());
    CHECK(it->plugin == "client_ed25519");
    CHECK(text_of(it->challenge) == challenge);
    CHECK_FALSE(read_switch_request(bytes_of_text("\xfe")));
    CHECK_FALSE(read_switch_request(bytes_of_text(ok(autocommit))));
}

TEST_CASE("short packets come whole out of pieces, and a long one ends it", "[lb][move]") {
    auto const piece = GENERATE(std::size_t{1000}, std::size_t{5}, std::size_t{1});
    std::vector<std::string> seen;
    short_packets it;
    auto const sent = bytes_of_text(packet_of(3, "one") + packet_of(4, "") + packet_of(5, "two"));
    for (std::size_t at = 0; at < sent.size(); at += piece)
        CHECK(it.read(byte_view{sent}.subspan(at, std::min(piece, sent.size() - at)),
                      [&](std::uint8_t sequence, byte_view payload) {
                          seen.push_back(std::to_string(sequence) + text_of(payload));
                      }));
    CHECK(seen == std::vector<std::string>{"3one", "4", "5two"});
    CHECK(it.is_at_boundary());
    auto const none = [](std::uint8_t, byte_view) { FAIL("a packet"); };
    CHECK_FALSE(it.read(bytes_of_text(little(short_packets::size_max + 1, 3) + '\0'), none));
    CHECK_FALSE(it.read(bytes_of_text(packet_of(0, "x")), none));
}

} // namespace tasuki::lb
