#include "tasuki/balancer/shared_wishes.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

namespace tasuki::balancer {

namespace {

using lb::administration;

instant const start{std::chrono::hours{1}};

lb::backend_settings backend(std::string name, std::string const& address, unsigned weight = 100) {
    return {std::move(name), *endpoint::parse(address), weight, false, 0};
}

lb::roster web(lb::pool_wishes const& wished = {}) {
    lb::pool_settings out;
    out.name = "web";
    out.backends = {backend("app1", "10.77.0.21:80"), backend("app2", "10.77.0.22:80")};
    return {out, wished, start};
}

stamped_word said(std::uint64_t revision, std::string node, administration wanted,
                  std::optional<unsigned> weight = {}) {
    return {{revision, std::move(node)}, {lb::backend_wish{wanted, weight}, {}, {}}};
}

shared_wishes some() {
    shared_wishes out;
    out["web"]["app1"] = said(3, "lb1", administration::drain, 7);
    out["web"]["app1"].word.deadline = milliseconds{90'000};
    out["web"]["app2"] = said(4, "lb2", administration::maintenance);
    out["web"]["app3"] = {{5, "lb2"}, {{}, backend("app3", "[fd77::23]:8080", 50), {}}};
    out["web"]["app4"] = {{6, "lb1"}, {}};
    out["write"];
    return out;
}

} // namespace

TEST_CASE("what operators want is read back as it was written", "[balancer]") {
    auto const read = parse_shared_wishes(to_text(some()));
    REQUIRE(read.has_value());
    CHECK(*read == some());
    CHECK(parse_shared_wishes(to_text({}))->empty());
    CHECK(to_text(some()).find('\n') == std::string::npos); // it is one line on the way
}

TEST_CASE("what is no such text is refused, and never half read", "[balancer]") {
    auto const whole = to_text(some());
    auto const with = [&](std::string const& from, std::string const& to) {
        auto out = whole;
        auto const at = out.find(from);
        REQUIRE(at != std::string::npos);
        return out.replace(at, from.size(), to);
    };
    for (auto const& text :
         {std::string{}, std::string{"[]"}, whole.substr(0, whole.size() / 2),
          with("\"form\":2", "\"form\":3"), with("drain", "drained"), with(":7", ":257"),
          with("[fd77::23]:8080", "fd77::23"), with("\"revision\"", "\"revisions\""),
          with("\"revision\":3", "\"revision\":9007199254740993"), with("\"lb1\"", "\"\""),
          with(":90000", ":-1")}) {
        INFO(text);
        CHECK_FALSE(parse_shared_wishes(text).has_value());
    }
}

TEST_CASE("a command is stamped after all that its balancer knows", "[balancer]") {
    CHECK(next_stamp({}, "lb1") == stamp{1, "lb1"});
    CHECK(next_stamp(some(), "lb1") == stamp{7, "lb1"});
    CHECK(stamp{7, "lb1"} < stamp{7, "lb2"}); // two at a time: the same one counts everywhere
    CHECK(stamp{7, "lb2"} < stamp{8, "lb1"});
}

TEST_CASE("in whatever order balancers hear of each other they end up alike", "[balancer]") {
    std::mt19937 chance{7};
    auto const pick = [&](unsigned of) { return static_cast<unsigned>(chance() % of); };
    for (int round = 0; round < 500; ++round) {
        auto const here = web();
        std::vector<pool_words> told(4);
        for (auto& one : told)
            for (auto const* name : {"app1", "app2", "app3"}) {
                auto const revision = 1 + pick(4);
                auto const node = "lb" + std::to_string(1 + pick(2));
                auto word =
                    said(revision, node,
                         administration{static_cast<std::uint8_t>((revision + node.back()) % 3)});
                if (std::string_view{name} == "app3")
                    word.word = revision % 2 == 0
                                    ? lb::backend_word{}
                                    : lb::backend_word{{}, backend(name, "[::1]:1"), {}};
                if (pick(3) > 0)
                    one[name] = word;
            }
        pool_words first;
        for (auto const& one : told)
            (void)merge(first, one, here);
        std::shuffle(told.begin(), told.end(), chance);
        pool_words second;
        for (int twice = 0; twice < 2; ++twice)
            for (auto const& one : told)
                (void)merge(second, one, here);
        CHECK(first == second);
    }
}

TEST_CASE("only what is newer is news, and only of backends that matter here", "[balancer]") {
    auto const here = web();
    pool_words own{{"app1", said(3, "lb1", administration::drain)}};
    CHECK(merge(own, {{"app1", said(3, "lb1", administration::drain)}}, here).empty());
    CHECK(merge(own, {{"app1", said(2, "lb2", administration::ready)}}, here).empty());
    CHECK(merge(own, {{"app1", said(3, "lb2", administration::ready)}}, here) ==
          std::vector<std::string>{"app1"});
    CHECK(own.at("app1").word.wish->wanted == administration::ready);
    CHECK(merge(own, {{"gone", said(9, "lb2", administration::drain)}}, here).empty());
}

TEST_CASE("a backend that was removed by command does not come back from who was away",
          "[balancer]") {
    auto const here = web();
    pool_words const old{{"app3", {{5, "lb2"}, {{}, backend("app3", "10.77.0.23:80"), {}}}}};
    pool_words own{{"app3", {{6, "lb1"}, {}}}};
    CHECK(merge(own, old, here).empty());
    forget_gone(own, here);
    CHECK(merge(own, old, here).empty());
}

TEST_CASE("what the file has no more is wanted no more", "[balancer]") {
    pool_words own{{"app1", said(3, "lb1", administration::drain)},
                   {"gone", said(4, "lb1", administration::drain)},
                   {"app2", {{5, "lb1"}, {{}, backend("app2", "10.77.0.29:80"), {}}}}};
    forget_gone(own, web(wishes_in(own)));
    CHECK(own.contains("app1"));
    CHECK_FALSE(own.contains("gone"));
    CHECK_FALSE(own.at("app2").word.added.has_value()); // the file has it
}

TEST_CASE("what was told to another balancer is said in the operator's words", "[balancer]") {
    CHECK(to_string(said(1, "lb1", administration::drain).word) == "drain");
    CHECK(to_string(said(1, "lb1", administration::ready, 20).word) == "ready, weight 20");
    CHECK(to_string(some()["web"]["app3"].word) == "added");
    CHECK(to_string(some()["web"]["app4"].word) == "removed");
}

} // namespace tasuki::balancer
