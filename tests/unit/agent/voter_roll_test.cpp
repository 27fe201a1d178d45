// The voters are changed in clusters of whole nodes, in virtual time.
#include "cluster_start.hpp"

namespace tasuki::agent {

namespace {

using namespace stage;

constexpr node_id d = node_named("d");
constexpr duration enough = milliseconds{40'000};

ask_voters wish(node_id add, node_id remove) {
    return {voters_group, add, remove, "test"};
}

std::vector<node_id> const& voters_of(cluster& on, std::string const& name) {
    return on.at(name).agent->settings().voters;
}

bool all_count(cluster& on, std::vector<node_id> const& wanted) {
    return std::all_of(on.machines().begin(), on.machines().end(), [&](auto const& each) {
        return !each.agent ||
               (each.agent->settings().voters == wanted && each.agent->roll().change().empty());
    });
}

bool votes(cluster& on, std::string const& name) {
    return on.group_of(name).election_state().vote.may_vote(on.now());
}

stage::shape with_d() {
    stage::shape out;
    out.members = {"a", "b", "c"};
    out.observers = {"d"};
    return out;
}

} // namespace

TEST_CASE("a voter is added while a node serves, and the lease goes on", "[voters]") {
    settled on{with_d()};
    auto const under = on.group_of("a").election_state().under;
    CHECK(on.ask("b", wish(d, {})).accepted);
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
    REQUIRE(on.run_until([&] { return votes(on, "d"); }, enough));
    CHECK(on.is_active("a"));
    CHECK(on.group_of("a").election_state().under == under);

    SECTION("with four voters, two are no majority") {
        on.crash("b");
        on.crash("c");
        on.run(milliseconds{3000});
        CHECK_FALSE(on.is_active("a"));
        CHECK(on.holder().empty());
    }
    SECTION("and the new one counts") {
        on.crash("c");
        on.run(milliseconds{3000});
        CHECK(on.is_active("a"));
    }
}

TEST_CASE("the operation of a change is told step by step", "[voters]") {
    settled on{with_d()};
    CHECK(on.ask("b", wish(d, {})).accepted);
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
    std::vector<std::string> steps;
    for (auto const& note : on.notes())
        if (note.kind == "voters") {
            steps.push_back(note.step);
            CHECK(note.to == d);
            CHECK(note.group == voters_group);
        }
    CHECK(steps == std::vector<std::string>{"agree", "count", "settle", "end"});
    CHECK(on.notes().back().result == "done");
}

TEST_CASE("a removed voter is a node without a vote, and may go on serving", "[voters]") {
    stage::shape four;
    four.members = {"a", "b", "c", "d"};
    settled on{four};
    CHECK(on.ask("b", wish({}, a)).accepted);
    REQUIRE(on.run_until([&] { return all_count(on, {b, c, d}); }, enough));
    CHECK(on.is_active("a"));
    CHECK_FALSE(on.group_of("a").election_state().vote.votes);
    on.crash("d");
    on.run(milliseconds{3000});
    CHECK(on.is_active("a"));
    on.crash("c");
    on.run(milliseconds{3000});
    CHECK(on.holder().empty());
}

TEST_CASE("a dead voter is replaced, and one more may be lost then", "[voters]") {
    settled on{with_d()};
    on.crash("c");
    on.run(milliseconds{1000});
    CHECK(on.ask("a", wish(d, c)).accepted);
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, d}); }, 2 * enough));
    REQUIRE(on.run_until([&] { return votes(on, "d"); }, enough));
    CHECK(on.is_active("a"));
    on.crash("a");
    REQUIRE(on.run_until([&] { return on.is_active("b"); }, milliseconds{5000}));

    // The old one comes back with the voters of its file, is told, and votes no more.
    on.start("c");
    REQUIRE(on.run_until([&] { return voters_of(on, "c") == std::vector{a, b, d}; }, enough));
    CHECK_FALSE(on.group_of("c").election_state().vote.votes);
}

TEST_CASE("whoever was away learns of the change, and its vote counts again", "[voters]") {
    settled on{with_d()};
    CHECK(on.ask("a", wish(d, {})).accepted);
    REQUIRE(on.run_until([&] { return voters_of(on, "a").size() == 4; }, enough));
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
    on.crash("c");
    on.start("c");
    CHECK(voters_of(on, "c") == std::vector{a, b, c, d}); // it had stored that
    on.crash("d");
    on.at("d").roll.reset();
    on.start("d");
    CHECK(voters_of(on, "d") == std::vector{a, b, c}); // as its file says
    REQUIRE(on.run_until([&] { return voters_of(on, "d").size() == 4; }, milliseconds{500}));
}

TEST_CASE("a voter that lost its disk and is told who votes asks the others after a restart, too",
          "[voters]") {
    settled on{with_d()};
    CHECK(on.ask("a", wish(d, {})).accepted);
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
    REQUIRE(on.run_until([&] { return votes(on, "d"); }, enough));
    on.crash("d");
    on.forget("d");
    on.start("d");
    REQUIRE(on.run_until([&] { return voters_of(on, "d").size() == 4; }, milliseconds{500}));
    on.run(milliseconds{1000});
    on.crash("d");
    on.start("d");
    on.run(milliseconds{1000});
    CHECK(on.group_of("d").election_state().vote.blank);
    CHECK(on.at("d").agent->roll().is_blank());
    REQUIRE(on.run_until([&] { return votes(on, "d"); }, enough));
}

TEST_CASE("a change waits until enough of the others can vote, and not only be heard", "[voters]") {
    settled on{with_d()};
    auto const under = on.group_of("a").election_state().under;
    on.crash("c");
    on.start("c"); // silent for a longest lease: it does not know what it had granted
    on.run(milliseconds{500});
    CHECK(on.ask("a", wish(d, {})).accepted);
    on.run(milliseconds{5000});
    CHECK(voters_of(on, "a") == std::vector{a, b, c});
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
    CHECK(on.is_active("a"));
    CHECK(on.group_of("a").election_state().under == under);
}

TEST_CASE("of two wishes that were granted at once, the second is looked at again", "[voters]") {
    stage::shape four;
    four.members = {"a", "b", "c", "d"};
    settled on{four};
    CHECK(on.ask("a", wish({}, b)).accepted);
    CHECK(on.ask("c", wish({}, d)).accepted);
    on.run(2 * enough);
    CHECK(voters_of(on, "a").size() == 3);
    CHECK(voters_of(on, "a") == voters_of(on, "c"));
    CHECK(std::any_of(on.notes().begin(), on.notes().end(),
                      [](auto const& note) { return note.result == "refused"; }));
}

TEST_CASE("what its proposer began is finished by the others", "[voters]") {
    settled on{with_d()};
    CHECK(on.ask("b", wish(d, {})).accepted);
    REQUIRE(on.run_until(
        [&] {
            return !on.at("b").agent->roll().change().empty() && voters_of(on, "a").size() == 4;
        },
        enough));
    on.crash("b");
    REQUIRE(on.run_until([&] { return votes(on, "d"); }, enough));
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
    // Until then three of the four were needed, and two of them could vote.
    REQUIRE(on.run_until([&] { return !on.holder().empty(); }, milliseconds{5000}));
}

TEST_CASE("a change is not settled before a longest lease has passed", "[voters]") {
    settled on{with_d()};
    CHECK(on.ask("a", wish(d, {})).accepted);
    REQUIRE(on.run_until([&] { return voters_of(on, "a").size() == 4; }, enough));
    CHECK_FALSE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, election::longest_lease));
    CHECK(on.ask("b", wish({}, c)).code == "busy");
    CHECK(on.ask("a", wish({}, c)).code == "busy");
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, milliseconds{1000}));
}

TEST_CASE("a settled change says how far epochs may have been promised, also after a restart",
          "[voters]") {
    settled on{with_d()};
    auto const under = on.group_of("a").election_state().under;
    CHECK(on.ask("a", wish(d, {})).accepted);
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
    CHECK(on.at("d").agent->roll().current().floor >= under);
    CHECK(on.is_active("a"));
    on.crash("d");
    on.start("d");
    CHECK(on.at("d").agent->roll().current().floor >= under);
}

TEST_CASE("a refused change names its reason and changes nothing", "[voters]") {
    settled on{with_d()};
    auto const refused = on.ask("b", wish({}, c));
    CHECK_FALSE(refused.accepted);
    CHECK(refused.code == "too_few");
    on.run(milliseconds{2000});
    CHECK(all_count(on, {a, b, c}));
}

TEST_CASE("the voters are founded with the first group", "[voters]") {
    cluster on{with_d()};
    for (auto const& each : {"a", "b", "c", "d"})
        on.forget(each);
    on.start_all();
    on.run(milliseconds{1000});
    CHECK(on.ask("a", wish(d, {})).code == "no_record");
    on.post("a", ask_bootstrap{on.id, a});
    REQUIRE(on.run_until([&] { return !on.holder().empty(); }, enough));
    CHECK(on.ask("a", wish(d, {})).accepted);
    REQUIRE(on.run_until([&] { return all_count(on, {a, b, c, d}); }, enough));
}

TEST_CASE("nothing is said about voters while nobody changes any", "[voters]") {
    settled on{with_d()};
    on.run(milliseconds{20'000});
    for (auto const& each : on.machines())
        CHECK_FALSE(each.roll);
}

} // namespace tasuki::agent
