// Orders on real servers that change one thing: writes, accounts, ackers, epochs.

#include "mariadb_lab_io.hpp"

#include "tasuki/mysql/dialect.hpp"

#include <catch2/catch.hpp>
#include <signal.h>

#include <fstream>

using namespace tasuki;
using namespace tasuki::mysql;
using lab::ms_since;

TEST_CASE("closing writes is bounded while a commit waits, and undone", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    nodes.at(1).must(freeze{nodes[0].address()});
    auto app = nodes[0].login("app", "apppw");
    app.begin("INSERT INTO app.t VALUES (1, 'x')");
    REQUIRE_FALSE(app.poll(milliseconds{100}));

    auto const failed = nodes.at(0).ask(close_writes{}, 1, milliseconds{1000});
    WARN("close_writes gave up after " << to_ms(failed.took) << " ms of 1000: " << failed.detail);
    CHECK_FALSE(failed.done);
    CHECK(failed.took < milliseconds{1800});
    CHECK(nodes[0].sql("SELECT @@read_only") == "0");
    CHECK_FALSE(app.poll(milliseconds{0}));

    auto const told = nodes.at(0).ask(follow{nodes[1].address(), "repl_1", false, false}, 1);
    CHECK_FALSE(told.done);
    nodes.at(1).must(unfreeze{});
    auto const released = app.poll(milliseconds{5000});
    REQUIRE(released);
    CHECK(released->has_value());
    auto const closed = nodes.at(0).must(close_writes{}, 1, milliseconds{1000});
    CHECK(closed.facts.read_only);
    auto late = nodes[0].login("app", "apppw");
    auto const refused = late.query("INSERT INTO app.t VALUES (2, 'x')", milliseconds{1000});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().number == sql_errno::option_prevents_statement);
    // No commit of our own slips in after the position was read.
    std::this_thread::sleep_for(milliseconds{300});
    CHECK(nodes.at(0).ask(survey{}).facts.binlog_position == closed.facts.binlog_position);
    CHECK_FALSE(nodes.at(0).ask(probe_commit{}).done);
    nodes.at(0).must(open_writes{});
    REQUIRE(late.query("INSERT INTO app.t VALUES (2, 'x')", milliseconds{1000}).has_value());
}

TEST_CASE("an agent that did not open a server commits nothing of its own", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    nodes.new_agent(0);
    nodes.at(0).await_facts([](server_facts const& seen) { return seen.condition == health::up; });
    auto const before = nodes.at(0).ask(survey{}).facts;
    REQUIRE_FALSE(before.read_only);
    auto const seen = nodes.at(0).facts_seen();
    while (nodes.at(0).facts_seen() < seen + 3)
        nodes.at(0).ask(survey{}); // each answer makes the prober look again
    CHECK(nodes.at(0).ask(survey{}).facts.binlog_position == before.binlog_position);
    CHECK_FALSE(nodes.at(0).ask(probe_commit{}).done);
    nodes.at(0).must(open_writes{});
    CHECK(nodes.at(0).must(probe_commit{}).done);
}

TEST_CASE("read_only itself is bounded behind a commit that waits", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.at(0).must(settle{});
    nodes.at(0).must(arm{true, {"repl_2"}});
    // Opened behind the agent's back and without the probe's table, nothing of ours waits.
    nodes[0].sql("SET GLOBAL read_only=0");
    auto app = nodes[0].login("app", "apppw");
    app.begin("INSERT INTO app.t VALUES (1, 'x')");
    REQUIRE_FALSE(app.poll(milliseconds{100}));
    for (auto const limit : {milliseconds{200}, milliseconds{1000}}) {
        auto const failed = nodes.at(0).ask(close_writes{}, 1, limit);
        WARN("read_only gave up after " << to_ms(failed.took) << " ms of " << limit.count());
        CHECK_FALSE(failed.done);
        CHECK(failed.detail.find("read_only waits behind") != std::string::npos);
        CHECK(failed.took < limit + milliseconds{800});
        CHECK(nodes[0].sql("SELECT @@read_only") == "0");
        CHECK_FALSE(app.poll(milliseconds{0}));
    }
    auto reader = nodes[0].login("app", "apppw");
    CHECK(reader.query("SELECT * FROM app.t", milliseconds{1000}).has_value());
}

TEST_CASE("writes are opened again when closing them fails half way", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    auto root = nodes[0].login("root", "");
    REQUIRE(root.query("SET sql_log_bin=0", milliseconds{1000}).has_value());
    REQUIRE(root.query("REVOKE CONNECTION ADMIN ON *.* FROM tasuki@localhost", milliseconds{1000})
                .has_value());
    nodes.new_agent(0);
    nodes.at(0).must(open_writes{});
    // It may write in spite of read_only, and cannot be ended.
    auto const failed = nodes.at(0).ask(close_writes{});
    CHECK_FALSE(failed.done);
    CHECK(failed.kind == failure::not_permitted);
    CHECK(failed.detail.find("GRANT CONNECTION ADMIN") != std::string::npos);
    CHECK(nodes[0].sql("SELECT @@read_only") == "0");
    auto app = nodes[0].login("app", "apppw");
    CHECK(app.query("INSERT INTO app.t VALUES (1, 'x')", milliseconds{3000}).has_value());
    CHECK(nodes.at(0).must(probe_commit{}).done);
}

TEST_CASE("closing writes ends a long writer and privileged sessions", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    auto app = nodes[0].login("app", "apppw");
    app.begin("INSERT INTO app.t SELECT 5 + SLEEP(20), 'x'");
    REQUIRE_FALSE(app.poll(milliseconds{400}));
    auto root = nodes[0].login("root", "");
    REQUIRE(root.query("SELECT 1", milliseconds{1000}).has_value());

    auto const found = nodes.at(0).ask(list_obstacles{});
    CHECK(found.done);
    CHECK(found.detail.find("root@localhost: may write in spite of read_only") !=
          std::string::npos);
    CHECK(found.detail.find("tasuki@") == std::string::npos);
    CHECK(found.detail.find("repl_2@") == std::string::npos);
    auto const closed = nodes.at(0).must(close_writes{}, 1, milliseconds{3000});
    WARN("close_writes against a long writer: " << to_ms(closed.took) << " ms");
    auto const ended = app.poll(milliseconds{1000});
    REQUIRE(ended);
    CHECK_FALSE(ended->has_value());
    CHECK_FALSE(root.query("SELECT 1", milliseconds{1000}).has_value());
}

TEST_CASE("a locked account stays out until it is unlocked", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(3);
    nodes.replicate();
    auto const before = nodes.at(0).ask(survey{}).facts;
    CHECK(before.connected_accounts == std::vector<std::string>{"repl_2", "repl_3"});
    auto const locked = nodes.at(0).must(lock_account{"repl_3"});
    WARN("lock_account: " << to_ms(locked.took) << " ms");
    CHECK(locked.facts.connected_accounts == std::vector<std::string>{"repl_2"});
    nodes.at(2).await_facts([](server_facts const& seen) {
        return seen.replica && seen.replica->receiver_errno == 4151;
    });
    CHECK(nodes.at(0).ask(survey{}).facts.connected_accounts == std::vector<std::string>{"repl_2"});
    // Neither was written to the binary log: the lock is the master's own.
    CHECK(nodes.at(0).ask(survey{}).facts.binlog_state.entries().size() == 1);
    nodes.at(0).must(unlock_account{"repl_3"});
    nodes.at(0).await_facts(
        [](server_facts const& seen) { return seen.connected_accounts.size() == 2; });
    auto const unknown = nodes.at(0).ask(lock_account{"repl_x"});
    CHECK_FALSE(unknown.done);
    CHECK(unknown.kind == failure::absent);
}

TEST_CASE("the acknowledging role follows the order, and the applier runs on", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(3);
    nodes.replicate();
    auto const off = nodes.at(2).must(set_acker{false});
    CHECK_FALSE(off.facts.replica_semi_sync);
    CHECK(off.facts.replica->applier_runs);
    nodes.at(0).await_facts([](server_facts const& seen) { return seen.semi_sync_clients == 1; });
    nodes.at(2).must(set_acker{true});
    nodes.at(0).must(await_ackers{2});
    nodes.at(0).must(disable_semi_sync{});
    CHECK_FALSE(nodes.at(0).ask(survey{}).facts.source_semi_sync);
    nodes.at(0).must(enable_semi_sync{});
    CHECK(nodes.at(0).ask(survey{}).facts.source_semi_sync);
    CHECK(nodes[0].sql("SELECT @@rpl_semi_sync_master_timeout") == "18446744073709551615");
    CHECK(nodes[0].sql("SELECT @@rpl_semi_sync_master_wait_point") == "AFTER_SYNC");
    CHECK(nodes.at(0).must(probe_commit{}).facts.durability_faults.empty());
    auto const none = nodes.at(0).ask(await_ackers{3}, 1, milliseconds{200});
    CHECK_FALSE(none.done);
    CHECK(none.kind == failure::timed_out);
}

TEST_CASE("an older epoch is refused and a newer one overtakes", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    await_position far;
    far.position = *gtid_list::parse("0-1-100000000");
    auto const slow = nodes.at(1).submit(far, 5, milliseconds{20'000});
    std::this_thread::sleep_for(milliseconds{100});
    auto const begun = lab::clock::now();
    auto const frozen = nodes.at(1).must(freeze{nodes[0].address()}, 6);
    WARN("a newer epoch overtook a running order in " << ms_since(begun) << " ms");
    CHECK(ms_since(begun) < 1000);
    auto const overtaken = nodes.at(1).await(slow);
    CHECK_FALSE(overtaken.done);
    CHECK(overtaken.kind == failure::refused);
    auto const older = nodes.at(1).ask(unfreeze{}, 5);
    CHECK_FALSE(older.done);
    CHECK(older.kind == failure::refused);
    CHECK(older.facts.replica->receiver == thread_state::stopped);
    CHECK(nodes.at(1).ask(survey{}, 1).done);

    // The next life of the agent knows the epoch from the disk.
    nodes.new_agent(1);
    CHECK(nodes.at(1).ask(unfreeze{}, 5).kind == failure::refused);
    nodes.at(1).must(unfreeze{}, 6);
    std::ofstream(nodes[1].folder() / "epoch") << "garbage\n";
    server_options options;
    options.epoch_path = nodes[1].folder() / "epoch";
    auto const broken = local_server::start(options, {});
    REQUIRE_FALSE(broken.has_value());
    CHECK(broken.error().kind == failure::invalid);
}

TEST_CASE("a failing order changes nothing and says the GRANT that is missing",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(1);
    server_options options;
    options.socket_path = nodes[0].socket();
    options.password = "tasukipw";
    auto const rich = check_server(options, milliseconds{2000});
    REQUIRE(rich.has_value());
    CHECK(rich->missing_grants.empty());
    CHECK(rich->faults.empty());
    options.user = "poor";
    options.password = "poorpw";
    auto const poor = check_server(options, milliseconds{2000});
    REQUIRE(poor.has_value());
    CHECK(poor->missing_grants.size() == 16);
    options.password = "wrong";
    auto const wrong = check_server(options, milliseconds{2000});
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().kind == failure::not_permitted);
    CHECK(wrong.error().text.find("wrong password") != std::string::npos);

    nodes[0].sql("REVOKE READ_ONLY ADMIN ON *.* FROM tasuki@localhost");
    nodes.new_agent(0);
    auto const refused = nodes.at(0).ask(open_writes{});
    CHECK_FALSE(refused.done);
    CHECK(refused.kind == failure::not_permitted);
    CHECK(refused.detail.find("GRANT READ_ONLY ADMIN ON *.* TO 'tasuki'@'localhost'") !=
          std::string::npos);
    nodes[0].sql("SET GLOBAL sync_binlog=0");
    options.user = "tasuki";
    options.password = "tasukipw";
    auto const faulty = check_server(options, milliseconds{2000});
    REQUIRE(faulty.has_value());
    REQUIRE(faulty->faults.size() == 1);
    CHECK(faulty->faults[0].find("sync_binlog=0") == 0);
    CHECK(faulty->missing_grants ==
          std::vector<std::string>{"GRANT READ_ONLY ADMIN ON *.* TO 'tasuki'@'localhost'"});
}

TEST_CASE("arming locks out every replica that is not named", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(3);
    nodes.replicate();
    CHECK(nodes.at(0).ask(survey{}).facts.connected_accounts.size() == 2);
    auto const armed = nodes.at(0).must(arm{true, {"repl_2"}});
    CHECK(armed.facts.connected_accounts == std::vector<std::string>{"repl_2"});
    nodes.at(2).await_facts([](server_facts const& seen) {
        return seen.replica && seen.replica->receiver_errno == 4151;
    });
    nodes.at(0).must(arm{true, {"repl_2", "repl_3"}});
    nodes.at(0).await_facts(
        [](server_facts const& seen) { return seen.connected_accounts.size() == 2; });
}

TEST_CASE("an order that expired in the queue is not begun", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.at(0).must(settle{});
    await_position far;
    far.position = *gtid_list::parse("0-1-100000000");
    nodes.at(1).must(follow{nodes[0].address(), "repl_2", false, false});
    auto const slow = nodes.at(1).submit(far, 1, milliseconds{1500});
    auto const late = nodes.at(1).submit(set_acker{true}, 1, milliseconds{300});
    CHECK(nodes.at(1).await(slow).kind == failure::timed_out);
    auto const expired = nodes.at(1).await(late);
    CHECK_FALSE(expired.done);
    CHECK(expired.kind == failure::timed_out);
    CHECK(expired.detail.find("it was not begun") != std::string::npos);
    CHECK_FALSE(expired.facts.replica_semi_sync);
}

TEST_CASE("writes stay closed until used numbers are skipped for certain", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    nodes.at(0).must(close_writes{});
    nodes.at(1).must(freeze{nodes[0].address()});
    auto root = nodes[0].login("root", "");
    // A backup's lock keeps the commit out of the binary log.
    REQUIRE(root.query("FLUSH TABLES WITH READ LOCK", milliseconds{5000}).has_value());
    auto const held = nodes.at(0).ask(open_writes{});
    CHECK_FALSE(held.done);
    CHECK(held.detail.find("could not be skipped") != std::string::npos);
    CHECK(nodes[0].sql("SELECT @@read_only") == "1");
    REQUIRE(root.query("UNLOCK TABLES", milliseconds{1000}).has_value());
    // Nobody acknowledges: what counts is that the number stands in the binary log.
    auto const opened = nodes.at(0).must(open_writes{});
    CHECK(opened.facts.waiting_for_ack > 0);
    CHECK(nodes[0].sql("SELECT @@read_only") == "0");
    CHECK(nodes.at(0).must(open_writes{}).done);
}

TEST_CASE("an answer without facts read for it is not done", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(1);
    nodes.at(0).await_facts([](server_facts const& seen) { return seen.condition == health::up; });
    auto const fresh = nodes.at(0).must(survey{});
    CHECK(fresh.facts_age == duration::zero());
    nodes[0].signal(SIGSTOP);
    auto const stale = nodes.at(0).ask(survey{}, 1, milliseconds{500});
    nodes[0].signal(SIGCONT);
    CHECK_FALSE(stale.done);
    CHECK(stale.kind == failure::timed_out);
    CHECK(stale.facts_age > duration::zero());
    CHECK(stale.facts.life == fresh.facts.life);
}
