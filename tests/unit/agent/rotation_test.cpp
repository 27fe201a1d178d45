// The decisions of a key rotation, over every combination of half-done sweeps.
#include "tasuki/agent/rotation.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

using namespace tasuki;
using namespace tasuki::agent;
using heartbeat::key_id;
using heartbeat::key_print;

namespace {

constexpr std::array names{"a", "b", "c", "d"};
key_fact const old_key{key_id{1}, key_print{0x11}};
key_fact const new_key{key_id{2}, key_print{0x22}};

/// Which sweeps a node has behind it: none, accept, sign, drop.
enum class behind { none, accept, sign, drop };
constexpr std::size_t stages = 4;

key_report report_at(behind stage) {
    switch (stage) {
    case behind::none:
        return {{old_key}, key_id{1}, {}, {}};
    case behind::accept:
        return {{old_key, new_key}, key_id{1}, {}, {}};
    case behind::sign:
        return {{old_key, new_key}, key_id{2}, {}, {}};
    case behind::drop:
        return {{new_key}, key_id{2}, {}, {}};
    }
    return {};
}

node_keys node_at(std::size_t index, behind stage) {
    std::string const name = names.at(index);
    return {node_named(name), name, report_at(stage)};
}

/// The combination of that number, of four nodes at any of the stages.
std::vector<node_keys> combination(std::size_t number) {
    std::vector<node_keys> out;
    for (std::size_t index = 0; index < names.size(); ++index, number /= stages)
        out.push_back(node_at(index, static_cast<behind>(number % stages)));
    return out;
}
constexpr std::size_t combinations = stages * stages * stages * stages;

bool understood(std::vector<node_keys> const& nodes) {
    for (auto const& each : nodes)
        for (auto const& other : nodes)
            if (other.told->find(each.told->signer) == nullptr)
                return false;
    return true;
}

bool all_have(std::vector<node_keys> const& nodes, key_report const& wanted) {
    for (auto const& each : nodes)
        if (*each.told != wanted)
            return false;
    return true;
}

rotation_refusal refusal(std::vector<node_keys> const& nodes) {
    auto const next = next_step(nodes);
    REQUIRE(std::holds_alternative<rotation_refusal>(next));
    return std::get<rotation_refusal>(next);
}

rotation_step step(std::vector<node_keys> const& nodes) {
    auto const next = next_step(nodes);
    REQUIRE(std::holds_alternative<rotation_step>(next));
    return std::get<rotation_step>(next);
}

bool contains(std::string const& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("keys: from every combination that is understood a rotation ends with the new key only",
          "[agent][keys]") {
    std::size_t judged = 0;
    for (std::size_t number = 0; number < combinations; ++number) {
        auto nodes = combination(number);
        if (!understood(nodes))
            continue;
        ++judged;
        INFO("combination " << number);
        auto const begun = !all_have(nodes, report_at(behind::none));
        auto const left = steps_left(nodes);
        CHECK(left.size() <= 3);
        for (auto const& each : left)
            for (auto const node : each.nodes)
                carry_out(each, node, nodes);
        CHECK(all_have(nodes, report_at(begun ? behind::drop : behind::none)));
        CHECK(std::holds_alternative<rotation_over>(next_step(nodes)));
    }
    CHECK(judged == 3 * 16 - 2); // two neighbouring stages, in every mixture
}

TEST_CASE("keys: whoever carries a step out, and whoever does not, understand each other",
          "[agent][keys]") {
    for (std::size_t number = 0; number < combinations; ++number) {
        auto const nodes = combination(number);
        if (!understood(nodes)) {
            CHECK(refusal(nodes).code == "not_understood");
            continue;
        }
        auto const next = next_step(nodes);
        auto const* const wanted = std::get_if<rotation_step>(&next);
        if (wanted == nullptr)
            continue;
        for (std::size_t chosen = 0; chosen < (std::size_t{1} << wanted->nodes.size()); ++chosen) {
            auto after = nodes;
            for (std::size_t at = 0; at < wanted->nodes.size(); ++at)
                if ((chosen >> at & 1U) != 0)
                    carry_out(*wanted, wanted->nodes[at], after);
            INFO("combination " << number << ", carried out by " << chosen);
            CHECK(understood(after));
            CHECK(!std::holds_alternative<rotation_refusal>(next_step(after)));
        }
    }
}

TEST_CASE("keys: a sweep is left to those who lack it, and a new key comes from who has it",
          "[agent][keys]") {
    std::vector nodes{node_at(0, behind::none), node_at(1, behind::accept),
                      node_at(2, behind::none)};
    CHECK(step(nodes) ==
          rotation_step{
              key_verb::accept, new_key, {node_named("a"), node_named("c")}, node_named("b")});
    nodes = {node_at(0, behind::sign), node_at(1, behind::accept), node_at(2, behind::sign)};
    CHECK(step(nodes) == rotation_step{key_verb::sign, new_key, {node_named("b")}, {}});
    nodes = {node_at(0, behind::sign), node_at(1, behind::drop), node_at(2, behind::drop)};
    CHECK(step(nodes) == rotation_step{key_verb::drop, old_key, {node_named("a")}, {}});
}

TEST_CASE("keys: with any node away no step is taken, and the sentence names it", "[agent][keys]") {
    for (std::size_t number = 0; number < combinations; ++number)
        for (std::size_t away = 0; away < names.size(); ++away) {
            auto nodes = combination(number);
            if (!understood(nodes))
                continue;
            nodes[away].told.reset();
            nodes[away].trouble = "no route";
            auto const why = refusal(nodes);
            CHECK(why.code == "node_away");
            CHECK(contains(why.text, std::string{names.at(away)} + " cannot be asked (no route)"));
            CHECK(why.next_command == "tasuki key rotate");
            CHECK(steps_left(nodes).empty());
        }
}

TEST_CASE("keys: what was made by hand and contradicts itself is refused by name",
          "[agent][keys]") {
    std::vector nodes{node_at(0, behind::accept), node_at(1, behind::accept)};
    nodes[1].told->accepted[1].print = key_print{0x33};
    CHECK(refusal(nodes).code == "keys_differ");
    CHECK(contains(refusal(nodes).text, "a and b have different keys under the id 2"));

    nodes = {node_at(0, behind::none), node_at(1, behind::none)};
    nodes[1].told->file_trouble = "it is gone";
    CHECK(refusal(nodes).code == "file_differs");
    CHECK(refusal(nodes).next_command == "on b: tasuki key load");

    nodes = {node_at(0, behind::none), node_at(1, behind::none)};
    nodes[1].told.reset();
    nodes[1].trouble = "a rotates keys already";
    nodes[1].refuses = true;
    CHECK(refusal(nodes).code == "busy");
}

TEST_CASE("keys: two new keys at once come down to the last one", "[agent][keys]") {
    key_fact const third{key_id{3}, key_print{0x33}};
    std::vector nodes{node_at(0, behind::accept), node_at(1, behind::none)};
    nodes[1].told->accepted.push_back(third);
    for (auto const& each : steps_left(nodes))
        for (auto const node : each.nodes) {
            carry_out(each, node, nodes);
            CHECK(understood(nodes));
        }
    CHECK(all_have(nodes, {{third}, key_id{3}, {}, {}}));
}

TEST_CASE("keys: the order in the file tells the newer key, also when ids start again",
          "[agent][keys]") {
    key_fact const last{key_id{255}, key_print{0x55}};
    key_report const half{{last, old_key}, key_id{255}, {}, {}};
    std::vector<node_keys> nodes{{node_named("a"), "a", half}, {node_named("b"), "b", half}};
    CHECK(step(nodes).what == key_verb::sign);
    CHECK(step(nodes).key == old_key);
    nodes = {{node_named("a"), "a", key_report{{last}, key_id{255}, {}, {}}}};
    CHECK(free_id(nodes) == key_id{1});
    CHECK(free_id({node_at(0, behind::accept)}) == key_id{3});
}

TEST_CASE("keys: files that list keys in turn end the plan and do not spin", "[agent][keys]") {
    key_fact const third{key_id{3}, key_print{0x33}};
    auto const node = [](char const* name, key_fact one, key_fact two, key_fact three) {
        return node_keys{node_named(name), name, key_report{{one, two, three}, key_id{1}, {}, {}}};
    };
    auto const left =
        steps_left({node("a", old_key, new_key, third), node("b", new_key, third, old_key),
                    node("c", third, old_key, new_key)});
    CHECK(left.size() <= steps_max);
}

TEST_CASE("keys: a file is loaded by itself only if all understand each other then",
          "[agent][keys]") {
    auto const why = [](behind now, behind wanted, behind others) {
        return why_not_load(node_at(0, now), report_at(wanted), {node_at(1, others)});
    };
    CHECK_FALSE(why(behind::none, behind::accept, behind::none));
    CHECK_FALSE(why(behind::accept, behind::sign, behind::accept));
    CHECK_FALSE(why(behind::sign, behind::drop, behind::sign));
    CHECK(why(behind::none, behind::sign, behind::none)->code == "not_understood");
    CHECK(why(behind::sign, behind::drop, behind::accept)->code == "not_understood");
    auto other = report_at(behind::none);
    other.accepted[0].print = key_print{0x99};
    CHECK(why_not_load(node_at(0, behind::none), other, {})->code == "keys_differ");
    auto away = node_at(1, behind::none);
    away.told.reset();
    CHECK(why_not_load(node_at(0, behind::none), report_at(behind::accept), {away})->code ==
          "node_away");
}

TEST_CASE("keys: the status says what is half done, and what to do", "[agent][keys]") {
    auto const complete = state_of({node_at(0, behind::drop), node_at(1, behind::drop)});
    CHECK(complete.state == "complete");
    CHECK(complete.text == "every node signs with key 2, and accepts no other");
    auto const half = state_of({node_at(0, behind::accept), node_at(1, behind::none)});
    CHECK(half.state == "half_done");
    CHECK(contains(half.text, "b has to accept key 2"));
    CHECK(half.next_command == "tasuki key rotate");
    auto away = node_at(1, behind::none);
    away.told.reset();
    CHECK(state_of({node_at(0, behind::sign), away}).state == "half_done");
    CHECK(state_of({node_at(0, behind::none), away}).state == "unclear");
    CHECK(state_of({node_at(0, behind::none), node_at(1, behind::sign)}).state == "unclear");
}
