// A group whose addresses a program moves: it takes its time, and may fail.
#include "cluster_start.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

/// Longer than a lease.
constexpr duration slow = milliseconds{1500};

shape moved_by_program() {
    shape out;
    out.by_hook = true;
    return out;
}

problem const no_such_instance{failure::refused, "ended with exit code 3: no such instance"};

bool noted(cluster const& on, std::string const& part) {
    return std::any_of(on.notes().begin(), on.notes().end(), [&](progress_note const& each) {
        return each.text.find(part) != std::string::npos;
    });
}

} // namespace

TEST_CASE("hook: a hand-over holds the lease until the program has given the address up",
          "[agent]") {
    settled on{moved_by_program()};
    on.at("a").address_takes = slow;
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    on.run(milliseconds{1300});
    CHECK(on.role("a") == election::role::active); // and nobody else is, though it is long over
    CHECK(on.at("a").address);
    CHECK(on.takes_over("b", seconds{1}));
    CHECK(on.role("a") == election::role::standby);
    CHECK(on.count_trace("a: the address is gone") == 1); // settled checks: before the release
}

TEST_CASE("hook: an address that cannot be given up holds a hand-over up, but not for ever",
          "[agent]") {
    settled on{moved_by_program()};
    on.at("a").release_trouble = no_such_instance;
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    on.run(seconds{10});
    CHECK(on.role("a") == election::role::active);
    CHECK(on.group_of("a").address_trouble().find("no such instance") != std::string::npos);
    CHECK(on.ask("a", ask_switchover{on.id, c, false, "x"}).code == "busy");
    SECTION("it goes on as soon as the program succeeds") {
        on.at("a").release_trouble.reset();
        CHECK(on.takes_over("b", seconds{3}));
    }
    SECTION("at last the lease runs out, and nothing is said to be released") {
        on.run(seconds{22});
        CHECK(on.role("a") == election::role::stepping_down);
        CHECK(on.is_active("b"));
    }
    on.at("a").address = false; // what the program of b has taken away by then
}

TEST_CASE("hook: a node that cannot take the address hands over and says why", "[agent]") {
    settled on{moved_by_program()};
    on.at("b").address_trouble = no_such_instance;
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    CHECK(on.run_until([&] { return !on.unfit("b").empty(); }, seconds{1}));
    CHECK(on.run_until([&] { return on.is_active("a") || on.is_active("c"); }, seconds{3}));
    CHECK(on.unfit("b").find("no such instance") != std::string::npos);
    CHECK(noted(on, "the addresses could not be taken: ended with exit code 3: no such instance"));
    on.at("b").address_trouble.reset();
    CHECK(on.run_until([&] { return on.unfit("b").empty(); }, seconds{31}));
}

TEST_CASE("hook: a node that nobody can relieve tries again itself", "[agent]") {
    settled on{moved_by_program()};
    on.at("b").address_trouble = no_such_instance;
    CHECK(on.ask("a", ask_standby{on.id, c, true, "x"}).accepted);
    on.run(milliseconds{200});
    on.crash("a");
    CHECK(on.run_until([&] { return on.is_active("b"); }, seconds{3}));
    on.run(seconds{5});
    CHECK(on.is_active("b"));
    on.at("b").address_trouble.reset();
    CHECK(on.takes_over("b", seconds{3}));
}

TEST_CASE("hook: the lease is renewed while the program takes the address", "[agent]") {
    settled on{moved_by_program()};
    on.at("b").address_takes = slow;
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    CHECK(on.takes_over("b", seconds{3}));
    on.run(seconds{1});
    CHECK(on.holder() == "b");
    CHECK(on.count_trace("b: active -> stepping_down") == 0);
}

TEST_CASE("hook: a lost lease waits for no program", "[agent]") {
    settled on{moved_by_program()};
    on.at("a").address_takes = slow;
    on.cut("a", "b");
    on.cut("a", "c");
    CHECK(on.takes_over("b", seconds{2}));
    CHECK(on.role("a") == election::role::stepping_down); // still at it
    CHECK(on.run_until([&] { return on.role("a") == election::role::standby; }, seconds{2}));
}

TEST_CASE("hook: the master's address moves with its server", "[agent]") {
    auto of = with_mysql();
    of.by_hook = true;
    settled on{of};
    on.at("a").address_takes = slow;
    CHECK(on.ask("a", ask_switchover{on.id, b, false, "x"}).accepted);
    CHECK(on.takes_over("b", seconds{5}));
    CHECK_FALSE(on.at("a").address);
    on.at("c").address_trouble = no_such_instance;
    CHECK(on.ask("b", ask_switchover{on.id, c, false, "x"}).accepted);
    CHECK(on.run_until([&] { return on.count_trace("c: recovering -> active") == 1; }, seconds{3}));
    CHECK(on.run_until([&] { return !on.holder().empty() && on.holder() != "c"; }, seconds{8}));
}

TEST_CASE("hook: an agent that stops gives the address up first", "[agent]") {
    settled on{moved_by_program()};
    on.at("a").address_takes = slow;
    on.retire("a");
    CHECK(on.run_until([&] { return on.at("a").agent->is_idle(); }, seconds{5}));
    CHECK_FALSE(on.at("a").address);
    CHECK(on.takes_over("b", seconds{1}));
}

TEST_CASE("hook: a guardian gives no lease away whose address a program has set up", "[agent]") {
    settled plain;
    CHECK_FALSE(plain.at("a").agent->farewells(plain.now()).empty());
    settled moved{moved_by_program()};
    CHECK(moved.at("a").agent->farewells(moved.now()).empty());
}
