#include "keeping.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;
using namespace tasuki::mysql::scene;
using group = kept_group;

namespace {

/// The first journal entry of which `ask` must come after: entries before it in time.
std::size_t entries_with_next(played const& seen, node_id node) {
    std::size_t count = 0;
    for (journal_entry const& each : seen.journal)
        for (acker const& who : each.now.next_ackers)
            count += who.node == node ? 1 : 0;
    return count;
}

} // namespace

TEST_CASE("ackers: nothing happens while all is well", "[ackers]") {
    group here({db2, db3});
    here.begin();
    auto const& seen = here.run();
    CHECK(seen.journal.empty());
    CHECK(seen.asked.size() > 30);
    for (std::string const& each : seen.asked)
        CHECK(each.find("survey") == 0);
}

TEST_CASE("ackers: a replica that is near is recorded, then given the role, then proven",
          "[ackers]") {
    group here({db2});
    here.begin();
    auto const& seen = here.run();
    REQUIRE(seen.journal.size() == 2);
    CHECK(seen.journal[0].now.ackers.size() == 1);
    CHECK(seen.journal[0].now.next_ackers.size() == 2);
    CHECK(seen.journal[0].reached == milestone::steady);
    CHECK(here.names() == std::set{db2, db3});
    CHECK(here.last().next_ackers.empty());
    CHECK(here.servers.at(db3).acknowledges);
    CHECK(seen.place_of("unlock_account db1") < seen.place_of("set_acker db3"));
    CHECK(seen.place_of("set_acker db3") < seen.place_of("probe_commit db1"));
}

TEST_CASE("ackers: the record names who comes before it is given the role", "[ackers]") {
    group here({db2});
    here.one.mishaps = {{"journal steady", node_id{}, fate::failed}};
    here.begin();
    auto const& seen = here.run();
    CHECK(entries_with_next(seen, db3) > 0);
    CHECK_FALSE(seen.has_asked("set_acker db3"));
    CHECK_FALSE(here.servers.at(db3).acknowledges);
}

TEST_CASE("ackers: a replica far behind, broken or barred is not admitted", "[ackers]") {
    group far({db2});
    far.one.between = [&far] {
        for (int i = 0; i < 20; ++i) {
            far.servers.commit(db1);
            while (far.servers.receive(db2) || far.servers.apply(db2)) {
            }
        }
    };
    far.one.rules.near_bytes = 1000;
    far.one.between();
    far.begin();
    CHECK(far.run(std::chrono::seconds{5}).journal.empty());

    group broken({db2});
    broken.servers.at(db3).applier_errno = 1062;
    broken.begin();
    CHECK(broken.run().journal.empty());

    group barred({db2});
    barred.one.tell(ackers::presence{db3, true, true});
    barred.begin();
    CHECK(barred.run().journal.empty());
}

TEST_CASE("ackers: a lost acker is locked out, and leaves the record after the barrier",
          "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    here.servers.crash(db3);
    here.one.tell(ackers::presence{db3, false, false});
    auto const& seen = here.run();
    CHECK(here.names() == std::set{db2});
    CHECK(here.servers.at(db1).locked.contains("repl_db3"));
    REQUIRE(seen.journal.size() == 2);
    CHECK(seen.journal[0].now.next_ackers.size() == 1);
    CHECK(seen.journal[0].now.ackers.size() == 2);
}

TEST_CASE("ackers: the barrier holds a removal until the others have received all", "[ackers]") {
    group here({db2, db3});
    here.one.between = [&here] {
        here.servers.commit(db1);
        while (here.servers.receive(db3) || here.servers.apply(db3)) {
        }
    };
    here.begin();
    here.run(std::chrono::seconds{2});
    here.one.tell(ackers::presence{db3, true, true});
    here.one.mishaps = {{"probe_commit", db1, fate::lost}};
    here.servers.cut(db1, db2, true);
    here.run(std::chrono::seconds{2});
    for (journal_entry const& each : here.one.result.journal)
        CHECK(each.now.ackers.size() == 2);
}

TEST_CASE("ackers: standby takes an acker off through its own agent", "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    here.one.tell(ackers::presence{db3, true, true});
    auto const& seen = here.run();
    CHECK(here.names() == std::set{db2});
    CHECK(seen.has_asked("set_acker db3"));
    CHECK_FALSE(here.servers.at(db3).acknowledges);
    CHECK_FALSE(here.servers.at(db1).locked.contains("repl_db3"));
    CHECK(here.servers.at(db3).receiver_runs);
    here.one.tell(ackers::presence{db3, true, false});
    here.run();
    CHECK(here.names() == std::set{db2, db3});
}

TEST_CASE("ackers: an agent that does not obey is locked out by the master", "[ackers]") {
    for (fate const how : {fate::failed, fate::lost}) {
        group here({db2, db3});
        here.begin();
        here.run(std::chrono::seconds{2});
        here.one.mishaps = {{"set_acker", db3, how}};
        here.one.tell(ackers::presence{db3, true, true});
        here.run(std::chrono::seconds{40});
        CHECK(here.names() == std::set{db2});
        CHECK(here.servers.at(db1).locked.contains("repl_db3"));
    }
}

TEST_CASE("ackers: with the last acker lost, degraded is recorded before commits go on",
          "[ackers]") {
    group here({db2});
    here.servers.at(db3).master.reset();
    here.begin();
    here.run(std::chrono::seconds{2});
    here.servers.crash(db2);
    here.servers.commit(db1);
    auto const told = here.servers.acknowledged().size();
    here.one.mishaps = {{"journal steady", node_id{}, fate::failed}};
    here.one.tell(ackers::presence{db2, false, false});
    here.run(std::chrono::seconds{5});
    CHECK(here.servers.at(db1).source_semi_sync);
    CHECK(here.servers.acknowledged().size() == told);
    here.one.mishaps.clear();
    here.run(std::chrono::seconds{5});
    CHECK(here.last().degraded);
    CHECK_FALSE(here.servers.at(db1).source_semi_sync);
    CHECK(here.servers.acknowledged().size() > told);
}

TEST_CASE("ackers: or commits wait, if so configured", "[ackers]") {
    group here({db2});
    here.servers.at(db3).master.reset();
    here.one.rules.degrade_without_acker = false;
    here.begin();
    here.run(std::chrono::seconds{2});
    here.servers.crash(db2);
    here.one.tell(ackers::presence{db2, false, false});
    auto const& seen = here.run();
    CHECK(seen.journal.empty());
    CHECK(here.servers.at(db1).source_semi_sync);
    CHECK(here.one.state.blocked.find("db2: it is lost") != std::string::npos);
    CHECK(seen.has_noted("on_no_acker = \"block\""));
}

TEST_CASE("ackers: degraded is cleared only after an acknowledged probe", "[ackers]") {
    for (fate const how : {fate::ok, fate::failed, fate::lost}) {
        INFO("fate of the probe " << static_cast<int>(how));
        group here({});
        here.record.now.degraded = true;
        here.servers.at(db1).source_semi_sync = false;
        here.servers.at(db3).master.reset();
        here.one.mishaps = {{"probe_commit", db1, how}};
        here.begin();
        auto const& seen = here.run();
        CHECK(here.last().degraded == (how != fate::ok));
        CHECK(here.servers.at(db1).source_semi_sync == (how == fate::ok));
        CHECK(seen.place_of("set_acker db2") < seen.place_of("enable_semi_sync db1"));
        CHECK(seen.place_of("enable_semi_sync db1") < seen.place_of("probe_commit db1"));
    }
}

TEST_CASE("ackers: coming from degraded, who does not answer is locked out first", "[ackers]") {
    group here({});
    here.record.now.degraded = true;
    here.servers.at(db1).source_semi_sync = false;
    here.one.tell(ackers::presence{db3, false, false});
    here.begin();
    auto const& seen = here.run();
    CHECK_FALSE(here.last().degraded);
    CHECK(here.names() == std::set{db2});
    CHECK(seen.place_of("lock_account db1") < seen.place_of("enable_semi_sync db1"));
}

TEST_CASE("ackers: an acker that was restarted is another acker", "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    here.servers.crash(db3);
    here.servers.boot(db3);
    here.run(std::chrono::seconds{3});
    CHECK(here.names() == std::set{db2});
    order rejoin;
    rejoin.decided_under = epoch{5};
    rejoin.what = follow{members()[0].server, "repl_db3", false, false};
    REQUIRE(here.servers.perform(db3, rejoin).done);
    here.run();
    CHECK(here.names() == std::set{db2, db3});
    CHECK(is_acker(here.last(), acker{db3, here.servers.facts_of(db3).life}));
}

TEST_CASE("ackers: a second probe follows each reconnection", "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    CHECK_FALSE(here.one.result.has_asked("probe_commit db1"));
    here.servers.cut(db1, db2, true);
    here.run(std::chrono::seconds{1});
    here.servers.cut(db1, db2, false);
    here.run(std::chrono::seconds{2});
    CHECK(here.one.result.has_asked("probe_commit db1"));
}

TEST_CASE("ackers: a commit that waits because its acknowledgement was lost is freed by a probe",
          "[ackers]") {
    group here({db2});
    here.servers.at(db3).master.reset();
    here.one.between = {};
    here.begin();
    here.run(std::chrono::seconds{1});
    here.servers.commit(db1);
    here.servers.receive(db2, true);
    REQUIRE(here.servers.at(db1).waiting.size() == 1);
    here.run(std::chrono::seconds{3});
    CHECK(here.servers.at(db1).waiting.empty());
}

TEST_CASE("ackers: a change left by a predecessor is brought to an end", "[ackers]") {
    group here({db2, db3});
    here.record.now.ackers = {{db2, here.servers.facts_of(db2).life}};
    here.record.now.next_ackers = {{db2, here.servers.facts_of(db2).life},
                                   {db3, here.servers.facts_of(db3).life}};
    here.begin();
    here.run();
    CHECK(here.names() == std::set{db2, db3});
    CHECK(here.last().next_ackers.empty());
}

TEST_CASE("ackers: whoever acknowledges without being recorded is taken in or silenced",
          "[ackers]") {
    group here({db2, db3});
    here.record.now.ackers = {{db2, here.servers.facts_of(db2).life}};
    here.servers.at(db3).applier_errno = 1062; // it may not join
    here.begin();
    here.run();
    CHECK(here.names() == std::set{db2});
    CHECK_FALSE(here.servers.at(db3).acknowledges);
}

TEST_CASE("ackers: semi-sync switched off behind our back is recorded as what it is", "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    here.servers.at(db1).source_semi_sync = false;
    here.run(std::chrono::seconds{2});
    bool recorded = false;
    for (journal_entry const& each : here.one.result.journal)
        recorded = recorded || each.now.degraded;
    CHECK(recorded);
    here.run();
    CHECK_FALSE(here.last().degraded);
    CHECK(here.servers.at(db1).source_semi_sync);
}

TEST_CASE("ackers: an alive acker whose receiver does not run is lost after its grace",
          "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    here.servers.cut(db1, db3, true);
    here.run(std::chrono::seconds{2});
    CHECK(here.names() == std::set{db2, db3});
    here.run(std::chrono::seconds{5});
    CHECK(here.names() == std::set{db2});
}

TEST_CASE("ackers: a replica locked out comes back without the role, then with it", "[ackers]") {
    group here({db2, db3});
    here.begin();
    here.run(std::chrono::seconds{2});
    here.one.tell(ackers::presence{db3, false, false});
    here.run(std::chrono::seconds{5});
    REQUIRE(here.servers.at(db1).locked.contains("repl_db3"));
    here.one.tell(ackers::presence{db3, true, false});
    here.run(std::chrono::seconds{30});
    CHECK_FALSE(here.servers.at(db1).locked.contains("repl_db3"));
    CHECK(here.names() == std::set{db2, db3});
}
