#include "promotion.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;
using namespace tasuki::mysql::scene;

TEST_CASE("failover: without ackers it opens degraded, recorded first, or it waits", "[failover]") {
    group here(2);
    here.servers.crash(db1);
    auto const seen = here.play(here.begin());
    REQUIRE(seen.verdict->how == conclusion::done);
    CHECK(seen.journal.back().now.degraded);
    CHECK_FALSE(here.servers.at(db2).source_semi_sync);
    CHECK(seen.place_of("disable_semi_sync db2") < seen.place_of("open_writes db2"));
    CHECK(seen.ended - instant{milliseconds{1000}} < milliseconds{1000});

    group blocked(2);
    blocked.servers.crash(db1);
    failover::policy block;
    block.on_no_acker = failover::no_acker::block;
    auto const waits = blocked.play(blocked.begin(), {}, block, std::chrono::minutes{3});
    CHECK_FALSE(waits.verdict.has_value());
    CHECK(blocked.servers.at(db2).read_only);
    CHECK(waits.has_noted("on_no_acker = \"block\""));

    for (fate const how : {fate::failed, fate::lost}) {
        group stuck(2);
        auto const end = stuck.play(stuck.begin(), {{"disable_semi_sync", db2, how}});
        CHECK(end.verdict->how == conclusion::aborted);
        CHECK(stuck.servers.at(db2).read_only);
    }
}

TEST_CASE("failover: blocked writes open when a replica comes back", "[failover]") {
    group here;
    failover::policy block;
    block.on_no_acker = failover::no_acker::block;
    promotion one(here.servers, failover::step, failover::next_wake, block);
    one.mishaps = {{"follow", db3, fate::failed}};
    one.tell(here.begin());
    CHECK_FALSE(one.run(std::chrono::minutes{1}).verdict.has_value());
    one.mishaps.clear();
    CHECK(one.run(std::chrono::minutes{1}).verdict->how == conclusion::done);
    CHECK_FALSE(here.servers.at(db2).read_only);
}

TEST_CASE("failover: who was asked to acknowledge and did not show it is in the record",
          "[failover]") {
    group here(4);
    auto const seen = here.play(here.begin(), {{"follow", node_id{4}, fate::lost}});
    REQUIRE(seen.verdict->how == conclusion::done);
    standing const& now = seen.journal.back().now;
    CHECK(now.ackers.size() == 1);
    CHECK(now.next_ackers.size() == 2);
    CHECK(is_acker(now, node_id{4}));
}

TEST_CASE("failover: a successor goes on where its predecessor died", "[failover]") {
    // db2 dies after each of its first n answers; db3 takes over under the next epoch.
    for (int answers = 0; answers < 40; ++answers) {
        INFO("the predecessor died after " << answers << " steps");
        group here;
        here.servers.crash(db1);
        promotion first(here.servers, failover::step, failover::next_wake);
        int left = answers;
        first.between = [] {};
        first.tell(here.begin());
        while (left-- > 0 && !first.result.verdict)
            first.run(milliseconds{1});
        if (first.result.verdict)
            break;
        journal_entry const record =
            first.result.journal.empty() ? here.record : first.result.journal.back();
        auto input = here.begin(db3);
        input.under = epoch{3};
        input.recorded = record;
        promotion second(here.servers, failover::step, failover::next_wake);
        second.state.book.next_ticket = 1000;
        second.tell(input);
        auto const seen = second.run();
        REQUIRE(seen.verdict);
        INFO(seen.verdict->text);
        CHECK(seen.verdict->how == conclusion::done);
        CHECK(here.holds_all(db3));
        CHECK(here.servers.at(db2).read_only);
    }
}

TEST_CASE("failover: a predecessor's proof stands when the predecessor itself is gone",
          "[failover]") {
    group here;
    here.servers.crash(db1);
    promotion first(here.servers, failover::step, failover::next_wake);
    first.mishaps = {{"arm", db2, fate::lost}};
    first.tell(here.begin());
    first.run(milliseconds{100});
    REQUIRE(first.result.journal.back().reached == milestone::choose);
    here.servers.crash(db2);
    auto input = here.begin(db3);
    input.under = epoch{3};
    input.recorded = first.result.journal.back();
    auto const seen = here.play(input);
    REQUIRE(seen.verdict);
    INFO(seen.verdict->text);
    CHECK(seen.verdict->how == conclusion::done);
    CHECK(here.holds_all(db3));
}

TEST_CASE("failover: a switchover's second half needs no freeze", "[failover]") {
    group here;
    here.servers.at(db1).read_only = true;
    here.record.reached = milestone::closed;
    here.record.chosen = db2;
    here.record.promotion = here.servers.at(db1).binlog.position();
    auto const seen = here.play(here.begin());
    REQUIRE(seen.verdict);
    INFO(seen.verdict->text);
    CHECK(seen.verdict->how == conclusion::done);
    CHECK(here.servers.at(db1).up);
    CHECK(here.servers.at(db1).master == here.all[1].server);
    CHECK(here.servers.at(db1).adopted == here.record.promotion);
    CHECK_FALSE(seen.has_asked("freeze db3"));
    CHECK_FALSE(seen.has_asked("kill_server db1"));
    CHECK(seen.journal.back().now.ackers.size() == 2);
    here.servers.commit(db2);
    CHECK(here.servers.receive(db1));
}

TEST_CASE("failover: a switchover that does not arrive goes back, or on as a failover",
          "[failover]") {
    for (bool const old_lives : {true, false}) {
        group here;
        here.servers.commit(db1);
        here.servers.receive(db3);
        here.servers.at(db1).read_only = true;
        here.servers.cut(db1, db2, true);
        here.record.reached = milestone::closed;
        here.record.promotion = here.servers.at(db1).binlog.position();
        if (!old_lives)
            here.servers.crash(db1);
        auto const seen = here.play(here.begin());
        REQUIRE(seen.verdict);
        INFO(seen.verdict->text);
        CHECK(seen.verdict->how == (old_lives ? conclusion::refused : conclusion::done));
        if (old_lives)
            CHECK(seen.verdict->successor == db1);
        else
            CHECK(here.holds_all(db2));
    }
    group opened;
    opened.record.reached = milestone::closed;
    opened.record.promotion = opened.servers.at(db1).binlog.position();
    auto const seen = opened.play(opened.begin());
    CHECK(seen.verdict->text.find("accepts writes again") != std::string::npos);
}

TEST_CASE("failover: the recorded master that has the lease again is reopened", "[failover]") {
    group here;
    here.servers.crash(db1);
    here.servers.boot(db1);
    auto const seen = here.play(here.begin(db1));
    REQUIRE(seen.verdict);
    INFO(seen.verdict->text);
    CHECK(seen.verdict->how == conclusion::done);
    CHECK_FALSE(here.servers.at(db1).read_only);
    CHECK(milestones(seen) == std::vector{milestone::open});
    CHECK(seen.journal.back().now.ackers.size() == 2);
    CHECK_FALSE(seen.has_asked("follow db2")); // it replicates already
}

TEST_CASE("failover: a reopened master records an acker that does not answer", "[failover]") {
    group here;
    here.servers.crash(db1);
    here.servers.boot(db1);
    auto const seen = here.play(here.begin(db1), {{"survey", db3, fate::lost}});
    REQUIRE(seen.verdict->how == conclusion::done);
    CHECK(is_acker(seen.journal.back().now, db3));
    CHECK(seen.journal.back().now.ackers.size() == 1);
}

TEST_CASE("failover: a master that has lost what its acker holds is not reopened", "[failover]") {
    group here;
    here.servers.crash(db1);
    here.servers.at(db1).binlog.truncate(7);
    here.servers.boot(db1);
    auto const seen = here.play(here.begin(db1));
    CHECK(seen.verdict->how == conclusion::refused);
    CHECK(seen.verdict->successor == db2);
    CHECK(here.servers.at(db1).read_only);
}

TEST_CASE(
    "failover: a restarted master that may forget is reopened only if its ackers vouch for it",
    "[failover]") {
    for (bool const keeps : {true, false})
        for (bool const restarted : {true, false})
            for (bool const degraded : {true, false}) {
                INFO("keeps " << keeps << ", restarted " << restarted << ", degraded " << degraded);
                group here;
                here.servers.at(db1).keeps_answers = keeps;
                if (restarted) {
                    here.servers.crash(db1);
                    here.servers.boot(db1);
                }
                if (degraded) {
                    here.record.now.ackers.clear();
                    here.record.now.degraded = true;
                }
                auto const seen = here.play(here.begin(db1), {{"survey", db3, fate::lost}});
                bool const opens = keeps || !restarted || degraded;
                REQUIRE(seen.verdict);
                INFO(seen.verdict->text);
                CHECK(seen.verdict->how == (opens ? conclusion::done : conclusion::refused));
            }
    group asked;
    asked.servers.at(db1).keeps_answers = false;
    asked.servers.crash(db1);
    asked.servers.boot(db1);
    CHECK(asked.play(asked.begin(db1)).verdict->how == conclusion::done);

    group forced;
    forced.servers.at(db1).keeps_answers = false;
    forced.servers.crash(db1);
    forced.servers.boot(db1);
    auto input = forced.begin(db1);
    input.allow_loss = true;
    auto const seen = forced.play(input, {{"survey", db3, fate::lost}});
    CHECK(seen.verdict->how == conclusion::done);
    CHECK(seen.journal.back().loss_accepted);
}

TEST_CASE("failover: who follows already and holds more is locked out, not recorded",
          "[failover]") {
    // db3 replicates from db1 in spite of a transaction of its own, and answers late.
    group here;
    here.servers.crash(db1);
    here.servers.boot(db1);
    here.servers.crash(db2);
    here.servers.at(db3).binlog = here.servers.at(db1).binlog;
    here.servers.at(db3).binlog.push_back({0, 3, 99});
    here.servers.at(db3).relay.clear();
    failover::policy block;
    block.on_no_acker = failover::no_acker::block;
    promotion one(here.servers, failover::step, failover::next_wake, block);
    one.mishaps = {{"survey", db3, fate::lost}};
    one.between = [&] {
        if (one.state.at == failover::phase::repoint)
            one.mishaps.clear();
    };
    one.tell(here.begin(db1));
    auto const seen = one.run(std::chrono::seconds{20});
    CHECK_FALSE(seen.verdict);
    CHECK(seen.journal.empty());
    CHECK(seen.has_noted("db3 holds 0-3-99 besides: it is locked out"));
    CHECK(here.servers.at(db1).locked.contains("repl_db3"));
}

TEST_CASE("failover: a first start opens the designated master and leaves the unclean alone",
          "[failover]") {
    group here(4);
    here.servers.at(db1).read_only = true;
    here.servers.at(db1).source_semi_sync = false;
    here.servers.at(node_id{4}).binlog = {{0, 4, 1}};
    here.servers.at(node_id{4}).relay.clear();
    auto input = here.begin(db1);
    input.wish = failover::kind::start;
    input.recorded = journal_entry{};
    input.recorded.now.master = db1;
    auto const seen = here.play(input);
    REQUIRE(seen.verdict);
    INFO(seen.verdict->text);
    CHECK(seen.verdict->how == conclusion::done);
    CHECK(seen.journal.back().now.ackers.size() == 2);
    CHECK_FALSE(is_acker(seen.journal.back().now, node_id{4}));
    CHECK_FALSE(seen.has_asked("follow db4"));
}

TEST_CASE("failover: a first start is refused while another server accepts writes", "[failover]") {
    group here;
    here.servers.at(db3).read_only = false;
    here.servers.at(db3).master.reset();
    auto input = here.begin(db1);
    input.wish = failover::kind::start;
    auto const seen = here.play(input);
    CHECK(seen.verdict->how == conclusion::refused);
    CHECK(seen.verdict->text.find("db3 accepts writes") != std::string::npos);
}

TEST_CASE("failover: events in no or the wrong phase change nothing", "[failover]") {
    failover::state const idle;
    failover::policy const rules;
    instant const now{milliseconds{5}};
    for (failover::event const& each :
         {failover::event{answered{}}, failover::event{journalled{true}},
          failover::event{tick{}}}) {
        auto const out = failover::step(idle, each, now, rules);
        CHECK(out.commands.empty());
        CHECK(out.next.at == failover::phase::idle);
    }
    CHECK(failover::next_wake(idle) == never);
    group here;
    promotion one(here.servers, failover::step, failover::next_wake);
    one.tell(here.begin());
    one.run();
    REQUIRE(one.state.at == failover::phase::finished);
    for (failover::event const& each :
         {failover::event{answered{}}, failover::event{journalled{false}},
          failover::event{tick{}}}) {
        auto const out = failover::step(one.state, each, now, rules);
        CHECK(out.commands.empty());
        CHECK(out.next.at == failover::phase::finished);
    }
    CHECK(failover::next_wake(one.state) == never);
}
