#include "mysql_dialogue.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

constexpr unsigned open = autocommit | wire::in_transaction;
using payloads = std::vector<std::string>;

/// A result of one column and one row, in the form that the capabilities ask for.
payloads result(std::uint64_t capable, unsigned status, std::string const& row = with_length("1")) {
    if ((capable & wire::deprecate_eof) != 0)
        return {"\x01", definition, row, ok_end(status)};
    return {"\x01", definition, eof(status), row, eof(status)};
}

} // namespace

TEST_CASE("a session is safe to close once its login and each answer are whole", "[lb]") {
    auto const capable = GENERATE(plain | 0, plain | wire::deprecate_eof);
    auto const piece = GENERATE(std::size_t{1}, std::size_t{3}, std::size_t{1000});
    dialogue on{piece};
    CHECK(on.it.doing() == activity::logging_in);
    on.server({greeting()}, 0).client(login(capable), 1);
    CHECK(on.it.doing() == activity::logging_in);
    on.server({ok(autocommit)}, 2);
    CHECK(on.it.is_safe_to_close());
    on.query("SELECT 1");
    CHECK(on.it.doing() == activity::command);
    auto answer = result(capable, autocommit);
    for (std::size_t at = 0; at < answer.size(); ++at) {
        CHECK_FALSE(on.it.is_safe_to_close());
        on.server({answer[at]}, static_cast<std::uint8_t>(at + 1));
    }
    CHECK(on.it.is_safe_to_close());
}

TEST_CASE("a login of several words is one", "[lb]") {
    dialogue on;
    on.server({greeting()}, 0).client(login(plain), 1);
    on.server({'\xfe' + std::string("mysql_native_password") + '\0' + "salt"}, 2);
    on.client("twentybytesofanswer!", 3).server({"\x01\x04"}, 4).client("secret", 5);
    CHECK(on.it.doing() == activity::logging_in);
    on.server({ok(autocommit)}, 6);
    CHECK(on.it.doing() == activity::idle);
}

TEST_CASE("a transaction is told by the status, and is unknown after an error", "[lb]") {
    auto on = dialogue::open();
    on.query("BEGIN").server({ok(open)});
    CHECK(on.it.doing() == activity::idle);
    CHECK(on.it.in_transaction());
    CHECK_FALSE(on.it.is_safe_to_close());
    on.query("INSERT").server({error(1213)}); // it may be rolled back, or not
    CHECK(on.it.is_transaction_unknown());
    CHECK_FALSE(on.it.is_safe_to_close());
    on.client("\x0e").server({ok(autocommit)});
    CHECK(on.it.is_safe_to_close());
    on.query("START TRANSACTION READ ONLY").server({ok(wire::in_transaction_readonly)});
    CHECK_FALSE(on.it.is_safe_to_close());
}

TEST_CASE("an answer of several results is over with the last one", "[lb]") {
    auto const capable = GENERATE(plain | 0, plain | wire::deprecate_eof);
    auto on = dialogue::open(capable);
    on.query("CALL p()").server(result(capable, autocommit | wire::more_results));
    CHECK(on.it.doing() == activity::command);
    on.server({ok(autocommit | wire::more_results)});
    on.server(result(capable, autocommit | wire::more_results));
    CHECK(on.it.doing() == activity::command);
    on.server({ok(autocommit)});
    CHECK(on.it.doing() == activity::idle);
}

TEST_CASE("a row that begins like an end is a row if it is longer than one", "[lb]") {
    auto on = dialogue::open(plain);
    on.query("SELECT").server({"\x01", definition, eof(autocommit)});
    on.server({'\xfe' + little(9, 8) + "nine bytes"}, 4);
    CHECK(on.it.doing() == activity::command);
    on.server({eof(autocommit)}, 5);
    CHECK(on.it.doing() == activity::idle);
}

TEST_CASE("a payload of many packets is one, in both directions", "[lb]") {
    auto on = dialogue::open(plain, 70'000);
    on.query(std::string(wire::protocol_41, 'x')); // of any length
    on.server({ok(autocommit)});
    std::string const full(packet_full, '\xfe');
    on.client('\x03' + full.substr(1)).client("the rest", 1);
    CHECK(on.it.doing() == activity::command);
    on.server({"\x01", definition, eof(autocommit), full, "\xfe", eof(autocommit)}, 2);
    CHECK(on.it.doing() == activity::idle);
}

TEST_CASE("prepared statements: definitions are counted, cursors keep the session", "[lb]") {
    auto const capable = GENERATE(plain | 0, plain | wire::deprecate_eof);
    auto on = dialogue::open(capable);
    bool const ends = (capable & wire::deprecate_eof) == 0;
    on.client("\x16SELECT a FROM t WHERE b = ?");
    on.server(
        {'\0' + little(5, 4) + little(1, 2) + little(1, 2) + std::string(3, '\0'), definition});
    if (ends)
        on.server({eof(autocommit)}, 3);
    CHECK(on.it.doing() == activity::command);
    on.server({definition}, 4);
    if (ends)
        on.server({eof(autocommit)}, 5);
    CHECK(on.it.doing() == activity::idle);
    CHECK(on.it.is_safe_to_close());

    unsigned const cursor = autocommit | wire::cursor_exists;
    on.client('\x17' + little(5, 4) + '\x01' + little(1, 4));
    on.server({"\x01", definition, ends ? eof(cursor) : ok_end(cursor)});
    CHECK(on.it.doing() == activity::idle);
    CHECK(on.it.has_cursor());
    CHECK_FALSE(on.it.is_safe_to_close());
    unsigned const last = autocommit | wire::last_row_sent;
    SECTION("until its last row") {
        on.client('\x1c' + little(5, 4) + little(10, 4));
        on.server({std::string("\0\0\1", 3), ends ? eof(cursor) : ok_end(cursor)});
        CHECK(on.it.has_cursor());
        on.client('\x1c' + little(5, 4) + little(10, 4));
        on.server({ends ? eof(last) : ok_end(last)});
        CHECK(on.it.is_safe_to_close());
    }
    SECTION("until the statement is closed, which has no answer") {
        on.client('\x19' + little(5, 4));
        CHECK(on.it.is_safe_to_close());
    }
    SECTION("until the connection is reset") {
        on.client("\x1f").server({ok(autocommit)});
        CHECK(on.it.is_safe_to_close());
    }
}

TEST_CASE("locks that outlive a transaction keep the session", "[lb]") {
    auto on = dialogue::open();
    SECTION("tables") {
        on.query("/* x */ LOCK  TABLES t WRITE").server({ok(autocommit)});
        CHECK_FALSE(on.it.is_safe_to_close());
        on.query("unlock tables").server({ok(autocommit)});
        CHECK(on.it.is_safe_to_close());
    }
    SECTION("named ones, until all are given back") {
        on.query("SELECT GET_LOCK('a', 1)").server(result(plain, autocommit));
        CHECK(on.it.may_hold_locks());
        on.query("SELECT RELEASE_ALL_LOCKS()").server({error(1064)});
        CHECK(on.it.may_hold_locks());
        on.query("SELECT RELEASE_ALL_LOCKS()").server(result(plain, autocommit));
        CHECK_FALSE(on.it.may_hold_locks());
    }
    SECTION("those of a statement whose answer comes after the next command") {
        on.query("SELECT GET_LOCK('a', 1)").query("SELECT 2");
        on.server(result(plain, autocommit)).server(result(plain, autocommit));
        CHECK(on.it.doing() == activity::idle);
        CHECK(on.it.may_hold_locks());
    }
    SECTION("also when the statement is only prepared") {
        on.client("\x16"
                  "DO GET_LOCK('a', 1)");
        on.server({'\0' + little(6, 4) + std::string(7, '\0')});
        CHECK(on.it.may_hold_locks());
    }
    SECTION("and not the word in another one") {
        on.query("SELECT * FROM locks LOCK IN SHARE MODE").server(result(plain, autocommit));
        CHECK(on.it.is_safe_to_close());
    }
    SECTION("by the tracker of transactions, if the text does not tell") {
        on = dialogue::open(plain | wire::session_track);
        auto const state = std::string("\x05") + with_length(with_length("_______L"));
        on.query("CALL locks_tables()");
        on.server(
            {ok(autocommit | wire::session_state_changed, with_length("") + with_length(state))});
        CHECK(on.it.may_hold_locks());
    }
}

TEST_CASE("a file on its way is work", "[lb]") {
    auto on = dialogue::open();
    on.query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t")
        .server({"\xfb"
                 "f"});
    CHECK(on.it.doing() == activity::file);
    on.client("1,2\n", 2).client("", 3);
    CHECK(on.it.doing() == activity::command);
    on.server({ok(autocommit)}, 4);
    CHECK(on.it.is_safe_to_close());
}

TEST_CASE("a report of progress is no end", "[lb]") {
    auto on = dialogue::open((plain & ~wire::mysql_server) | wire::mariadb_progress);
    on.query("ALTER TABLE t").server({error(0xffff)});
    CHECK(on.it.doing() == activity::command);
    on.server({ok(autocommit)}, 2);
    CHECK(on.it.is_safe_to_close());
}

TEST_CASE("a replica's connection never becomes idle", "[lb]") {
    auto on = dialogue::open();
    on.client("\x15" + std::string(20, 'r')).server({ok(autocommit)});
    on.client("\x12" + std::string(10, 'b')).server({'\0' + std::string(30, 'e')});
    CHECK(on.it.doing() == activity::stream);
    on.client("\xef"
              "an acknowledgement"); // of a semi-sync replica: a packet like any command's
    on.server({ok(autocommit)});
    CHECK(on.it.doing() == activity::stream);
    CHECK_FALSE(on.it.is_safe_to_close());
}

TEST_CASE("what cannot be read is said to be so, and is never safe", "[lb]") {
    dialogue on;
    on.server({greeting()}, 0);
    SECTION("TLS") {
        on.client(little(plain | wire::tls, 4) + std::string(28, '\0'), 1);
        CHECK(on.it.why_blind() == blindness::tls);
    }
    SECTION("a client from before 4.1") {
        on.client(little(0x85, 2) + std::string(30, 'x'), 1);
        CHECK(on.it.why_blind() == blindness::old_protocol);
    }
    SECTION("compression that was not offered") {
        on.client(login(plain | wire::compress), 1);
        CHECK(on.it.why_blind() == blindness::not_offered);
    }
    SECTION("an answer that is none") {
        on.client(login(plain), 1).server({ok(autocommit)}, 2).query("SELECT 1");
        on.server({std::string("\xfd\xff\xff\xff", 4)});
        CHECK(on.it.why_blind() == blindness::malformed);
    }
    CHECK(on.it.doing() == activity::blind);
    on.server({ok(autocommit)}).query("SELECT 1");
    CHECK_FALSE(on.it.is_safe_to_close());
}

TEST_CASE("a greeting offers nothing that is not followed", "[lb]") {
    auto const text = greeting();
    auto bytes = bytes_of_text(text);
    wire::offer_less(bytes);
    auto const changed = [&](std::size_t at) {
        return bytes[at] != static_cast<std::byte>(text[at]);
    };
    auto const low = std::string_view{"\x0a"
                                      "10.11.6-MariaDB"}
                         .size() +
                     1 + 4 + 8 + 1;
    for (std::size_t at = 0; at < bytes.size(); ++at)
        CHECK(changed(at) == (at == low || at == low + 6));
    CHECK((std::to_integer<unsigned>(bytes[low]) & wire::compress) == 0);
    CHECK((std::to_integer<unsigned>(bytes[low + 6]) << 24U & wire::not_followed) == 0);
    auto refusal = bytes_of_text(error(1129));
    wire::offer_less(refusal);
    CHECK(refusal == bytes_of_text(error(1129)));
}

TEST_CASE("what a pool asks to see whether its connection lives is known", "[lb]") {
    auto const is = [](std::string_view text) { return is_validation(bytes_of_text(text)); };
    CHECK(is("\x0e"));
    CHECK(is("\x1f"));
    CHECK(is("\x03select 1"));
    CHECK(is("\x03/* ping */ SELECT 1;"));
    CHECK_FALSE(is("\x03SELECT 1, GET_LOCK('a', 1)"));
    CHECK_FALSE(is("\x03SELECT 10"));
    CHECK_FALSE(is("\x16SELECT 1"));
    CHECK_FALSE(is(""));
}

} // namespace tasuki::lb
