#include "tasuki/mysql/switchover.hpp"

#include "scene.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;
using namespace tasuki::mysql::scene;

namespace {

using rotation =
    stage<switchover::state, switchover::event, switchover::policy, switchover::outcome>;

struct group {
    group()
        : servers(members()) {
        servers.set_up(db1, {db2, db3});
        record.reached = milestone::open;
        record.now.master = db1;
        for (node_id const node : {db2, db3})
            record.now.ackers.push_back({node, servers.facts_of(node).life});
        for (int i = 0; i < 5; ++i) {
            servers.commit(db1);
            servers.receive(db2);
            servers.receive(db3);
        }
    }
    switchover::begin begin() const {
        switchover::begin input;
        input.under = epoch{4};
        input.self = db1;
        input.members = members();
        input.recorded = record;
        return input;
    }
    played play(switchover::begin const& input, std::vector<mishap> mishaps = {},
                std::function<void()> between = {}) {
        rotation one(servers, switchover::step, switchover::next_wake);
        one.mishaps = std::move(mishaps);
        one.between = std::move(between);
        one.tell(input);
        one.run();
        last = one.state;
        return one.result;
    }
    model::cluster servers;
    journal_entry record;
    switchover::state last;
};

constexpr node_id lb1{11};
constexpr node_id lb2{12};

/// A switchover that waits for two balancers; times in milliseconds since it began to.
struct holding {
    holding() {
        auto input = here.begin();
        input.balancers = {lb1, lb2};
        play.tell(input);
        while (play.state.at != switchover::phase::hold)
            play.run(milliseconds{1});
        began = play.now;
    }
    void at(int ms, node_id by, unsigned sessions) {
        tick(ms);
        play.tell(switchover::held{by, sessions});
    }
    void tick(int ms) {
        play.now = began + milliseconds{ms};
        play.tell(mysql::tick{});
    }
    group here;
    rotation play{here.servers, switchover::step, switchover::next_wake};
    instant began;
};

} // namespace

TEST_CASE("switchover: the old master is closed and everything is on its successor",
          "[switchover]") {
    group here;
    auto const seen = here.play(here.begin());
    REQUIRE(seen.verdict);
    INFO(seen.verdict->text);
    CHECK(seen.verdict->how == conclusion::hand_over);
    CHECK(seen.verdict->successor == db2);
    CHECK(seen.verdict->position == here.servers.at(db1).binlog.position());
    CHECK(here.servers.at(db1).read_only);
    for (auto const& promise : here.servers.acknowledged())
        CHECK(here.servers.has(db2, promise.what));
    REQUIRE(seen.journal.size() == 1);
    CHECK(seen.journal[0].reached == milestone::closed);
    CHECK(seen.journal[0].chosen == db2);
    CHECK(seen.journal[0].promotion == seen.verdict->position);
    CHECK(seen.journal[0].now == here.record.now);
    CHECK(seen.place_of("list_obstacles db1") < seen.place_of("close_writes db1"));
    CHECK(seen.place_of("await_position db2") < seen.place_of("close_writes db1"));
}

TEST_CASE("switchover: a dry run shows the plan and changes nothing", "[switchover]") {
    group here;
    auto input = here.begin();
    input.dry_run = true;
    input.to = db3;
    auto const seen = here.play(input);
    CHECK(seen.verdict->how == conclusion::done);
    CHECK(seen.journal.empty());
    CHECK_FALSE(seen.has_asked("close_writes db1"));
    REQUIRE(here.last.shown);
    CHECK(here.last.shown->to == db3);
    CHECK(here.last.shown->before.master == db1);
    CHECK(here.last.shown->before.replicas == std::vector{db2, db3});
    CHECK(here.last.shown->after.master == db3);
    CHECK(here.last.shown->after.replicas == std::vector{db2, db1});
    CHECK(here.last.shown->steps.size() >= 5);
    CHECK(seen.has_noted("point of no return"));
}

TEST_CASE("switchover: who cannot take over is refused with the reason", "[switchover]") {
    struct row {
        std::string part;
        std::function<void(group&, switchover::begin&)> spoil;
    };
    for (row const &each : std::vector<row>{
             {"never_master",
              [](group&, switchover::begin&b) { b.members[1].never_master = true; }},
             {"standby", [](group&, switchover::begin&b) { b.standby.insert(db2); }},
             {"does not answer", [](group&, switchover::begin&b) { b.silent.insert(db2); }},
             {"is down", [](group&g, switchover::begin&) { g.servers.crash(db2); }},
             {"does not replicate",
              [](group&g, switchover::begin&) { g.servers.at(db2).master.reset(); }},
             {"stopped applier",
              [](group&g, switchover::begin&) { g.servers.at(db2).applier_errno = 1062; }},
             {"receiver that is",
              [](group&g, switchover::begin&) { g.servers.cut(db1, db2, true); }},
             {"does not have",
              [](group&g, switchover::begin&) {
                  g.servers.at(db2).binlog = {{0, 2, 9}};
              }},
             {"not another member", [](group&, switchover::begin&b) { b.to = node_id{9}; }},
             {"not another member", [](group&, switchover::begin&b) { b.to = db1; }},
             {"not the recorded master",
              [](group&, switchover::begin&b) { b.recorded.now.master = db3; }},
             {"read-only already",
              [](group&g, switchover::begin&) { g.servers.at(db1).read_only = true; }},
         }) {
        INFO(each.part);
        group here;
        auto input = here.begin();
        input.to = db2;
        each.spoil(here, input);
        auto const seen = here.play(input);
        REQUIRE(seen.verdict);
        INFO(seen.verdict->text);
        CHECK(seen.verdict->how == conclusion::refused);
        CHECK(seen.verdict->text.find(each.part) != std::string::npos);
        CHECK_FALSE(seen.has_asked("close_writes db1"));
    }
}

TEST_CASE("switchover: without a wish the next fit one takes over, or nobody", "[switchover]") {
    group here;
    here.servers.crash(db2);
    CHECK(here.play(here.begin()).verdict->successor == db3);
    group nobody;
    nobody.servers.crash(db2);
    nobody.servers.crash(db3);
    auto const seen = nobody.play(nobody.begin());
    CHECK(seen.verdict->how == conclusion::refused);
    CHECK(seen.verdict->text.find("nobody can take over: db2") != std::string::npos);
}

TEST_CASE("switchover: each answer that fails or never comes is undone before the point of no "
          "return",
          "[switchover]") {
    struct row {
        mishap what;
        conclusion end;
        std::string part;
        bool open;
    };
    auto const failed = fate::failed;
    auto const lost = fate::lost;
    auto const refused = conclusion::refused;
    auto const aborted = conclusion::aborted;
    auto const handed = conclusion::hand_over;
    for (row const& each : std::vector<row>{
             {{"survey", db1, failed}, refused, "stopped answering", true},
             {{"survey", db1, lost}, refused, "answer", true},
             {{"survey", db2, lost}, handed, "db3 takes over", false},
             {{"list_obstacles", db1, failed}, handed, "takes over", false},
             {{"list_obstacles", db1, lost}, handed, "takes over", false},
             {{"await_position", db2, failed}, refused, "cannot catch up", true},
             {{"await_position", db2, lost}, refused, "did not come near", true},
             {{"await_position", db2, failed, failure::broken, 1}, refused, "did not reach", true},
             {{"await_position", db2, lost, failure::broken, 1}, refused, "did not reach", true},
             {{"close_writes", db1, failed}, refused, "writes are open again", true},
             {{"close_writes", db1, lost}, refused, "writes are open again", true},
             {{"journal closed", node_id{}, failed}, aborted, "stay closed", false},
             {{"journal closed", node_id{}, lost}, aborted, "stay closed", false},
         }) {
        INFO(each.what.operation << " on db" << each.what.node.value() << ", fate "
                                 << static_cast<int>(each.what.what));
        group here;
        auto const seen = here.play(here.begin(), {each.what});
        REQUIRE(seen.verdict);
        INFO(seen.verdict->text);
        CHECK(seen.verdict->how == each.end);
        CHECK(seen.verdict->text.find(each.part) != std::string::npos);
        CHECK(here.servers.at(db1).read_only != each.open);
        // It must not say that it is open without having seen it.
        bool const known = each.what.operation != "survey" || each.what.node != db1;
        CHECK(seen.verdict->writes_open == (each.open && known));
    }
}

TEST_CASE("switchover: an undoing that is not confirmed is said", "[switchover]") {
    for (fate const how : {fate::failed, fate::lost}) {
        group here;
        auto const seen =
            here.play(here.begin(), {{"await_position", db2, fate::failed, failure::broken, 1},
                                     {"open_writes", db1, how}});
        CHECK(seen.verdict->how == conclusion::aborted);
        CHECK(seen.verdict->text.find("may be read-only") != std::string::npos);
        CHECK_FALSE(seen.verdict->writes_open);
    }
}

TEST_CASE("switchover: a try that fails lets writes flow before the next", "[switchover]") {
    group here;
    rotation one(here.servers, switchover::step, switchover::next_wake);
    one.mishaps = {{"close_writes", db1, fate::failed}};
    int tries = 0;
    one.between = [&] {
        if (++tries > 1)
            one.mishaps.clear();
    };
    one.tell(here.begin());
    auto const seen = one.run();
    CHECK(seen.verdict->how == conclusion::hand_over);
    CHECK(seen.place_of("close_writes db1") < seen.place_of("open_writes db1"));
}

TEST_CASE("switchover: balancers that follow are told, and have time, before it closes",
          "[switchover][hold]") {
    group here;
    auto input = here.begin();
    input.balancers = {lb1};
    auto const seen = here.play(input);
    CHECK(seen.verdict->how == conclusion::hand_over);
    auto const told = std::find(seen.notes.begin(), seen.notes.end(),
                                "hold: balancers begin no more transactions here");
    REQUIRE(told != seen.notes.end());
    CHECK(std::find_if(seen.notes.begin(), told,
                       [](auto const& line) { return line.starts_with("close"); }) == told);
    CHECK(seen.has_noted("not every balancer has told what it has left here"));
    auto const without = here.play(here.begin());
    CHECK(std::none_of(without.notes.begin(), without.notes.end(),
                       [](auto const& line) { return line.starts_with("hold"); }));
}

TEST_CASE("switchover: it closes at once when no balancer has a session left",
          "[switchover][hold]") {
    holding one;
    one.at(10, lb1, 3);
    one.at(20, db2, 0); // no balancer of the group
    one.at(30, lb2, 0);
    CHECK(one.play.state.at == switchover::phase::hold);
    one.at(40, lb1, 0);
    CHECK(one.play.state.at == switchover::phase::close);
    CHECK(one.play.result.has_noted("balancers have no session left here"));
}

TEST_CASE("switchover: it waits as long as sessions leave, but not for ever",
          "[switchover][hold]") {
    SECTION("each that leaves prolongs it") {
        holding one;
        one.at(0, lb2, 0);
        for (auto left : {9U, 8U, 7U})
            one.at(140 * (10 - static_cast<int>(left)), lb1, left);
        one.at(140 * 3 + 149, lb1, 7); // no news
        CHECK(one.play.state.at == switchover::phase::hold);
        one.tick(140 * 3 + 150);
        CHECK(one.play.state.at == switchover::phase::close);
        CHECK(one.play.result.has_noted("balancers have sessions left here: 7"));
    }
    SECTION("who holds on is not waited for") {
        holding one;
        one.at(0, lb2, 0);
        one.at(100, lb1, 3);
        one.at(249, lb1, 3);
        CHECK(one.play.state.at == switchover::phase::hold);
        one.tick(250);
        CHECK(one.play.state.at == switchover::phase::close);
    }
    SECTION("a second in all") {
        holding one;
        for (int each = 0; each < 10; ++each)
            one.at(100 * each, lb1, static_cast<unsigned>(100 - each));
        one.tick(999);
        CHECK(one.play.state.at == switchover::phase::hold);
        one.tick(1000);
        CHECK(one.play.state.at == switchover::phase::close);
    }
}

TEST_CASE("switchover: what balancers tell at another time means nothing", "[switchover][hold]") {
    group here;
    auto input = here.begin();
    input.balancers = {lb1};
    rotation one(here.servers, switchover::step, switchover::next_wake);
    one.tell(switchover::held{lb1, 0});
    one.tell(input);
    one.tell(switchover::held{lb1, 0}); // of the switchover before
    CHECK(one.run().verdict->how == conclusion::hand_over);
    CHECK(one.result.has_noted("not every balancer has told"));
    one.tell(switchover::held{lb1, 0});
    CHECK(one.state.at == switchover::phase::finished);
}

TEST_CASE("switchover: commits that wait keep it from closing", "[switchover]") {
    group here;
    here.servers.at(db2).acknowledges = here.servers.at(db3).acknowledges = false;
    here.servers.commit(db1);
    auto const seen = here.play(here.begin());
    CHECK(seen.verdict->how == conclusion::refused);
    CHECK_FALSE(here.servers.at(db1).read_only);
    CHECK(here.servers.at(db1).waiting.size() == 1);
}

TEST_CASE("switchover: a candidate that never comes near ends it with writes untouched",
          "[switchover]") {
    group here;
    auto const seen =
        here.play(here.begin(), {{"await_position", db2, fate::failed, failure::timed_out}});
    CHECK(seen.verdict->how == conclusion::refused);
    CHECK(seen.verdict->text.find("did not come near in 60000 ms") != std::string::npos);
    CHECK_FALSE(seen.has_asked("close_writes db1"));
}
