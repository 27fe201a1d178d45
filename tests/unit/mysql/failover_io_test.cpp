// Promotion on real servers: what was acknowledged survives, and what is unknown is never drained.

#include "mariadb_lab_io.hpp"

#include "tasuki/mysql/route_io.hpp"

#include <catch2/catch.hpp>
#include <signal.h>

#include <algorithm>

using namespace tasuki;
using namespace tasuki::mysql;
using lab::ms_since;

namespace {

freeze freeze_of(lab::database const& master) {
    return freeze{master.address()};
}

std::size_t rules_in(lab::database const& server) {
    std::size_t out = 0;
    lab::inside(server.network(), [&] { out = blocked_masters()->size(); });
    return out;
}

void write_some(lab::database const& server, std::size_t rows) {
    lab::writers load(server, 4);
    auto const begun = lab::clock::now();
    while (load.count() < rows && ms_since(begun) < 20'000)
        std::this_thread::sleep_for(milliseconds{5});
    load.stop();
    REQUIRE(load.count() >= rows);
}

} // namespace

TEST_CASE("after kill -9 under writes the promoted acker has every acknowledged row",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    lab::writers load(nodes[0], 6);
    while (load.count() < 500)
        std::this_thread::sleep_for(milliseconds{5});
    nodes[0].kill();
    auto const begun = lab::clock::now();
    auto const frozen = nodes.at(1).must(freeze_of(nodes[0]), 2);
    auto const drained = nodes.at(1).must(drain{}, 2, milliseconds{10'000});
    auto const armed = nodes.at(1).must(arm{true, {"repl_1"}}, 2);
    auto const opened = nodes.at(1).must(open_writes{}, 2);
    auto const all = ms_since(begun);
    load.stop();

    auto const survived = lab::rows_of(nodes[1]);
    std::size_t lost = 0;
    for (auto const id : load.acknowledged())
        lost += survived.contains(id) ? 0 : 1;
    WARN("failover: freeze " << to_ms(frozen.took) << ", drain " << to_ms(drained.took) << ", arm "
                             << to_ms(armed.took) << ", open " << to_ms(opened.took) << ", all "
                             << all << " ms; " << load.count() << " acknowledged, " << lost
                             << " lost");
    CHECK(load.count() >= 500);
    CHECK(lost == 0);
    CHECK_FALSE(opened.facts.read_only);
    CHECK(opened.facts.source_semi_sync);
    CHECK_FALSE(opened.facts.replica);
    CHECK(rules_in(nodes[1]) == 0);
    // Nobody acknowledges yet: a write must wait, not succeed.
    auto session = nodes[1].login("app", "apppw");
    session.begin("INSERT INTO app.t VALUES (900000001, 'x')");
    CHECK_FALSE(session.poll(milliseconds{300}));
}

TEST_CASE("a silent master is frozen out in milliseconds", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    write_some(nodes[0], 100);
    nodes[0].signal(SIGSTOP);
    auto const frozen = nodes.at(1).must(freeze_of(nodes[0]), 2);
    WARN("freeze of a stopped master: " << to_ms(frozen.took) << " ms");
    CHECK(frozen.took < milliseconds{500});
    REQUIRE(frozen.facts.replica);
    CHECK(frozen.facts.replica->receiver == thread_state::stopped);
    CHECK(frozen.facts.replica->applier_runs);
    CHECK(frozen.facts.replica->received);
    CHECK(rules_in(nodes[1]) == 1);

    SECTION("a commit of the thawed old master is not acknowledged") {
        nodes[0].signal(SIGCONT);
        auto session = nodes[0].login("app", "apppw");
        session.begin("INSERT INTO app.t VALUES (900000001, 'x')");
        CHECK_FALSE(session.poll(milliseconds{500}));
        nodes.at(1).must(unfreeze{}, 2);
        CHECK(rules_in(nodes[1]) == 0);
        auto const released = session.poll(milliseconds{5000});
        REQUIRE(released);
        CHECK(released->has_value());
    }
    SECTION("leftover rules go when the agent starts anew") {
        nodes.drop_agent(1);
        CHECK(rules_in(nodes[1]) == 1);
        nodes.new_agent(1);
        CHECK(rules_in(nodes[1]) == 0);
        nodes[0].signal(SIGCONT);
    }
}

TEST_CASE("a freeze starts an applier that was merely stopped, and nothing received is lost",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    nodes[1].sql("STOP SLAVE SQL_THREAD");
    write_some(nodes[0], 50);
    auto const written = lab::rows_of(nodes[0]);
    nodes[0].kill();
    auto const frozen = nodes.at(1).must(freeze_of(nodes[0]), 2);
    REQUIRE(frozen.facts.replica);
    CHECK(frozen.facts.replica->applier_runs);
    CHECK(frozen.facts.replica->receiver == thread_state::stopped);
    nodes.at(1).must(drain{}, 2);
    CHECK(lab::rows_of(nodes[1]) == written);
}

TEST_CASE("a freeze without a working applier fails and leaves no rule", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    SECTION("both threads were stopped: what was received could be lost") {
        nodes[1].sql("STOP SLAVE IO_THREAD");
        nodes[1].sql("STOP SLAVE SQL_THREAD");
        auto const refused = nodes.at(1).ask(freeze_of(nodes[0]), 2);
        CHECK_FALSE(refused.done);
        CHECK(refused.detail.find("applier") != std::string::npos);
        REQUIRE(refused.facts.replica);
        CHECK_FALSE(refused.facts.replica->applier_runs);
        CHECK(rules_in(nodes[1]) == 0);
    }
    SECTION("the applier met an error") {
        auto session = nodes[1].login("root", "");
        REQUIRE(session.query("SET sql_log_bin=0", milliseconds{1000}).has_value());
        REQUIRE(session.query("INSERT INTO app.t VALUES (7, 'errant')", milliseconds{1000})
                    .has_value());
        auto app = nodes[0].login("app", "apppw");
        REQUIRE(app.query("INSERT INTO app.t VALUES (7, 'x')", milliseconds{5000}).has_value());
        nodes.at(1).await_facts(
            [](server_facts const& seen) { return seen.replica && seen.replica->applier_errno; });
        auto const refused = nodes.at(1).ask(freeze_of(nodes[0]), 2);
        CHECK_FALSE(refused.done);
        CHECK(refused.detail.find("Duplicate entry") != std::string::npos);
        auto const undrained = nodes.at(1).ask(drain{}, 2);
        CHECK_FALSE(undrained.done);
        CHECK(undrained.detail.find("Duplicate entry") != std::string::npos);
        CHECK(undrained.took < milliseconds{1000});
        follow elsewhere;
        elsewhere.master = nodes[0].address();
        elsewhere.account = "repl_2";
        auto const kept = nodes.at(1).ask(elsewhere, 2);
        CHECK_FALSE(kept.done);
        CHECK(kept.detail.find("relay log would be dropped") != std::string::npos);
        auto const unarmed = nodes.at(1).ask(arm{}, 2);
        CHECK_FALSE(unarmed.done);
    }
    SECTION("it follows somebody else") {
        auto const refused = nodes.at(1).ask(freeze{*endpoint::parse("10.91.0.9:3306")}, 2);
        CHECK_FALSE(refused.done);
        CHECK(refused.kind == failure::conflict);
        CHECK(rules_in(nodes[1]) == 0);
    }
}

TEST_CASE("after a restart of the acker its position is unknown, never drained",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    write_some(nodes[0], 50);
    nodes[1].sql("STOP SLAVE SQL_THREAD");
    write_some(nodes[0], 50);
    auto const before = nodes.at(1).ask(survey{}).facts;
    nodes[1].kill();
    nodes[1].start();
    nodes[1].await_up();
    nodes.at(1).await_facts([&](server_facts const& seen) {
        return seen.condition == health::up && seen.life != before.life;
    });
    auto const undrained = nodes.at(1).ask(drain{}, 2);
    CHECK_FALSE(undrained.done);
    CHECK(undrained.kind == failure::unavailable);
    REQUIRE(undrained.facts.replica);
    CHECK_FALSE(undrained.facts.replica->received);
    CHECK(before.replica->received);
}

TEST_CASE("a switchover moves the writes and the old master follows from its own binlog",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(3);
    nodes.replicate();
    lab::writers load(nodes[0], 4);
    while (load.count() < 200)
        std::this_thread::sleep_for(milliseconds{5});
    auto const begun = lab::clock::now();
    auto const closed = nodes.at(0).must(close_writes{}, 1);
    CHECK(closed.facts.read_only);
    CHECK(closed.facts.waiting_for_ack == 0);
    await_position reach;
    reach.position = closed.facts.binlog_position;
    nodes.at(1).must(reach, 2);
    nodes.at(1).must(freeze_of(nodes[0]), 2);
    nodes.at(1).must(drain{}, 2);
    nodes.at(1).must(arm{true, {"repl_1", "repl_3"}}, 2);
    follow next;
    next.master = nodes[1].address();
    next.account = "repl_3";
    next.as_acker = true;
    nodes.at(2).must(next, 2);
    nodes.at(1).must(await_ackers{1}, 2);
    nodes.at(1).must(open_writes{}, 2);
    nodes.at(1).must(probe_commit{}, 2);
    WARN("switchover on 3 nodes to the first acknowledged commit: " << ms_since(begun) << " ms");
    load.stop();
    nodes.at(0).must(settle{}, 2);
    next.account = "repl_1";
    next.adopt_binlog = true;
    nodes.at(0).must(next, 2);
    nodes.at(1).must(await_ackers{2}, 2);
    auto const now = nodes.at(1).ask(survey{}, 2);
    reach.position = now.facts.binlog_position;
    auto const reached = nodes.at(0).must(reach, 2);
    CHECK(reached.facts.replica_semi_sync);
    CHECK_FALSE(reached.facts.source_semi_sync);
    auto const rows = lab::rows_of(nodes[1]);
    CHECK(rows == lab::rows_of(nodes[0]));
    for (auto const id : load.acknowledged())
        CHECK(rows.contains(id));
}

TEST_CASE("following while rows wait in the relay log applies them first", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    auto blocker = nodes[1].login("root", "");
    REQUIRE(blocker.query("LOCK TABLES app.t READ", milliseconds{1000}).has_value());
    auto app = nodes[0].login("app", "apppw");
    REQUIRE(app.query("INSERT INTO app.t VALUES (1, 'x')", milliseconds{5000}).has_value());
    nodes[0].kill();
    nodes.at(1).must(freeze_of(nodes[0]), 2);
    follow next;
    next.master = *endpoint::parse("10.91.0.9:3306");
    next.account = "repl_2";
    auto const early = nodes.at(1).ask(next, 2, milliseconds{500});
    CHECK_FALSE(early.done);
    CHECK(early.took < milliseconds{1500});
    REQUIRE(blocker.query("UNLOCK TABLES", milliseconds{1000}).has_value());
    nodes.at(1).must(next, 2);
    CHECK(lab::rows_of(nodes[1]).contains(1));
}

TEST_CASE("following elsewhere revives a stopped applier while the receiver runs",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    nodes[1].sql("STOP SLAVE SQL_THREAD");
    auto app = nodes[0].login("app", "apppw");
    REQUIRE(app.query("INSERT INTO app.t VALUES (1, 'x')", milliseconds{5000}).has_value());
    SECTION("a mere stop") {
        nodes.at(1).must(settle{});
        CHECK(lab::rows_of(nodes[1]).contains(1));
    }
    SECTION("an error stays, and so does the receiver") {
        auto session = nodes[1].login("root", "");
        REQUIRE(session.query("SET sql_log_bin=0", milliseconds{1000}).has_value());
        REQUIRE(session.query("INSERT INTO app.t VALUES (1, 'errant')", milliseconds{1000})
                    .has_value());
        nodes[1].sql("START SLAVE SQL_THREAD");
        nodes.at(1).await_facts(
            [](server_facts const& seen) { return seen.replica && seen.replica->applier_errno; });
        auto const kept = nodes.at(1).ask(settle{});
        CHECK_FALSE(kept.done);
        REQUIRE(kept.facts.replica);
        CHECK(kept.facts.replica->receiver == thread_state::running);
        REQUIRE(session.query("DELETE FROM app.t WHERE id=1", milliseconds{1000}).has_value());
        nodes[1].sql("START SLAVE SQL_THREAD");
        nodes.at(1).must(settle{});
        CHECK(lab::rows_of(nodes[1]).contains(1));
    }
}

TEST_CASE("a silent master is seen by the receiver, and what it sent is kept", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    CHECK(nodes[1].sql("SELECT @@slave_net_timeout") == "2");
    auto blocker = nodes[1].login("root", "");
    REQUIRE(blocker.query("LOCK TABLES app.t READ", milliseconds{1000}).has_value());
    auto app = nodes[0].login("app", "apppw");
    REQUIRE(app.query("INSERT INTO app.t VALUES (1, 'x')", milliseconds{5000}).has_value());
    nodes[0].signal(SIGSTOP);
    auto const seen = nodes.at(1).await_facts([](server_facts const& facts) {
        return facts.replica && facts.replica->receiver == thread_state::connecting;
    });
    WARN("the receiver gave a silent master up after " << seen << " ms");
    CHECK(seen < 4000);
    nodes.at(1).must(freeze_of(nodes[0]), 2);
    REQUIRE(blocker.query("UNLOCK TABLES", milliseconds{1000}).has_value());
    nodes.at(1).must(drain{}, 2);
    CHECK(lab::rows_of(nodes[1]).contains(1));
    nodes[0].signal(SIGCONT);
}
