// Health and death of real servers: told apart, in time, and never guessed.

#include "mariadb_lab_io.hpp"

#include <catch2/catch.hpp>
#include <signal.h>

#include <algorithm>

using namespace tasuki;
using namespace tasuki::mysql;
using lab::ms_since;

namespace {

bool is_up(server_facts const& seen) {
    return seen.condition == health::up;
}

} // namespace

TEST_CASE("death of mysqld is seen at once and a closed connection is no death",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(1);
    nodes.at(0).await_facts(is_up);
    auto const life = nodes.at(0).facts().life;
    REQUIRE(life.is_set());

    auto root = nodes[0].login("root", "");
    auto const sessions = root.query("SELECT ID FROM information_schema.PROCESSLIST "
                                     "WHERE USER='tasuki'",
                                     milliseconds{1000});
    REQUIRE(sessions.has_value());
    CHECK(sessions->rows.size() >= 3);
    for (row const& line : sessions->rows)
        REQUIRE(root.query("KILL " + *line[0], milliseconds{1000}).has_value());
    CHECK(nodes.at(0).ask(survey{}).done);
    CHECK(nodes.at(0).ask(settle{}).done);
    std::this_thread::sleep_for(milliseconds{300});
    CHECK(nodes.at(0).gone().empty());

    auto const killed = lab::clock::now();
    nodes[0].signal(SIGKILL);
    nodes.at(0).await_facts(
        [](server_facts const& seen) { return seen.condition == health::down; });
    // The prober may see the closed socket before the process has come to its end.
    while (nodes.at(0).gone().empty() && ms_since(killed) < 2000)
        std::this_thread::sleep_for(milliseconds{1});
    auto const gone = nodes.at(0).gone();
    REQUIRE(gone.size() == 1);
    CHECK(gone.begin()->first == life);
    WARN("on_gone after SIGKILL: " << to_ms(gone.begin()->second - killed) << " ms");
    CHECK(gone.begin()->second - killed < milliseconds{300});
    auto const unanswered = nodes.at(0).ask(open_writes{});
    CHECK_FALSE(unanswered.done);
    CHECK(unanswered.kind == failure::unavailable);

    nodes[0].kill();
    nodes[0].start();
    nodes[0].await_up();
    nodes.at(0).await_facts(is_up);
    CHECK(nodes.at(0).facts().life != life);
    CHECK(nodes.at(0).ask(settle{}).done);
}

TEST_CASE("a stopped mysqld hangs, is killed by order, and a running one is up again",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(1);
    nodes.at(0).await_facts(is_up);
    nodes[0].signal(SIGSTOP);
    auto const seen = nodes.at(0).await_facts(
        [](server_facts const& facts) { return facts.condition == health::hanging; });
    WARN("SIGSTOP seen as hanging after " << seen << " ms (timeout 300, interval 50)");
    auto const stuck = nodes.at(0).ask(open_writes{}, 1, milliseconds{400});
    CHECK_FALSE(stuck.done);
    CHECK(stuck.took < milliseconds{2500});
    SECTION("it goes on") {
        nodes[0].signal(SIGCONT);
        nodes.at(0).await_facts(is_up);
        CHECK(nodes.at(0).gone().empty());
    }
    SECTION("it is killed by an order, and only by one of the newest epoch") {
        CHECK(nodes.at(0).ask(kill_server{}, 0).kind == failure::refused);
        auto const ended = nodes.at(0).must(kill_server{}, 2);
        WARN("kill_server of a stopped mysqld: " << to_ms(ended.took) << " ms");
        CHECK(ended.facts.condition == health::down);
        nodes.at(0).await_facts(
            [](server_facts const& facts) { return facts.condition == health::down; });
        while (nodes.at(0).gone().empty() && ended.took < milliseconds{3000})
            std::this_thread::sleep_for(milliseconds{1});
        CHECK(nodes.at(0).gone().size() == 1);
        CHECK(nodes.at(0).must(kill_server{}, 2).done);
    }
}

TEST_CASE("commits that wait for an acknowledgement are named, and the facts go on",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    nodes.at(0).await_facts(is_up);
    nodes.at(1).must(freeze{nodes[0].address()});
    auto const seen = nodes.at(0).await_facts([](server_facts const& facts) {
        return facts.condition == health::waiting_for_ack && facts.waiting_for_ack > 0;
    });
    WARN("lost acker seen by the hanging probe after " << seen << " ms");
    auto const count = nodes.at(0).facts_seen();
    CHECK(nodes.at(0).must(survey{}).took < milliseconds{200});
    auto const unacknowledged = nodes.at(0).ask(probe_commit{}, 1, milliseconds{200});
    CHECK_FALSE(unacknowledged.done);
    CHECK(unacknowledged.kind == failure::timed_out);
    nodes.at(0).must(lock_account{"repl_2"});
    nodes.at(0).must(unlock_account{"repl_2"});
    auto const more = lab::clock::now();
    while (nodes.at(0).facts_seen() < count + 3 && ms_since(more) < 3000)
        std::this_thread::sleep_for(milliseconds{10});
    CHECK(nodes.at(0).facts_seen() >= count + 3);
    nodes.at(1).must(unfreeze{});
    nodes.at(0).must(await_ackers{1});
    // What was received but not acknowledged is not sent again: another commit brings the answer.
    CHECK(nodes.at(0).must(probe_commit{}).took < milliseconds{1000});
    nodes.at(0).await_facts(is_up);
}

TEST_CASE("what nobody acknowledged in time is acknowledged again, though nothing can be written",
          "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    nodes.replicate();
    nodes.at(0).await_facts(is_up);
    nodes.at(1).must(set_acker{false}); // it goes on receiving: nothing will be sent again
    auto one = nodes[0].login("app", "apppw");
    auto two = nodes[0].login("app", "apppw");
    one.begin("INSERT INTO app.t VALUES (1, 'x')");
    REQUIRE_FALSE(one.poll(milliseconds{200}));
    two.begin("INSERT INTO app.t VALUES (2, 'x')");
    REQUIRE_FALSE(two.poll(milliseconds{200}));
    auto const position = nodes.at(0).ask(survey{}).facts.binlog_position;
    auto const again = repeat_ack{nodes[0].address(), "repl_2", position};
    CHECK_FALSE(nodes.at(1).ask(again).done); // not an acker
    nodes.at(1).must(set_acker{true});
    REQUIRE_FALSE(one.poll(milliseconds{300}));
    auto const beyond = nodes.at(1).ask(
        repeat_ack{nodes[0].address(), "repl_2", gtid_list::of({{0, 1, 999'999'999}})}, 1,
        milliseconds{300});
    CHECK_FALSE(beyond.done);
    CHECK_FALSE(one.poll(milliseconds{100}));
    WARN("acknowledged again after " << to_ms(nodes.at(1).must(again).took) << " ms");
    for (auto* each : {&one, &two}) {
        auto const answered = each->poll(milliseconds{2000});
        REQUIRE(answered);
        CHECK(answered->has_value());
    }
    CHECK(nodes.at(0).must(probe_commit{}).took < milliseconds{1000});
}

TEST_CASE("a source that cannot stream from a position acknowledges nothing", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(1);
    auto const as_replica = [&](std::string const& file, std::uint64_t position) {
        auto one = nodes[0].login("repl_2", "replpw");
        return one.acknowledge(file, position, 77, milliseconds{1000});
    };
    CHECK_FALSE(as_replica("binlog.999999", 4).has_value());
    CHECK(as_replica("binlog.000001", 4).has_value());
    CHECK_FALSE(as_replica("binlog.000001", (std::uint64_t{1} << 32U) + 4).has_value());
}

TEST_CASE("wrong password, too many sessions and a lock are told apart", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(2);
    SECTION("wrong password") {
        lab::agent stranger(nodes[0], "wrong");
        stranger.await_facts(
            [](server_facts const& facts) { return facts.condition == health::refused; });
        auto const faults = stranger.facts().durability_faults;
        REQUIRE(faults.size() == 2);
        CHECK(faults[1].find("wrong password") == 0);
        auto const refused = stranger.ask(open_writes{});
        CHECK(refused.kind == failure::not_permitted);
    }
    SECTION("too many sessions") {
        nodes.drop_agent(0);
        nodes[0].sql("SET GLOBAL max_connections=10");
        std::vector<connection> crowd;
        // One more than the limit is kept for administrators: somebody takes that, too.
        nodes[0].sql("GRANT CONNECTION ADMIN ON *.* TO app@'%'");
        for (int index = 0; index < 11; ++index) {
            connect_options options;
            options.socket_path = nodes[0].socket();
            options.user = "app";
            options.password = "apppw";
            auto opened = connection::open(options);
            if (opened)
                crowd.push_back(std::move(*opened));
        }
        lab::agent late(nodes[0]);
        late.await_facts([](server_facts const& facts) { return facts.condition == health::full; });
        crowd.clear();
        late.await_facts(is_up);
    }
    SECTION("a backup's lock holds the commits up") {
        nodes.replicate();
        auto root = nodes[0].login("root", "");
        REQUIRE(root.query("FLUSH TABLES WITH READ LOCK", milliseconds{5000}).has_value());
        std::this_thread::sleep_for(milliseconds{600});
        nodes.at(0).await_facts([](server_facts const& facts) {
            return facts.condition == health::up && !facts.durability_faults.empty() &&
                   facts.durability_faults.back().find("held up by a lock") != std::string::npos;
        });
        REQUIRE(root.query("UNLOCK TABLES", milliseconds{1000}).has_value());
        nodes.at(0).await_facts([](server_facts const& facts) {
            return facts.condition == health::up && facts.durability_faults.empty();
        });
    }
}
