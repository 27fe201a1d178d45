#include "mysql_dialogue.hpp"

#include "tasuki/lb/drain.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

instant const begun = instant{std::chrono::hours{1}};
draining const ten_seconds{begun, begun + milliseconds{10'000}};

instant after(int ms) {
    return begun + milliseconds{ms};
}

session_view idle_since(int ms) {
    session_view out;
    out.doing = activity::idle;
    out.last_byte = after(ms);
    return out;
}

decision at(int ms, session_view const& it, bool validates_now = false) {
    return decide({}, ten_seconds, it, after(ms), validates_now);
}

} // namespace

TEST_CASE("an idle session is closed when its pool has to look before it uses it", "[lb]") {
    auto const it = idle_since(100);
    CHECK(at(200, it) == decision{deed::wait, because::idle, after(700)});
    CHECK(at(700, it) == decision{deed::close, because::idle, never});
}

TEST_CASE("a session that is never idle for long is closed between two statements in the end",
          "[lb]") {
    CHECK(at(4999, idle_since(4998)).what == deed::wait);
    CHECK(at(5000, idle_since(4998)) == decision{deed::close, because::idle, never});
}

TEST_CASE("a session whose pool validates is closed as the answer", "[lb]") {
    auto it = idle_since(-60'000);
    it.validates = true;
    CHECK(at(10, it) == decision{deed::wait, because::validation, after(5000)});
    CHECK(at(20, it, true) == decision{deed::close, because::validation, never});
    CHECK(at(5000, it).what == deed::close);
    it.in_transaction = true;
    CHECK(at(20, it, true) == decision{deed::wait, because::transaction, after(10'000)});
}

TEST_CASE("work is waited for, and cut at the deadline", "[lb]") {
    struct row {
        session_view it;
        because why;
    };
    auto const with = [](auto change) {
        auto out = idle_since(-60'000);
        change(out);
        return out;
    };
    std::vector<row> const rows{
        {with([](auto& it) { it.in_transaction = true; }), because::transaction},
        {with([](auto& it) { it.has_cursor = true; }), because::cursor},
        {with([](auto& it) { it.may_hold_locks = true; }), because::locks},
        {with([](auto& it) { it.doing = activity::command; }), because::statement},
        {with([](auto& it) { it.doing = activity::file; }), because::file},
        {with([](auto& it) { it.doing = activity::stream; }), because::stream},
        {with([](auto& it) { it.doing = activity::logging_in; }), because::login},
    };
    for (auto const& [it, why] : rows) {
        INFO(to_string(why));
        CHECK(at(9999, it) == decision{deed::wait, why, after(10'000)});
        CHECK(at(10'000, it) == decision{deed::cut, because::deadline, never});
    }
    CHECK(at(10'000, idle_since(9999)) == decision{deed::close, because::idle, never});
}

TEST_CASE("after an error the server is asked, once", "[lb]") {
    auto it = idle_since(0);
    it.is_transaction_unknown = true;
    CHECK(at(10, it) == decision{deed::ask, because::unknown, after(10'000)});
    it.is_asking = true;
    CHECK(at(10, it) == decision{deed::wait, because::unknown, after(10'000)});
    it.may_hold_locks = true; // the answer would change nothing
    it.is_asking = false;
    CHECK(at(10, it).why == because::locks);
}

TEST_CASE("of what cannot be read only silence tells", "[lb]") {
    auto it = idle_since(0);
    it.doing = activity::blind;
    it.in_transaction = true; // of the time before
    CHECK(at(4999, it) == decision{deed::wait, because::cannot_be_read, after(5000)});
    CHECK(at(5000, it) == decision{deed::close, because::cannot_be_read, never});
    it.last_byte = after(9999);
    CHECK(at(10'000, it).what == deed::cut);
}

TEST_CASE("a drain without a deadline cuts nobody", "[lb]") {
    draining const forever{begun, never};
    auto it = idle_since(0);
    it.in_transaction = true;
    CHECK(decide({}, forever, it, after(1'000'000)) ==
          decision{deed::wait, because::transaction, never});
    CHECK(decide({}, forever, idle_since(0), after(600)).what == deed::close);
}

TEST_CASE("who is left is told with what keeps it", "[lb]") {
    auto it = idle_since(0);
    it.in_transaction = true;
    it.transaction_since = after(-10'000);
    CHECK(why_left(at(2000, it), it, after(2000)) == "in transaction for 12 s");
    it = idle_since(0);
    it.doing = activity::command;
    CHECK(why_left(at(3000, it), it, after(3000)) == "a statement runs, silent for 3 s");
}

TEST_CASE("a followed session is seen as it is", "[lb]") {
    auto on = dialogue::open();
    CHECK(look_at(on.it).doing == activity::idle);
    on.query("BEGIN").server({ok(autocommit | wire::in_transaction)});
    CHECK(look_at(on.it).in_transaction);
    on.query("x").server({error(1)});
    CHECK(look_at(on.it).is_transaction_unknown);
    on.query("DO GET_LOCK('a', 1)").server({ok(autocommit)});
    CHECK(look_at(on.it).may_hold_locks);
}

} // namespace tasuki::lb
