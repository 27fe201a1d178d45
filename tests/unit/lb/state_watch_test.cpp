#include "tasuki/lb/mysql_wire.hpp"
#include "tasuki/lb/state_watch.hpp"

#include "mysql_dialogue.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace tasuki::lb {

namespace {

/// What keeps a session that has said nothing but this.
obstacle after(std::string_view statement, std::size_t piece = 1000) {
    state_watch it;
    it.begin(wire::com_query, true);
    for (std::size_t at = 0; at < statement.size(); at += piece)
        it.read(bytes_of_text(statement.substr(at, piece)));
    it.end(true);
    return it.keeps();
}

} // namespace

TEST_CASE("statements that leave nothing behind, or what is carried over, keep no session",
          "[lb][move]") {
    auto const piece = GENERATE(std::size_t{1000}, std::size_t{3}, std::size_t{1});
    for (std::string_view const text :
         {"SELECT * FROM t WHERE a = 1",
          "INSERT INTO t VALUES (1, 'set x = 1')",
          "UPDATE t SET a = 1, b = (SELECT 2)",
          "BEGIN",
          "COMMIT",
          "SELECT 1;",
          "USE app",
          "SET autocommit=0",
          "SET NAMES utf8mb4",
          "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin'",
          "SET CHARACTER SET latin1",
          "set @@session.sql_mode := 'ANSI'",
          "SET SESSION sql_mode='', time_zone = '+00:00', wait_timeout=28800",
          "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
          "SET SESSION tx_isolation='SERIALIZABLE'",
          "SET @@session.tx_read_only = 1",
          "SELECT LAST_INSERT_ID()",
          "SELECT * FROM t ORDER BY next",
          "CREATE TABLE t (a INT)",
          "SHOW WARNINGS",
          "SELECT a_call, calls FROM t"}) {
        INFO(text);
        CHECK(after(text, piece) == obstacle::none);
    }
}

TEST_CASE("statements whose effects cannot be carried over keep their session", "[lb][move]") {
    auto const piece = GENERATE(std::size_t{1000}, std::size_t{3}, std::size_t{1});
    for (std::string_view const text :
         {"SET @a = 1", "SET timestamp=5", "SET sql_log_bin = 0", "SET autocommit=1, insert_id=7",
          "SET sql_mode=(SELECT 'x')", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
          "SET STATEMENT sql_mode='' FOR SELECT 1", "SET PASSWORD = 'x'", "SET GLOBAL x = 1",
          "SET tx_isolation='SERIALIZABLE'", "SET @@tx_isolation='SERIALIZABLE'",
          "SET transaction_read_only=1", "SET wait_timeout /* sql_mode */ = 1",
          "SET x -- sql_mode\n = 1", "SET x # sql_mode\n = 1",
          "SET /*x*/ TRANSACTION ISOLATION LEVEL SERIALIZABLE",
          "SET autocommit /* not this = */ = 1",
          "SET a_name_that_is_much_longer_than_any_variable_that_there_is = 1", "SET"}) {
        INFO(text);
        CHECK(after(text, piece) == obstacle::other_setting);
    }
    for (std::string_view const text : {"SELECT 1; SET x = 1", "DO 1;DO 2"})
        CHECK(after(text, piece) == obstacle::several);
    for (std::string_view const text :
         {"CALL p()", "PREPARE s FROM 'x'", "EXECUTE s", "HANDLER t OPEN", "XA START 'a'",
          "FLUSH STATUS", "SELECT CONNECTION_ID()", "SELECT SQL_CALC_FOUND_ROWS * FROM t",
          "SELECT FOUND_ROWS()", "SELECT NEXTVAL(s)", "SELECT LASTVAL(s)", "SELECT @@last_gtid",
          "SELECT NEXT VALUE FOR s", "SELECT PREVIOUS VALUE FOR s", "KILL 7", "BINLOG 'x'"})
        CHECK(after(text, piece) == obstacle::memory);
    CHECK(after("SET ROLE admin", piece) == obstacle::memory);
}

TEST_CASE("settings are counted as the server counts them, prepared statements as they are open",
          "[lb][move]") {
    state_watch it;
    auto const say = [&](std::string_view text) {
        it.begin(wire::com_query, true);
        it.read(bytes_of_text(text));
        it.end(true);
    };
    say("SET NAMES utf8mb4");
    say("SELECT 1");
    say("SET autocommit = 1");
    CHECK(it.settings() == 2);
    it.prepared(1);
    it.prepared(2);
    it.closed(1);
    CHECK(it.keeps() == obstacle::prepared);
    it.closed(2);
    CHECK(it.keeps() == obstacle::none);

    SECTION("more of them than can be followed") {
        for (std::uint32_t each = 0; each <= 1024; ++each)
            it.prepared(each);
        for (std::uint32_t each = 0; each <= 1024; ++each)
            it.closed(each);
        CHECK(it.keeps() == obstacle::prepared);
    }
    SECTION("a reset makes it new") {
        say("SET @a = 1");
        it.prepared(3);
        it.reset();
        CHECK(it.keeps() == obstacle::none);
        CHECK(it.settings() == 0);
    }
    SECTION("who does not wait for answers is kept") {
        it.begin(wire::com_ping, false);
        CHECK(it.keeps() == obstacle::pipelined);
    }
    SECTION("and who becomes another user, or changes the protocol") {
        it.begin(GENERATE(std::uint8_t{wire::com_change_user}, std::uint8_t{wire::com_set_option},
                          std::uint8_t{wire::com_binlog_dump}, std::uint8_t{7}, std::uint8_t{200}),
                 true);
        CHECK(it.keeps() == obstacle::other_command);
    }
    SECTION("the first reason stays") {
        say("CALL p()");
        say("SET @a = 1");
        CHECK(it.keeps() == obstacle::memory);
    }
}

TEST_CASE("a setting counts once it is executed, and one that failed is doubted", "[lb][move]") {
    state_watch it;
    auto const say = [&](wire::command how, std::string_view text, bool succeeds) {
        it.begin(how, true);
        it.read(bytes_of_text(text));
        it.end(succeeds);
    };
    SECTION("what is only prepared is not counted yet") {
        say(wire::com_stmt_prepare, "SET autocommit = ?", true);
        CHECK(it.settings() == 0);
        CHECK(it.keeps() == obstacle::none);
    }
    SECTION("of a setting that failed nobody knows whether it was counted") {
        say(wire::com_query, "SET autocommit = 1 1", false);
        CHECK(it.keeps() == obstacle::other_setting);
    }
    SECTION("other statements may fail") {
        say(wire::com_query, "INSERT INTO t VALUES (1)", false);
        CHECK(it.keeps() == obstacle::none);
    }
}

TEST_CASE("statements that look back, and the one that ends that, are known by their words",
          "[lb][move]") {
    auto const looks = [](std::string_view text) { return looks_back(bytes_of_text(text)); };
    for (auto const* text :
         {"SELECT ROW_COUNT()", "show warnings", "SHOW COUNT(*) ERRORS", "SELECT @@warning_count",
          "GET DIAGNOSTICS @n = NUMBER", "SELECT FOUND_ROWS()", "SELECT @@last_gtid"})
        CHECK(looks(text));
    for (auto const* text :
         {"SELECT 1", "SELECT row_counts FROM t", "INSERT INTO error VALUES (1)"})
        CHECK_FALSE(looks(text));
    CHECK(ends_looking_back(bytes_of_text(" /* */ SELECT 1 FROM t")));
    CHECK_FALSE(ends_looking_back(bytes_of_text("SELECT LAST_INSERT_ID()"))); // uses no table
    CHECK_FALSE(ends_looking_back(bytes_of_text("INSERT INTO t SELECT 1 FROM t")));
    CHECK_FALSE(ends_looking_back({}));
}

TEST_CASE("what a session makes its server remember is followed with it", "[lb][move]") {
    auto on = dialogue::open();
    on.it.watch_state();
    auto const keeps = [&] { return on.it.state()->keeps(); };
    on.query("SET NAMES utf8mb4").server({ok(autocommit)});
    CHECK(on.it.state()->settings() == 1);
    CHECK(keeps() == obstacle::none);
    SECTION("prepared statements, while they are open") {
        on.client("\x16"
                  "SELECT 1");
        auto answer = little(0, 1);
        answer.append(little(6, 4)).append(7, '\0');
        on.server({answer});
        CHECK(keeps() == obstacle::prepared);
        on.client("\x19" + little(6, 4));
        CHECK(keeps() == obstacle::none);
    }
    SECTION("commands that do not wait for answers") {
        on.query("SELECT 1").query("SELECT 2");
        CHECK(keeps() == obstacle::pipelined);
    }
    SECTION("and whether a statement has failed") {
        on.query("SET autocommit = 1 1").server({error(1064)});
        CHECK(keeps() == obstacle::other_setting);
    }
    SECTION("until it is reset") {
        on.query("SET @a = 1").server({ok(autocommit)});
        CHECK(keeps() == obstacle::other_setting);
        on.client("\x1f").server({error(1)});
        CHECK(keeps() == obstacle::other_setting);
        on.client("\x1f").server({ok(autocommit)});
        CHECK(keeps() == obstacle::none);
        CHECK(on.it.state()->settings() == 0);
    }
    SECTION("and no further") {
        on.it.forget_state();
        on.query("SET @a = 1").server({ok(autocommit)});
        CHECK_FALSE(on.it.state());
    }
}

TEST_CASE("each obstacle has words of its own", "[lb][move]") {
    std::set<std::string_view> words;
    for (int each = 0; each <= static_cast<int>(obstacle::not_let_in); ++each)
        words.insert(to_string(static_cast<obstacle>(each)));
    CHECK(words.size() == static_cast<std::size_t>(obstacle::not_let_in) + 1);
}

} // namespace tasuki::lb
