// What a session's watcher holds, passes on and keeps to itself while the session moves.
#include "tasuki/lb/mysql_watch.hpp"
#include "tasuki/lb/mysql_wire.hpp"

#include "login_double.hpp"
#include "session_rows.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;

std::vector<pool_user> const users{{"app", "/a", secret_of(password)}};
constexpr draining an_hour{instant{1h}, instant{2h}};
constexpr unsigned in_work = autocommit | wire::in_transaction;

struct passed {
    std::string on;   ///< to the other side
    std::string back; ///< to whom it came from
    std::size_t held = 0;
};

struct rig {
    instant now{1h};
    std::vector<deed> told;
    mysql_watch it{{}, now, [this](decision const& what) { told.push_back(what.what); }, users};
    passage last;

    passed pass(std::string const& text, bool from_client) {
        auto bytes = bytes_of_text(text);
        last = from_client ? it.from_client(bytes) : it.from_server(bytes);
        auto const from = std::min(last.drop, bytes.size());
        auto const size = std::min(last.pass, bytes.size() - from);
        return {text_of(last.instead) + text_of(byte_view{bytes}.subspan(from, size)),
                text_of(last.reply), bytes.size() - from - size};
    }
    passed query(std::string const& text) { return pass(packet_of(0, '\x03' + text), true); }
    passed server(std::string const& payload, std::uint8_t sequence = 1) {
        return pass(packet_of(sequence, payload), false);
    }
    void log_in() {
        server(greeting_of(), 0);
        pass(packet_of(1, login_of("app", answer_of(password))), true);
        server(ok(autocommit), 2);
        REQUIRE(it.keeps() == obstacle::none);
    }
    /// Its server has said what there is to take along.
    void get_ready(unsigned settings = 0) {
        it.leave(an_hour, true);
        REQUIRE(it.decide().what == deed::move);
        (void)it.ask_state();
        pass(rows_of(state_row_of("app", settings), agreed), false);
    }
    void arrive() {
        it.depart();
        it.enter();
        server(greeting_of(), 0);
        server(ok(autocommit), 2);
        server(ok(autocommit), 1);
        REQUIRE(it.moving() == moving::none);
    }
};

} // namespace

TEST_CASE("a session that leaves is moved between two statements", "[lb][move]") {
    rig on;
    on.log_in();
    on.query("BEGIN");
    on.server(ok(in_work));
    on.it.leave(an_hour, true);
    CHECK(on.it.decide().why == because::transaction);
    on.query("COMMIT");
    CHECK(on.it.decide().why == because::statement);
    on.server(ok(autocommit));
    CHECK(on.told.back() == deed::move);
    SECTION("and its next statement waits for it") {
        auto const next = on.query("INSERT INTO t VALUES (1)");
        CHECK(next.on.empty());
        CHECK(next.held > 0);
        CHECK(on.told.back() == deed::move);
        CHECK(on.it.take_held());
        CHECK_FALSE(on.it.take_held());
    }
    SECTION("not if no other server could take it") {
        on.it.leave(an_hour, false);
        CHECK(on.it.decide().what == deed::wait);
        CHECK_FALSE(on.query("SELECT 1").on.empty());
    }
    SECTION("not if something keeps it") {
        on.it.stay();
        on.query("SET @a = 1");
        on.server(ok(autocommit));
        on.it.leave(an_hour, true);
        CHECK(on.it.keeps() == obstacle::other_setting);
        CHECK(on.it.decide().what == deed::wait);
    }
}

TEST_CASE("the client sees nothing of the way", "[lb][move]") {
    rig on;
    on.log_in();
    on.query("SET NAMES utf8mb4");
    on.server(ok(autocommit));
    on.it.leave(an_hour, true);
    CHECK(text_of(on.it.ask_state()).substr(5) == state_question());
    CHECK(on.it.moving() == moving::asks);
    CHECK(on.it.decide().why == because::moving);
    CHECK(on.query("SELECT 2").held > 0);
    auto const rows = rows_of(state_row_of("app", 1), agreed);
    CHECK(on.pass(rows.substr(0, 50), false).on.empty());
    CHECK(on.pass(rows.substr(50), false).on.empty());
    REQUIRE(on.it.moving() == moving::ready);
    CHECK_FALSE(on.last.shows_held);
    CHECK(on.told.back() == deed::move);
    CHECK(text_of(on.it.farewell()) == packet_of(0, "\x01"));
    on.it.depart();
    CHECK(on.query("SELECT 2").held > 0);
    on.it.enter();
    auto const greeted = on.server(greeting_of(), 0);
    CHECK(greeted.on.empty());
    CHECK(greeted.back.find("app") != std::string::npos);
    auto const in = on.server(ok(autocommit), 2);
    CHECK(in.on.empty());
    CHECK(in.back.find("SET @@SESSION") != std::string::npos);
    CHECK_FALSE(on.last.shows_held);
    CHECK(on.server(ok(autocommit), 1).on.empty());
    CHECK(on.last.shows_held);
    REQUIRE(on.it.moving() == moving::none);
    CHECK(on.query("SELECT 2").on == packet_of(0, "\x03SELECT 2"));
    CHECK(on.server(ok(autocommit)).on == packet_of(1, ok(autocommit)));
    SECTION("and it may go another time") {
        on.it.stay();
        on.get_ready(1);
        CHECK(on.it.moving() == moving::ready);
    }
}

TEST_CASE("what the server remembers beyond the question keeps the session where it is",
          "[lb][move]") {
    rig on;
    on.log_in();
    on.get_ready(7); // settings that nobody has seen
    CHECK(on.it.moving() == moving::none);
    CHECK(on.last.shows_held);
    CHECK(on.it.keeps() == obstacle::hidden_settings);
    CHECK(on.it.decide().what == deed::wait);
    on.it.stay();
    CHECK(on.it.keeps() == obstacle::none); // another drain asks again
    SECTION("and what its next statement looks back at is gone: it is not sent") {
        CHECK(on.query("SELECT ROW_COUNT()").on == packet_of(0, "\x01"));
        CHECK(on.last.over);
    }
}

TEST_CASE("on another server no statement looks back at what the former one did", "[lb][move]") {
    auto const piece = GENERATE(std::size_t{1000}, std::size_t{3});
    rig on;
    on.log_in();
    on.get_ready();
    on.arrive();
    auto const say = [&](std::string const& text) {
        auto const whole = packet_of(0, '\x03' + text);
        std::string out;
        for (std::size_t at = 0; at < whole.size(); at += piece)
            out += on.pass(whole.substr(at, piece), true).on;
        return out == whole;
    };
    SECTION("at once") {
        CHECK_FALSE(say("SHOW WARNINGS"));
        CHECK(on.last.over);
    }
    SECTION("or after another one") {
        CHECK(say("UPDATE t SET a = 1"));
        on.server(ok(autocommit));
        CHECK_FALSE(say("SELECT FOUND_ROWS()"));
        CHECK(on.last.over);
    }
    SECTION("but after a SELECT it looks at that") {
        CHECK(say("SELECT 1 FROM t"));
        on.server(ok(autocommit));
        CHECK(say("SHOW WARNINGS"));
    }
    SECTION("whatever the server says meanwhile, what comes in pieces goes on in order") {
        auto const whole = packet_of(0, "\x03UPDATE t SET a = 1");
        CHECK(on.pass(whole.substr(0, 10), true).on.empty());
        on.pass("\x07", false); // the beginning of a packet that nobody has asked for
        CHECK(on.pass(whole.substr(10), true).on == whole);
    }
    SECTION("and a long one is none of them") {
        CHECK(say("INSERT INTO t VALUES ('" + std::string(100'000, 'x') + "')"));
    }
}

TEST_CASE("a drain that is called off holds nobody", "[lb][move]") {
    rig on;
    on.log_in();
    on.it.leave(an_hour, true);
    (void)on.it.ask_state();
    SECTION("while the question is on its way") {
        on.it.stay();
        on.pass(rows_of(state_row_of("app", 0), agreed), false);
        CHECK(on.last.shows_held);
    }
    SECTION("when the server might have been left") {
        on.pass(rows_of(state_row_of("app", 0), agreed), false);
        REQUIRE(on.it.moving() == moving::ready);
        on.it.stay();
        CHECK(on.it.take_held());
    }
    CHECK(on.it.moving() == moving::none);
    CHECK(on.query("SELECT 2").on == packet_of(0, "\x03SELECT 2"));
}

TEST_CASE("a server that refuses the session is told to its owner", "[lb][move]") {
    rig on;
    on.log_in();
    on.get_ready();
    on.it.depart();
    on.it.enter();
    on.told.clear();
    CHECK(on.server(error(1040), 0).on.empty());
    CHECK(on.it.moving() == moving::refused);
    CHECK(on.told == std::vector{deed::move});
    CHECK(on.it.refusal() == "no");
    CHECK(on.query("SELECT 1").held > 0);
    SECTION("nothing more of it counts") {
        CHECK(on.server(ok(autocommit), 2).on.empty());
        CHECK(on.it.moving() == moving::refused);
    }
    SECTION("it may be tried with another one") {
        on.arrive();
    }
}

TEST_CASE("whose login tells that it cannot be moved is followed no further", "[lb][move]") {
    rig on;
    on.server(greeting_of(), 0);
    on.pass(packet_of(1, login_of("app", answer_of("wrong"))), true);
    on.server(ok(autocommit), 2);
    CHECK(on.it.keeps() == obstacle::other_password);
    CHECK_FALSE(on.it.session().state());
    on.it.leave(an_hour, true);
    CHECK(on.it.decide().what == deed::wait);
}

} // namespace tasuki::lb
