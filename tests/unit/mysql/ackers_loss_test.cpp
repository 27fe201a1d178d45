// What the keeper makes of ackers that fall silent, and of those that come back.

#include "keeping.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;
using namespace tasuki::mysql::scene;
using group = kept_group;

TEST_CASE("ackers: an acker that says it runs and receives nothing is lost", "[ackers]") {
    for (bool const degrade : {true, false}) {
        group here({db2, db3});
        here.one.rules.degrade_without_acker = degrade;
        here.one.between = {};
        here.begin();
        here.run(std::chrono::seconds{2});
        // Nothing arrives, and both receivers still take the master for connected.
        here.servers.commit(db1);
        here.one.mishaps = {{"probe_commit", db1, fate::lost}};
        here.run(milliseconds{2500});
        CHECK_FALSE(here.last().degraded);
        here.run(milliseconds{4000});
        CHECK(here.last().degraded == degrade);
        CHECK(here.servers.at(db1).waiting.empty() == degrade);
        CHECK(here.one.state.blocked.empty() == degrade);
    }
}

namespace {

/// The only acker came back, and the acknowledgements of its former life never arrived.
void owe_acknowledgements(group& here) {
    here.one.rules.degrade_without_acker = false;
    here.one.between = {};
    here.begin();
    for (std::size_t count = 0; count < model::waiting_max; ++count) {
        here.servers.commit(db1);
        while (here.servers.receive(db2, true) || here.servers.apply(db2)) {
        }
    }
    here.servers.crash(db2);
    here.servers.boot(db2);
    auto const back = here.servers.perform(
        db2, {1, epoch{5}, {}, follow{here.servers.at(db1).who.server, "repl_db2", false, false}});
    REQUIRE(back.done);
    REQUIRE(here.servers.at(db1).waiting.size() == model::waiting_max);
}

} // namespace

TEST_CASE("ackers: what a former life of the only acker owed is acknowledged by the next one",
          "[ackers]") {
    group here({db2});
    owe_acknowledgements(here);
    auto const& seen = here.run();
    CHECK(here.servers.at(db1).waiting.empty());
    CHECK(seen.place_of("set_acker db2") < seen.place_of("repeat_ack db2"));
    CHECK_FALSE(here.last().degraded);
    CHECK(here.last().ackers.front().life == here.servers.facts_of(db2).life);
}

TEST_CASE("ackers: a newcomer whose admission was put off still gets what was owed acknowledged",
          "[ackers]") {
    group here({db2});
    owe_acknowledgements(here);
    here.one.mishaps = {{"repeat_ack", db2, fate::failed}, {"probe_commit", db1, fate::lost}};
    // Put off, quiet, tried again: meanwhile nothing new can reach it, as nothing can be written.
    here.run(std::chrono::seconds{20});
    REQUIRE(here.servers.at(db1).waiting.size() == model::waiting_max);
    here.one.mishaps.clear();
    here.run(std::chrono::seconds{20});
    CHECK(here.servers.at(db1).waiting.empty());
    CHECK(here.one.state.blocked.empty());
    CHECK(here.last().ackers.front().life == here.servers.facts_of(db2).life);
    CHECK(here.last().next_ackers.empty());
}

TEST_CASE("ackers: an acknowledgement that was lost is repeated where no commit can be written",
          "[ackers]") {
    group here({db2, db3});
    here.one.between = {};
    here.begin();
    for (std::size_t count = 0; count < model::waiting_max; ++count) {
        here.servers.commit(db1);
        while (here.servers.receive(db2, true) || here.servers.receive(db3, true)) {
        }
    }
    here.run(std::chrono::seconds{2});
    CHECK(here.servers.at(db1).waiting.empty());
}

TEST_CASE("ackers: an acker that receives slowly is not lost", "[ackers]") {
    group here({db2, db3});
    // Far behind, as after a large transaction, with a commit at the end that waits.
    here.servers.at(db1).source_semi_sync = false;
    for (int count = 0; count < 2000; ++count)
        here.servers.commit(db1);
    here.servers.at(db1).source_semi_sync = true;
    here.servers.commit(db1);
    here.one.between = [&here] {
        here.servers.receive(db2);
        here.servers.receive(db3);
    };
    here.one.mishaps = {{"probe_commit", db1, fate::lost}};
    here.begin();
    auto const& seen = here.run(std::chrono::seconds{8});
    CHECK_FALSE(here.servers.at(db1).waiting.empty());
    CHECK(seen.journal.empty());
}

TEST_CASE("ackers: who tells nothing and is connected is locked out", "[ackers]") {
    group here({db2, db3});
    here.record.now.ackers = {{db2, here.servers.facts_of(db2).life}};
    here.one.tell(ackers::presence{db3, false, false});
    here.begin();
    here.run(std::chrono::seconds{5});
    CHECK(here.servers.at(db1).locked.contains("repl_db3"));
    CHECK(here.names() == std::set{db2});
}

TEST_CASE("ackers: protection returns through an acker that was locked out", "[ackers]") {
    for (bool const degrade : {true, false}) {
        INFO("degrade " << degrade);
        group here({db2, db3});
        here.one.rules.degrade_without_acker = degrade;
        here.begin();
        here.run(std::chrono::seconds{2});
        here.one.tell(ackers::presence{db3, false, false});
        here.run(std::chrono::seconds{5});
        REQUIRE(here.servers.at(db1).locked.contains("repl_db3"));
        here.servers.crash(db2);
        here.one.tell(ackers::presence{db2, false, false});
        here.run(std::chrono::seconds{5});
        REQUIRE(here.last().degraded == degrade);
        here.one.tell(ackers::presence{db3, true, false});
        REQUIRE(here.servers.at(db3).replica_semi_sync);
        here.run(std::chrono::seconds{30});
        CHECK_FALSE(here.servers.at(db1).locked.contains("repl_db3"));
        CHECK(here.names() == std::set{db3});
        CHECK_FALSE(here.last().degraded);
        CHECK(here.one.state.blocked.empty());
    }
}

TEST_CASE("ackers: semi-sync comes on only once somebody is connected", "[ackers]") {
    group here({});
    here.record.now.degraded = true;
    here.servers.at(db1).source_semi_sync = false;
    here.servers.at(db3).master.reset();
    here.begin();
    while (!here.one.result.has_asked("set_acker db2") &&
           here.one.now < instant{milliseconds{9000}})
        here.one.run(milliseconds{1});
    here.servers.cut(db1, db2, true); // its receiver does not find the way back
    auto const& seen = here.run(std::chrono::seconds{4});
    CHECK(seen.has_asked("set_acker db2"));
    CHECK_FALSE(seen.has_asked("enable_semi_sync db1"));
}

TEST_CASE("ackers: a master that was restarted is not recorded as degraded", "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    here.servers.crash(db1);
    here.servers.boot(db1);
    here.run(std::chrono::seconds{2});
    CHECK_FALSE(here.last().degraded);
}

TEST_CASE("ackers: old facts in an answer do not pass for new ones", "[ackers]") {
    answer got;
    got.facts.life = server_incarnation{7};
    got.facts.condition = health::up;
    CHECK(tells_state(got));
    got.facts_age = milliseconds{1};
    CHECK_FALSE(tells_state(got));
    got.facts.condition = health::down;
    CHECK(tells_state(got));
    CHECK_FALSE(tells_state(answer{}));
}

TEST_CASE("ackers: a record of protection whose fate is unknown is not taken back by deeds",
          "[ackers]") {
    group here({});
    here.record.now.degraded = true;
    here.servers.at(db1).source_semi_sync = false;
    // A majority may have it by the time that this node lets commits go unprotected.
    here.one.mishaps = {{"journal steady", node_id{}, fate::lost, failure::broken, 1}};
    here.begin();
    auto const& seen = here.one.result;
    while (seen.journal.size() < 2 && here.one.now < instant{std::chrono::seconds{20}})
        here.run(milliseconds{1});
    REQUIRE(seen.journal.size() == 2);
    REQUIRE_FALSE(seen.journal.back().now.degraded);
    here.one.between = {};
    here.servers.crash(db2);
    here.servers.crash(db3);
    here.run(std::chrono::seconds{4}); // it is not told that the record was written
    CHECK_FALSE(seen.has_asked("disable_semi_sync db1"));
    here.one.mishaps.clear();
    here.run(std::chrono::seconds{30});
    REQUIRE(seen.has_asked("disable_semi_sync db1"));
    CHECK(seen.journal.back().now.degraded);
}
