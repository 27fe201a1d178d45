// A failover by hand: what it may overrule, for how long, and what is told when it fails.
#include "master_on_a.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

/// The master went on without ackers and has died; b is back and lacks what was written meanwhile.
struct dead_master : master_on_a {
    dead_master() {
        make_degraded();
        servers().commit(a);
        crash_server("a");
        run(milliseconds{300});
    }
    void revive_b() {
        boot_server("b");
        run(milliseconds{300});
    }
    [[nodiscard]] answer_operator force(std::string const& at, bool allow_loss,
                                        bool dry_run = false) {
        return ask(at, ask_failover{id, b, allow_loss, dry_run, "a is broken"});
    }
};

} // namespace

TEST_CASE("force: the holder of a dead master lets go of it by the operator's word", "[agent]") {
    dead_master on;
    on.revive_b();
    REQUIRE(on.role("a") == election::role::active);
    CHECK(on.force("b", true).forward_to == a);
    CHECK(on.force("c", true).forward_to == a);
    CHECK(on.force("a", true, true).plan.has_value());
    CHECK(on.role("a") == election::role::active);
    CHECK(on.force("a", true).accepted);
    CHECK(on.takes_over("b", seconds{15}));
    CHECK(on.record("b").loss_accepted);
    CHECK_FALSE(permission_of(on.record("b"), 0));
    auto const& end = on.notes().back();
    CHECK(end.result == "done");
    CHECK(end.kind == "failover");
    CHECK_FALSE(end.automatic);
    CHECK(end.to == b);
}

TEST_CASE("force: without the word for it nothing is lost", "[agent]") {
    dead_master on;
    on.revive_b();
    CHECK(on.force("a", false).accepted);
    CHECK(on.run_until([&] { return on.has_noted("refused", b); }, seconds{15}));
    on.run(seconds{5});
    CHECK(on.holder().empty());
    CHECK_FALSE(permission_of(on.record("b"), 0)); // used up
}

TEST_CASE("force: the holder says why the chosen node cannot take over", "[agent]") {
    dead_master on;
    auto const got = on.force("a", true);
    CHECK(got.code == "no_candidate");
    CHECK(got.text == "b has a server that is down");
    on.boot_server("a");
    on.run(seconds{2});
    on.revive_b();
    CHECK(on.force("a", true).code == "holder_alive");
}

TEST_CASE("force: a dead master without a successor names the way out", "[agent]") {
    dead_master on;
    std::vector<effect> none;
    outbox letters;
    auto const ready = on.group_of("a").readiness(on.at("a").agent->look(on.time(), none, letters));
    CHECK_FALSE(ready.failover);
    CHECK(ready.reasons.back().find("tasuki failover db --to NODE --allow-loss") !=
          std::string::npos);
}

TEST_CASE("force: a successor that does not come ends the operation, and its permission",
          "[agent]") {
    dead_master on;
    on.revive_b();
    CHECK(on.force("a", true).accepted);
    on.cut("b", "a");
    on.cut("b", "c");
    on.run(seconds{31});
    CHECK(on.has_noted("failed", a));
    on.heal();
    on.run(seconds{10});
    CHECK(on.holder().empty());
    CHECK(on.count_orders("b", "open_writes") == 0);
}

TEST_CASE("force: a permission that finds no majority is void after a while", "[agent]") {
    dead_master on;
    on.revive_b();
    on.crash("a");
    on.run(seconds{3});
    REQUIRE(on.force("b", true).accepted);
    on.cut("b", "c");
    on.run(seconds{31});
    CHECK(on.has_noted("failed", b));
    on.heal();
    on.run(seconds{10});
    CHECK(on.holder().empty());
    CHECK(on.count_orders("b", "open_writes") == 0);
}

TEST_CASE("force: it is refused without a majority, and where the node cannot stand", "[agent]") {
    dead_master on;
    on.crash("a");
    on.run(seconds{3});
    for (bool const dry_run : {true, false}) {
        auto const unfit = on.force("b", true, dry_run);
        CHECK(unfit.code == "not_eligible");
        CHECK(unfit.text == "the local mysqld is down");
    }
    on.revive_b();
    on.crash("c");
    on.run(seconds{3});
    for (bool const dry_run : {true, false})
        CHECK(on.force("b", true, dry_run).code == "no_quorum");
}

namespace {

struct two_alone : cluster {
    two_alone()
        : cluster([] {
            auto of = with_mysql();
            of.members = {"a", "b"};
            return of;
        }()) {
        remember_first_record("a");
        start_all();
        REQUIRE(run_until([&] { return ackers_of(*this, "a") == 1; }, seconds{5}));
        run(seconds{1});
    }
};

} // namespace

TEST_CASE("force: two voters alone never promote by themselves", "[agent]") {
    two_alone on;
    REQUIRE(on.holder() == "a");
    on.crash_server("a");
    on.run(seconds{10});
    CHECK(on.count_trace("mysqld_died") == 0);
    CHECK(on.count_orders("b", "open_writes") == 0);
    CHECK(on.ask("a", ask_failover{on.id, b, false, false, "by hand"}).accepted);
    CHECK(on.run_until([&] { return on.holder() == "b"; }, seconds{15}));
    CHECK(on.violations().empty());
}

TEST_CASE("force: two voters alone switch over when they are asked to", "[agent]") {
    two_alone on;
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "by hand"}).accepted);
    CHECK(on.run_until([&] { return on.holder() == "b"; }, seconds{5}));
    CHECK(on.violations().empty());
}

TEST_CASE("force: a master that cannot go on standby yet is not tried again at once", "[agent]") {
    master_on_a on;
    on.servers().cut(a, b, true);
    on.servers().cut(a, c, true);
    CHECK(on.ask("a", ask_standby{on.id, a, true, "new disk"}).accepted);
    on.run(seconds{2});
    auto const refused = std::count_if(on.notes().begin(), on.notes().end(), [](auto const& each) {
        return each.kind == "switchover" && each.result == "refused";
    });
    CHECK(refused == 1);
    std::vector<effect> none;
    outbox letters;
    auto const ready = on.group_of("a").readiness(on.at("a").agent->look(on.time(), none, letters));
    REQUIRE_FALSE(ready.reasons.empty());
    CHECK(ready.reasons.back().find("a is to go on standby and could not yet") == 0);
    CHECK(ready.reasons.back().find("receiver") != std::string::npos);
}
