// However a master's node lets go of the lease, it leaves no server behind that takes writes.
#include "master_on_a.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

template<class Operation>
bool is(mysql::order const& what) {
    return std::holds_alternative<Operation>(what.what);
}

/// The candidate does not catch up: the switchover goes on until something else ends it.
void hold_up_switchover(master_on_a& on) {
    on.swallows = [](std::string const&, mysql::order const& what) {
        return is<mysql::await_position>(what);
    };
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    on.run(milliseconds{50});
    REQUIRE(on.group_of("a").data()->state() == service::switching);
}

} // namespace

TEST_CASE("leaving: a master without a link is closed before it gives up its lease", "[agent]") {
    master_on_a on;
    on.commit_some(3);
    on.link("a", false);
    CHECK(on.takes_over("b", seconds{2}));
    CHECK(on.count_orders("a", "close_writes") == 1);
    CHECK(on.lost_on(b) == 0);
}

TEST_CASE("leaving: a master that cannot be closed is ended before its lease is", "[agent]") {
    master_on_a on;
    on.servers().cut(a, b, true);
    on.servers().cut(a, c, true);
    on.servers().commit(a); // waits for its acknowledgement
    on.link("a", false);
    auto const own = on.group_of("a").election_state().under;
    on.run(milliseconds{500});
    CHECK_FALSE(on.servers().at(a).up);
    auto const ended = std::find_if(on.orders().begin(), on.orders().end(), [](auto const& each) {
        return each.node == "a" && is<mysql::kill_server>(each.what);
    });
    REQUIRE(ended != on.orders().end());
    CHECK(ended->what.decided_under == own); // not by its successor
}

TEST_CASE("leaving: a closing without an answer holds the lease up to its end at most", "[agent]") {
    master_on_a on;
    on.swallows = [](std::string const& node, mysql::order const& what) {
        return node == "a" && is<mysql::close_writes>(what);
    };
    on.link("a", false);
    on.run(milliseconds{300});
    CHECK(on.role("a") == election::role::stepping_down);
    CHECK(on.run_until([&] { return on.role("a") == election::role::standby; }, seconds{1}));
    CHECK(on.run_until([&] { return !on.servers().at(a).up; }, seconds{3})); // ended instead
}

TEST_CASE("leaving: an agent that ends during a switchover leaves the master closed", "[agent]") {
    master_on_a on;
    hold_up_switchover(on);
    on.retire("a");
    CHECK(on.run_until([&] { return on.at("a").agent->is_idle(); }, seconds{8}));
    CHECK(on.servers().at(a).read_only);
}

TEST_CASE("leaving: a lease lost while the server is being opened closes it again", "[agent]") {
    master_on_a on;
    on.crash("a");
    on.swallows = [](std::string const&, mysql::order const& what) {
        return is<mysql::open_writes>(what);
    };
    REQUIRE(on.run_until([&] { return on.count_orders("b", "open_writes") > 0; }, seconds{5}));
    on.cut("b", "c");
    REQUIRE(on.run_until([&] { return on.role("b") != election::role::active; }, seconds{2}));
    on.run(milliseconds{10});
    CHECK(on.count_orders("b", "close_writes") == 1);
}

TEST_CASE("leaving: a server that may have been opened is closed when its promotion fails",
          "[agent]") {
    cluster on{with_mysql()};
    on.swallows = [](std::string const&, mysql::order const& what) {
        return is<mysql::open_writes>(what);
    };
    on.remember_first_record("a");
    on.start_all();
    CHECK(on.run_until([&] { return on.count_orders("a", "close_writes") > 0; }, seconds{30}));
    CHECK(on.count_trace("ends as refused") == 1);
}

TEST_CASE("leaving: a server found open under another master is closed, or ended", "[agent]") {
    master_on_a on;
    on.kill_agent("a");
    bool const waits = GENERATE(false, true);
    CHECK(on.takes_over("b", seconds{4}));
    REQUIRE_FALSE(on.servers().at(a).read_only);
    if (waits)
        on.servers().commit(a); // nobody is left to acknowledge it
    on.start("a");
    on.run(seconds{4});
    auto const& server = on.servers().at(a);
    CHECK((waits ? !server.up : server.read_only));
    auto const& told = on.servers().acknowledged();
    CHECK(std::none_of(told.begin(), told.end(), [](auto const& each) { return each.by == a; }));
    // Without an open commit the new master may have made it its replica first.
    auto const replica = on.count_trace("b: replication, settle_master, epoch 3: clean: a holds");
    CHECK(on.count_trace("a: mysqld is closed, fence") == (replica == 0 ? 1 : 0));
    CHECK((replica == 0 || !waits));
}

TEST_CASE("leaving: an agent told to end while it becomes active does not stay", "[agent]") {
    master_on_a on;
    on.crash("a");
    REQUIRE(on.run_until([&] { return on.role("b") == election::role::recovering; }, seconds{4}));
    on.retire("b");
    CHECK(on.run_until([&] { return on.at("b").agent->is_idle(); }, seconds{2}));
    CHECK(on.takes_over("c", seconds{5}));
}

TEST_CASE("leaving: a master that died unseen is replaced", "[agent]") {
    master_on_a on;
    on.commit_some(5);
    on.servers().crash(a); // and nobody tells the agent
    if (GENERATE(false, true))
        on.servers().boot(a); // before anybody has looked
    CHECK(on.takes_over("b", milliseconds{500}));
    CHECK(on.lost_on(b) == 0);
}

TEST_CASE("leaving: the late news of an old death ends nothing", "[agent]") {
    master_on_a on;
    on.make_degraded();
    auto const life = on.servers().facts_of(a).life;
    on.servers().crash(a);
    on.servers().boot(a);
    REQUIRE(on.run_until([&] { return !on.servers().at(a).read_only; }, seconds{5}));
    on.run(milliseconds{200});
    on.tell("a", server_gone{on.id, life});
    CHECK(on.group_of("a").data()->facts().at(a).condition == mysql::health::up);
}

TEST_CASE("leaving: a switchover that could not be undone opens the master anew", "[agent]") {
    master_on_a on;
    on.swallows = [&](std::string const& node, mysql::order const& what) {
        bool const stays_behind = is<mysql::await_position>(what) && on.servers().at(a).read_only;
        bool const stays_closed =
            node == "a" && is<mysql::open_writes>(what) && !on.has_noted("failed", a);
        return stays_behind || stays_closed;
    };
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    REQUIRE(on.run_until([&] { return on.has_noted("failed", a); }, seconds{60}));
    CHECK(on.run_until([&] { return on.group_of("a").data()->state() == service::open; },
                       seconds{10}));
    CHECK_FALSE(on.servers().at(a).read_only);
    CHECK(on.holder() == "a");
}

TEST_CASE("leaving: a closing recorded too late is overtaken by the opening's own record",
          "[agent]") {
    master_on_a on;
    std::vector<std::string> opened_at;
    on.swallows = [&](std::string const& node, mysql::order const& what) {
        if (node == "a" && is<mysql::open_writes>(what))
            opened_at.push_back(on.record("a").step);
        return false;
    };
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    for (auto const* voter : {"b", "c"})
        on.at(voter).disk_trouble = election::store_outcome::failed;
    REQUIRE(on.run_until([&] { return on.has_noted("failed", a); }, seconds{10}));
    for (auto const* voter : {"b", "c"})
        on.at(voter).disk_trouble.reset();
    CHECK(on.run_until([&] { return on.group_of("a").data()->state() == service::open; },
                       seconds{20}));
    CHECK(opened_at == std::vector<std::string>{"open"});
    on.run(seconds{2});
    CHECK(on.holder() == "a");
}

TEST_CASE("leaving: during a switchover nobody else changes the record", "[agent]") {
    master_on_a on;
    hold_up_switchover(on);
    auto const version = on.record("a").version;
    on.crash("c"); // an acker: its keeper would take it off
    on.run(seconds{3});
    REQUIRE(on.group_of("a").data()->state() == service::switching);
    CHECK(on.record("a").version == version);
    on.crash_server("b"); // refuses the next try to catch up
    on.swallows = nullptr;
    CHECK(on.run_until([&] { return on.record("a").degraded_since_ms != 0; }, seconds{30}));
}

TEST_CASE("leaving: a dead master does not say that its replicas are lost", "[agent]") {
    master_on_a on;
    CHECK(on.ask("a", ask_pause{on.id, true, 0, "repair"}).accepted);
    on.crash_server("a");
    on.run(seconds{10});
    CHECK(on.record("a").degraded_since_ms == 0);
    CHECK(on.record("a").ackers.size() == 2);
}

TEST_CASE("leaving: a paused group switches over when it is asked to", "[agent]") {
    master_on_a on;
    CHECK(on.ask("a", ask_pause{on.id, true, 0, "repair"}).accepted);
    CHECK(on.ask("a", ask_switchover{on.id, c, false, "x"}).accepted);
    CHECK(on.takes_over("c", seconds{3}));
}
