// A group with MySQL: three real nodes over model servers, from the first opening to every way in
// which the master can be lost.
#include "master_on_a.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

TEST_CASE("group: the address follows the open master, protected by all others", "[agent]") {
    master_on_a on;
    CHECK_FALSE(on.servers().at(a).read_only);
    CHECK(on.servers().at(a).source_semi_sync);
    CHECK(on.record("b").master == a);
    CHECK(on.group_of("a").data()->state() == service::open);
    CHECK(on.group_of("b").data()->state() == service::closed);
}

TEST_CASE("group: while the master does not open, the address does not come", "[agent]") {
    cluster on{with_mysql()};
    on.swallows = [](std::string const&, mysql::order const& what) {
        return std::holds_alternative<mysql::open_writes>(what.what);
    };
    on.remember_first_record("a");
    on.start_all();
    CHECK(on.run_until([&] { return on.is_active("a"); }, seconds{2}));
    CHECK(on.run_until([&] { return on.count_orders("a", "open_writes") > 0; }, seconds{2}));
    on.run(seconds{2});
    CHECK(on.count_trace("the address is here") == 0);
}

TEST_CASE("group: without a record no master is ever promoted", "[agent]") {
    cluster on{with_mysql()};
    on.servers().set_up(a, {});
    on.start_all();
    on.run(seconds{30});
    CHECK(on.orders().empty());
    CHECK(on.holder().empty());
}

TEST_CASE("group: a dead machine's commits are all on its successor", "[agent]") {
    master_on_a on;
    on.commit_some(20);
    REQUIRE(on.servers().acknowledged().size() >= 20);
    on.crash("a");
    CHECK(on.takes_over("b", seconds{4}));
    CHECK(on.lost_on(b) == 0);
    CHECK_FALSE(on.servers().at(b).read_only);
    CHECK(on.record("b").master == b);
}

TEST_CASE("group: mysqld's death releases to the replica that is ready", "[agent]") {
    master_on_a on;
    on.commit_some(5);
    on.crash_server("a");
    CHECK(on.takes_over("b", milliseconds{100}));
    CHECK(on.lost_on(b) == 0);
    CHECK(on.count_trace("mysqld_died") == 1);
    on.boot_server("a");
    CHECK(on.run_until([&] { return ackers_of(on, "b") == 2; }, seconds{30})); // a is a replica
    CHECK(on.holder() == "b");
}

TEST_CASE("group: mysqld's death releases nothing that nobody could take", "[agent]") {
    master_on_a on;
    SECTION("because nothing is protected") {
        on.make_degraded();
    }
    SECTION("because the group is paused") {
        CHECK(on.ask("a", ask_pause{on.id, true, 0, "repair"}).accepted);
    }
    on.crash_server("a");
    on.run(seconds{5});
    CHECK(on.role("a") == election::role::active);
    CHECK(on.count_trace("mysqld_died") == 0);
    on.boot_server("a"); // and it opens again where it was
    CHECK(on.run_until([&] { return on.holder() == "a" && !on.servers().at(a).read_only; },
                       seconds{10}));
}

TEST_CASE("group: a hanging mysqld is ended when somebody can take over", "[agent]") {
    master_on_a on;
    on.at("a").health = mysql::health::hanging;
    CHECK(on.run_until([&] { return on.count_orders("a", "kill_server") > 0; }, seconds{1}));
    on.at("a").health.reset();
    CHECK(on.takes_over("b", seconds{1}));
}

TEST_CASE("group: a hanging mysqld is left alone when nobody can take over", "[agent]") {
    master_on_a on;
    on.make_degraded();
    on.at("a").health = mysql::health::hanging;
    on.run(seconds{5});
    CHECK(on.count_orders("a", "kill_server") == 0);
    CHECK(on.holder() == "a");
}

TEST_CASE("group: too many connections are no reason to do anything", "[agent]") {
    master_on_a on;
    on.at("a").health = mysql::health::full;
    on.run(seconds{5});
    CHECK(on.count_orders("a", "kill_server") == 0);
    CHECK(on.holder() == "a");
}

TEST_CASE("group: a lost lease closes the master before the address may be elsewhere", "[agent]") {
    master_on_a on;
    on.cut("a", "b");
    on.cut("a", "c");
    CHECK(on.takes_over("b", seconds{4}));
    CHECK(on.count_orders("a", "close_writes") > 0);
    CHECK_FALSE(on.servers().can_acknowledge(a));
}

TEST_CASE("group: a lost lease ends an unprotected master altogether", "[agent]") {
    master_on_a on;
    on.make_degraded();
    on.cut("a", "b");
    on.cut("a", "c");
    CHECK(on.run_until([&] { return on.count_orders("a", "kill_server") > 0; }, seconds{2}));
    on.run(milliseconds{10});
    CHECK_FALSE(on.servers().at(a).up);
}

TEST_CASE("group: a lease lost in the middle of a switchover closes the master too", "[agent]") {
    master_on_a on;
    on.swallows = [](std::string const&, mysql::order const& what) {
        return std::holds_alternative<mysql::await_position>(what.what);
    };
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    on.run(milliseconds{50});
    REQUIRE(on.group_of("a").data()->state() == service::switching);
    on.cut("a", "b");
    on.cut("a", "c");
    REQUIRE(on.run_until([&] { return on.role("a") != election::role::active; }, seconds{1}));
    on.run(milliseconds{10});
    CHECK(on.count_orders("a", "close_writes") > 0);
}

TEST_CASE("group: a switchover moves master and address, and loses nothing", "[agent]") {
    master_on_a on;
    on.commit_some(10);
    auto const got = on.ask("a", ask_switchover{on.id, c, false, "kernel"});
    CHECK(got.accepted);
    CHECK(on.takes_over("c", seconds{3}));
    CHECK(on.lost_on(c) == 0);
    CHECK(on.servers().at(a).read_only);
    CHECK(on.notes().back().kind == "switchover");
    CHECK(on.has_noted("done", c));
    CHECK(on.run_until([&] { return ackers_of(on, "c") == 2; }, seconds{20}));
}

TEST_CASE("group: a dry run shows the trees and touches no server", "[agent]") {
    master_on_a on;
    auto const noted = on.notes().size();
    auto const got = on.ask("b", ask_switchover{on.id, {}, true, ""});
    REQUIRE(got.forward_to == a);
    auto const plan = on.ask("a", ask_switchover{on.id, {}, true, ""});
    CHECK(plan.accepted);
    REQUIRE(plan.plan);
    CHECK(plan.plan->to == "b");
    REQUIRE(plan.plan->before.size() == 3);
    CHECK(plan.plan->before.front().node == "a");
    CHECK(plan.plan->after.front().node == "b");
    on.run(seconds{1});
    CHECK(on.count_orders("a", "close_writes") == 0);
    CHECK(on.holder() == "a");
    CHECK(on.group_of("a").data()->state() == service::open);
    CHECK(on.notes().size() == noted);
}

TEST_CASE("group: a dry run that the lost lease interrupts is answered", "[agent]") {
    master_on_a on;
    on.swallows = [](std::string const&, mysql::order const&) { return true; };
    on.cut("a", "b");
    on.cut("a", "c");
    auto const got = on.ask("a", ask_switchover{on.id, b, true, ""});
    CHECK(got.code == "lease_lost");
    on.swallows = nullptr;
    on.heal();
    auto const noted = on.notes().size();
    on.crash_server("b");
    on.crash_server("c");
    on.boot_server("a");
    on.run(seconds{5});
    CHECK(on.notes().size() > noted); // later operations are told again
}

TEST_CASE("group: a second switchover is refused while one is under way", "[agent]") {
    master_on_a on;
    on.swallows = [](std::string const&, mysql::order const& what) {
        return std::holds_alternative<mysql::await_position>(what.what);
    };
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    auto const got = on.ask("a", ask_switchover{on.id, c, false, "x"});
    CHECK(got.code == "busy");
    CHECK(got.next_command == "tasuki why db");
}

namespace {

/// a is the master, c its only acker.
struct b_never_master : cluster {
    b_never_master()
        : cluster([] {
            auto of = with_mysql();
            of.never_master = {"b"};
            return of;
        }()) {
        remember_first_record("a");
        start_all();
        REQUIRE(run_until([&] { return ackers_of(*this, "a") == 1; }, seconds{3}));
    }
};

} // namespace

TEST_CASE("group: never_master is never promoted", "[agent]") {
    b_never_master on;
    on.run(seconds{1});
    on.crash("a");
    CHECK(on.run_until([&] { return on.holder() == "c"; }, seconds{5}));
    CHECK(on.count_trace("b: canvassing -> claiming") == 0);
}

TEST_CASE("group: never_master is said of a member, also where nobody could be promoted",
          "[agent]") {
    b_never_master on;
    on.crash("a");
    on.crash("c");
    on.run(seconds{2});
    CHECK(on.unfit("b") == "never_master by configuration");
}

TEST_CASE("group: after unprotected commits only an operator accepts the loss", "[agent]") {
    master_on_a on;
    on.servers().cut(a, b, true); // replication only: the agents hear each other
    on.servers().cut(a, c, true);
    REQUIRE(on.run_until([&] { return on.record("a").degraded_since_ms != 0; }, seconds{20}));
    on.commit_some(3);
    on.crash("a");
    on.run(seconds{10});
    CHECK(on.holder().empty());

    CHECK(on.ask("b", ask_failover{on.id, b, false, false, "try"}).accepted);
    on.run(seconds{10});
    CHECK(on.holder().empty());
    CHECK(on.has_noted("refused", b));

    CHECK(on.ask("b", ask_failover{on.id, b, true, false, "accept"}).accepted);
    CHECK(on.takes_over("b", seconds{10}));
    CHECK(on.record("b").loss_accepted);
}

TEST_CASE("group: an agent that ends moves the master first", "[agent]") {
    master_on_a on;
    on.commit_some(5);
    on.retire("a");
    CHECK(on.takes_over("b", seconds{3}));
    CHECK(on.run_until([&] { return on.at("a").agent->is_idle(); }, seconds{3}));
    CHECK(on.lost_on(b) == 0);
    CHECK(on.servers().at(a).read_only);
    CHECK(on.count_orders("a", "kill_server") == 0);
}

TEST_CASE("group: an agent that ends with nobody to take over leaves nothing writable", "[agent]") {
    master_on_a on;
    on.make_degraded();
    on.retire("a");
    CHECK(on.run_until([&] { return on.at("a").agent->is_idle(); }, seconds{10}));
    CHECK_FALSE(on.servers().can_acknowledge(a));
    CHECK(on.holder().empty());
}

TEST_CASE("group: an agent that cannot wait for its hand-over closes the address and the writes",
          "[agent]") {
    master_on_a on;
    SECTION("protected") {
        on.commit_some(5);
    }
    SECTION("degraded") {
        on.make_degraded();
        on.boot_server("b");
        on.boot_server("c");
    }
    on.swallows = [](std::string const& name, mysql::order const&) { return name != "a"; };
    on.retire("a");
    on.run(milliseconds{50});
    REQUIRE_FALSE(on.at("a").agent->is_idle());
    REQUIRE(on.holder() == "a");
    on.abandon("a");
    on.run(milliseconds{20});
    CHECK(on.holder() != "a");
    CHECK_FALSE(on.servers().can_acknowledge(a));
    CHECK(on.count_orders("a", "close_writes") == 1);
    CHECK(on.has_noted("failed", a));
    CHECK(on.run_until([&] { return on.at("a").agent->is_idle(); }, seconds{1}));
}

TEST_CASE("group: a node on standby is not promoted, and hands over if it is the master",
          "[agent]") {
    master_on_a on;
    CHECK(on.ask("a", ask_standby{on.id, b, true, "x"}).accepted);
    CHECK(on.ask("a", ask_standby{on.id, a, true, "x"}).accepted);
    CHECK(on.takes_over("c", seconds{10}));
    CHECK(on.count_orders("b", "open_writes") == 0);
}
