// Of two voters one is silent: whole nodes in virtual time. The scenarios fence*.txt tell the rest.
#include "cluster_start.hpp"

namespace tasuki::agent {

namespace {

using namespace stage;

stage::shape pair_with_fence() {
    stage::shape out;
    out.members = {"a", "b"};
    out.fence.emplace();
    return out;
}

std::size_t voters_of(cluster& on, std::string const& name) {
    return on.at(name).agent->settings().voters.size();
}

bool fence_begins(cluster& on) {
    return on.count_trace("[fence] begin") > 0;
}

} // namespace

TEST_CASE("a fence proves nothing if the other one was heard since it began", "[fence]") {
    settled on{pair_with_fence()};
    on.cut("a", "b");
    REQUIRE(on.run_until([&] { return fence_begins(on); }, milliseconds{10'000}));
    on.heal();
    REQUIRE(on.run_until([&] { return on.count_trace("[fence] ends as failed") == 1; },
                         milliseconds{3000}));
    CHECK(on.count_trace("it was heard since the program began") == 1);
    CHECK(voters_of(on, "a") == 2);
    SECTION("and is repeated when it is silent again") {
        REQUIRE(on.run_until([&] { return voters_of(on, "a") == 1; }, milliseconds{12'000}));
        CHECK(on.is_active("a"));
    }
}

TEST_CASE("a node that has stood still itself does not take that for the silence of the other one",
          "[fence]") {
    settled on{pair_with_fence()};
    on.at("b").fence_fails = true; // it will see nothing of a
    on.cut("a", "b");              // what b says in the end is not there yet when a goes on
    on.pause("a", milliseconds{6000});
    on.run(milliseconds{5995});
    on.heal();
    on.run(milliseconds{1000});
    CHECK(on.count_trace("a: [fence] begin") == 0);
    CHECK(on.violations().empty());
}

TEST_CASE("nothing is said in the end to a node that has not proven itself", "[fence]") {
    cluster on{pair_with_fence()};
    on.remember_first_record("");
    on.start("a");
    on.run(milliseconds{100});
    CHECK(on.at("a").agent->goodbyes(on.now()).empty());
    on.start("b");
    on.run(milliseconds{1000});
    auto const told = on.at("a").agent->goodbyes(on.now());
    REQUIRE_FALSE(told.empty());
    for (auto const& each : told)
        CHECK(each.header.type == heartbeat::message_type::beat);
}

TEST_CASE("a set of voters that follows two is counted in a longest lease later", "[voters]") {
    stage::shape plan;
    plan.members = {"a", "b"};
    plan.observers = {"c"};
    settled on{plan};
    auto const begun = on.now();
    CHECK(on.ask("b", ask_voters{voters_group, c, {}, "test"}).accepted);
    REQUIRE(on.run_until([&] { return voters_of(on, "a") == 3; }, milliseconds{30'000}));
    CHECK(on.now() - begun >= election::longest_lease);
    CHECK(on.is_active("a"));
    SECTION("and neither of them renews alone meanwhile") {
        on.crash("b");
        on.crash("c");
        on.run(milliseconds{2000});
        CHECK(on.holder().empty());
    }
}

TEST_CASE("a voter that is back gets the newest record of a group that has no holder", "[fence]") {
    settled on{pair_with_fence()};
    on.crash("b");
    REQUIRE(on.run_until([&] { return voters_of(on, "a") == 1; }, milliseconds{12'000}));
    CHECK(on.ask("a", ask_pause{on.id, true, 0, "only a knows"}).accepted);
    on.run(milliseconds{100});
    on.link("a", false);
    on.start("b");
    on.link("b", false);
    REQUIRE(on.run_until([&] { return on.count_trace("[voters] ends as done") == 1; },
                         milliseconds{40'000}));
    CHECK(on.holder().empty());
    CHECK(on.record("b").paused);
}

TEST_CASE("the voters are changed by nobody else where there is a fence", "[fence]") {
    auto plan = pair_with_fence();
    plan.observers = {"c"};
    settled on{plan};
    auto const said = on.ask("a", ask_voters{voters_group, c, {}, "test"});
    CHECK_FALSE(said.accepted);
    CHECK(said.code == "fenced");
}

} // namespace tasuki::agent
