#include "tasuki/lb/mysql_move.hpp"
#include "tasuki/lb/mysql_wire.hpp"

#include "login_double.hpp"
#include "session_rows.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

std::vector<pool_user> const users{{"other", "/o", secret_of("x")},
                                   {"app", "/a", secret_of(password)}};

/// One byte after the other, which is the hardest way.
void server_says(mysql_move& it, std::uint8_t sequence, std::string const& payload) {
    for (auto const each : bytes_of_text(packet_of(sequence, payload)))
        it.login_from_server({&each, 1});
}
void client_says(mysql_move& it, std::uint8_t sequence, std::string const& payload) {
    for (auto const each : bytes_of_text(packet_of(sequence, payload)))
        it.login_from_client({&each, 1});
}

mysql_move logged_in(std::uint64_t capable = agreed) {
    mysql_move it{users};
    server_says(it, 0, greeting_of());
    client_says(it, 1, login_of("app", answer_of(password), "mysql_native_password", capable));
    server_says(it, 2, ok(autocommit));
    REQUIRE(it.keeps() == obstacle::none);
    return it;
}

obstacle kept_after(std::string const& greeting, std::string const& login) {
    mysql_move it{users};
    server_says(it, 0, greeting);
    client_says(it, 1, login);
    server_says(it, 2, ok(autocommit));
    return it.keeps();
}

struct reply_of {
    mysql_move::progress now;
    std::string reply;
};
reply_of say(mysql_move& it, std::uint8_t sequence, std::string const& payload) {
    byte_string reply;
    auto const now = it.entered(bytes_of_text(packet_of(sequence, payload)), reply);
    return {now, text_of(reply)};
}

/// Its server was asked, and may be left.
mysql_move ready() {
    auto it = logged_in();
    (void)it.ask();
    REQUIRE(it.answered(bytes_of_text(rows_of(state_row_of("shop", 0), agreed)), 0) ==
            obstacle::none);
    it.enter();
    return it;
}

constexpr auto more = mysql_move::progress::more;
constexpr auto refused = mysql_move::progress::refused;

} // namespace

TEST_CASE("who logs in with the password that is known may be moved", "[lb][move]") {
    (void)logged_in();
    SECTION("also on the server's second challenge") {
        auto const other = std::string(20, 'z');
        mysql_move it{users};
        server_says(it, 0, greeting_of("10.11-MariaDB", agreed, "client_ed25519"));
        client_says(it, 1, login_of("app", "whatever", "client_ed25519"));
        server_says(it, 2, switch_to("mysql_native_password", other));
        client_says(it, 3, answer_of(password, other));
        server_says(it, 4, ok(autocommit));
        CHECK(it.keeps() == obstacle::none);
    }
}

TEST_CASE("all others may not, and why is known", "[lb][move]") {
    auto const right = login_of("app", answer_of(password));
    CHECK(kept_after(greeting_of(), login_of("stranger", answer_of(password))) ==
          obstacle::no_user);
    CHECK(kept_after(greeting_of(), login_of("app", answer_of("wrong"))) ==
          obstacle::other_password);
    CHECK(kept_after(greeting_of(), login_of("other", answer_of(password))) ==
          obstacle::other_password);
    CHECK(kept_after(greeting_of(), login_of("app", "")) == obstacle::other_password);
    CHECK(kept_after(greeting_of(), login_of("app", answer_of(password), "client_ed25519")) ==
          obstacle::other_plugin);
    CHECK(kept_after(greeting_of("8.0.36"), right) == obstacle::not_mariadb);
    CHECK(kept_after(error(1040), right) == obstacle::unclear);
    CHECK(kept_after(greeting_of(), "nonsense") == obstacle::unclear);
    SECTION("who was asked for another plugin") {
        mysql_move it{users};
        server_says(it, 0, greeting_of());
        client_says(it, 1, login_of("app", answer_of(password)));
        server_says(it, 2, switch_to("client_ed25519", challenge));
        client_says(it, 3, answer_of(password));
        server_says(it, 4, ok(autocommit));
        CHECK(it.keeps() == obstacle::other_plugin);
    }
    SECTION("a first answer does not count for the second challenge") {
        mysql_move it{users};
        server_says(it, 0, greeting_of());
        client_says(it, 1, login_of("app", answer_of(password)));
        server_says(it, 2, switch_to("mysql_native_password", std::string(20, 'z')));
        client_says(it, 3, answer_of(password));
        server_says(it, 4, ok(autocommit));
        CHECK(it.keeps() == obstacle::other_password);
    }
}

TEST_CASE("a session takes what its server remembers to another one", "[lb][move]") {
    auto it = logged_in();
    auto const asked = text_of(it.ask());
    CHECK(asked == packet_of(0, '\x03' + state_question()));
    auto row = state_row_of("shop", 2);
    row[0] = "77";
    auto const answer = bytes_of_text(rows_of(row, agreed));
    CHECK_FALSE(it.answered(byte_view{answer}.first(100), 2));
    REQUIRE(it.answered(byte_view{answer}.subspan(100), 2) == obstacle::none);

    it.enter();
    auto const entry = say(it, 0, greeting_of());
    CHECK(entry.now == more);
    auto const login = read_login(bytes_of_text(entry.reply.substr(4)));
    REQUIRE(login.has_value());
    CHECK(entry.reply[3] == 1);
    CHECK(login->user == "app");
    CHECK(text_of(login->answer) == answer_of(password));
    CHECK(entry.reply.find("shop") != std::string::npos);
    SECTION("at once") {
        auto const in = say(it, 2, ok(autocommit));
        CHECK(in.now == more);
        CHECK(in.reply.substr(4).starts_with("\x03SET @@SESSION.last_insert_id=77,"));
        CHECK(say(it, 1, ok(autocommit)).now == mysql_move::progress::in);
    }
    SECTION("after a second challenge") {
        auto const other = std::string(20, 'z');
        auto const again = say(it, 2, switch_to("mysql_native_password", other));
        CHECK(again.reply == packet_of(3, answer_of(password, other)));
        CHECK(say(it, 4, ok(autocommit)).now == more);
    }
}

TEST_CASE("an answer that is none, or tells of more, keeps a session", "[lb][move]") {
    auto it = logged_in();
    (void)it.ask();
    CHECK(it.answered(bytes_of_text(packet_of(1, error(1969))), 0) == obstacle::unclear);
    (void)it.ask(); // another time
    CHECK(it.answered(bytes_of_text(rows_of(state_row_of("shop", 3), agreed)), 2) ==
          obstacle::hidden_settings);
}

TEST_CASE("a server that does not take the session says why", "[lb][move]") {
    auto it = ready();
    SECTION("before the login") {
        CHECK(say(it, 0, error(1040)).now == refused);
        CHECK(it.refusal() == "no");
    }
    SECTION("it is another one") {
        CHECK(say(it, 0, greeting_of("8.0.36")).now == refused);
        CHECK(it.refusal() == "it is no MariaDB");
    }
    SECTION("it can less") {
        CHECK(say(it, 0, greeting_of("5.5-MariaDB", agreed & ~wire::has_attributes)).now ==
              refused);
        CHECK(it.refusal() == "it offers less than the client makes use of");
    }
    SECTION("it does not know the account") {
        (void)say(it, 0, greeting_of());
        CHECK(say(it, 2, error(1045)).now == refused);
    }
    SECTION("it wants another plugin, or more of it") {
        (void)say(it, 0, greeting_of());
        CHECK(
            say(it, 2, GENERATE(switch_to("client_ed25519", challenge), std::string{"\x01"})).now ==
            refused);
    }
    SECTION("it does not take the settings") {
        (void)say(it, 0, greeting_of());
        (void)say(it, 2, ok(autocommit));
        CHECK(say(it, 1, GENERATE(error(1231), std::string{"\x01"})).now == refused);
    }
    SECTION("it talks nonsense") {
        byte_string reply;
        CHECK(it.entered(bytes_of_text(std::string(10, '\xff')), reply) == refused);
        CHECK(it.refusal() == "it sends what is no login");
    }
    SECTION("the next one is told everything again") {
        (void)say(it, 0, error(1040));
        it.enter();
        CHECK(say(it, 0, greeting_of()).now == more);
        CHECK(it.refusal().empty());
    }
}

} // namespace tasuki::lb
