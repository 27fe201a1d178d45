#include "tasuki/agent/voter_change.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace tasuki::agent {

namespace {

constexpr node_id a = node_named("a");
constexpr node_id b = node_named("b");
constexpr node_id c = node_named("c");
constexpr node_id d = node_named("d");

ask_voters wish(node_id add, node_id remove) {
    return {voters_group, add, remove, {}};
}

std::string refusal(std::vector<node_id> const& now, ask_voters const& asked,
                    std::set<node_id> const& silent = {}, node_id differs = {}) {
    auto const name = [](node_id node) {
        return std::string{node == a ? "a" : node == b ? "b" : node == c ? "c" : "d"};
    };
    auto const why = why_not(now, asked,
                             {[&](node_id node) { return !silent.contains(node); }, name,
                              [&](node_id node) { return !node.is_set() || node != differs; }});
    if (!why)
        return {};
    CHECK_FALSE(why->text.empty());
    CHECK_FALSE(why->next_command.empty());
    return why->code;
}

voter_memory with(std::uint64_t under, std::uint64_t version) {
    return {false, {epoch{under}, record_version{version}}};
}

election::electorate voters(std::vector<node_id> who) {
    election::electorate all;
    all.self = a;
    all.voters = std::move(who);
    return all;
}

} // namespace

TEST_CASE("one voter at a time is added or removed", "[voters]") {
    CHECK(next_voters({a, b, c}, wish(d, {}), false) == std::vector{a, b, c, d});
    CHECK(next_voters({a, b, c, d}, wish({}, b), false) == std::vector{a, c, d});
    CHECK(next_voters({a, b, c, d}, wish(d, {}), false).empty());
    CHECK(next_voters({a, c, d}, wish({}, b), false).empty());
}

TEST_CASE("who is replaced goes first only if it is silent", "[voters]") {
    CHECK(next_voters({a, b, c}, wish(d, c), false) == std::vector{a, b, c, d});
    CHECK(next_voters({a, b, c, d}, wish(d, c), false) == std::vector{a, b, d});
    CHECK(next_voters({a, b, c}, wish(d, c), true) == std::vector{a, b});
    CHECK(next_voters({a, b}, wish(d, c), true) == std::vector{a, b, d});
}

TEST_CASE("a change that makes no sense, or would stop the cluster, is refused", "[voters]") {
    CHECK(refusal({a, b, c}, wish(d, {})).empty());
    CHECK(refusal({a, b, c}, wish(d, c)).empty());
    CHECK(refusal({a, b, c}, wish({}, {})) == "no_change");
    CHECK(refusal({a, b, c}, wish(c, {})) == "already_voter");
    CHECK(refusal({a, b, c}, wish({}, d)) == "not_a_voter");
    CHECK(refusal({a, b, c}, wish({}, c)) == "too_few");
    CHECK(refusal({a, b, c}, wish(d, {}), {d}) == "not_heard");
    std::vector<node_id> nine;
    for (std::uint32_t each = 1; each <= 9; ++each)
        nine.emplace_back(each);
    CHECK(refusal(nine, wish(d, {})) == "too_many");
    CHECK(refusal(nine, wish(d, node_id{9})).empty());
}

TEST_CASE("nodes with other files change no voters", "[voters]") {
    CHECK(refusal({a, b, c}, wish(d, {}), {}, b) == "other_files");
    CHECK(refusal({a, b, c}, wish(d, {}), {}, d) == "other_files");
}

TEST_CASE("until a new voter knows what the others know, those have to be a majority", "[voters]") {
    CHECK(refusal({a, b, c}, wish(d, {}), {c}) == "too_few_heard");
    CHECK(refusal({a, b, c}, wish(d, c), {c}).empty());
    CHECK(refusal({a, b}, wish(d, {})).empty());
    CHECK(refusal({a}, wish(d, {})) == "too_few_heard");
    CHECK(refusal({a, b, c, d}, wish({}, a), {b}).empty());
    CHECK(refusal({a, b, c, d}, wish({}, a), {b, c}) == "too_few_heard");
}

TEST_CASE("the newest record that a majority tells of has to lie with a majority", "[voters]") {
    auto const all = voters({a, b, c, d});
    CHECK_FALSE(is_copied({}, all));
    CHECK_FALSE(is_copied({{a, with(3, 1)}, {b, with(3, 1)}}, all));
    CHECK(is_copied({{a, with(3, 1)}, {b, with(3, 1)}, {c, with(3, 1)}}, all));
    CHECK_FALSE(is_copied({{a, with(3, 2)}, {b, with(3, 1)}, {c, with(3, 1)}}, all));
    CHECK_FALSE(is_copied({{a, with(3, 1)}, {b, with(3, 1)}, {c, {}}}, all));
    CHECK(is_copied({{a, with(3, 1)}, {b, with(3, 1)}, {c, with(3, 1)}, {d, {}}}, all));
}

TEST_CASE("a group that was never founded holds nobody up", "[voters]") {
    auto const all = voters({a, b, c});
    CHECK_FALSE(is_copied({{a, {}}}, all));
    CHECK(is_copied({{a, {}}, {b, {}}}, all));
    CHECK_FALSE(is_copied({{a, {}}, {b, with(1, 1)}}, all));
}

TEST_CASE("the newest promise that a voter tells of is the newest there can be", "[voters]") {
    auto const promised = [](std::uint64_t under) { return voter_memory{false, {}, epoch{under}}; };
    auto const all = voters({a, b, c});
    CHECK(newest_promised({}, all) == epoch{});
    CHECK(newest_promised({{a, promised(3)}, {b, promised(7)}, {d, promised(9)}}, all) == epoch{7});
}

TEST_CASE("what a node without a vote tells counts for nothing", "[voters]") {
    auto const all = voters({a, b, c});
    CHECK_FALSE(is_copied({{a, with(3, 1)}, {d, with(3, 1)}}, all));
    CHECK(is_copied({{a, with(3, 1)}, {b, with(3, 1)}, {d, with(4, 1)}}, all));
}

} // namespace tasuki::agent
