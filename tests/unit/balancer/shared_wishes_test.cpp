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

lb::pool_settings file_of(std::vector<lb::backend_settings> backends) {
    lb::pool_settings out;
    out.name = "web";
    out.backends = std::move(backends);
    return out;
}

lb::roster web(lb::pool_wishes const& wished = {}) {
    return {file_of({backend("app1", "10.77.0.21:80"), backend("app2", "10.77.0.22:80")}), wished,
            start};
}

backend_words serves(stamp at, administration wanted, std::optional<duration> deadline = {}) {
    return {{std::move(at), {wanted, deadline}}, {}, {}};
}
backend_words weighs(stamp at, unsigned weight) {
    return {{}, {std::move(at), weight}, {}};
}
backend_words exists(stamp at, std::optional<lb::backend_settings> one) {
    return {{}, {}, {std::move(at), std::move(one)}};
}

shared_wishes some() {
    shared_wishes out;
    auto& web = out["web"];
    web["app1"] = serves({3, "lb1"}, administration::drain, milliseconds{90'000});
    web["app1"].weight = {{9, "lb2"}, 7};
    web["app2"] = serves({4, "lb2"}, administration::maintenance);
    web["app3"] = exists({5, "lb2"}, backend("app3", "[fd77::23]:8080", 50));
    web["app4"] = exists({6, "lb1"}, std::nullopt);
    out["write"];
    return out;
}

administration wanted_of(lb::roster const& here, std::size_t index) {
    return here.states()[index].wanted;
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
          with("\"revision\":3", "\"revision\":0"), with(":90000", ":-1")}) {
        INFO(text);
        CHECK_FALSE(parse_shared_wishes(text).has_value());
    }
}

TEST_CASE("a command is stamped with the time, and after all that its balancer knows",
          "[balancer]") {
    CHECK(next_stamp({}, "lb1", 1000) == stamp{1000, "lb1"});
    CHECK(next_stamp(some(), "lb1", 1000) == stamp{1000, "lb1"});
    CHECK(next_stamp(some(), "lb1", 2) == stamp{10, "lb1"}); // another one's clock is ahead
    CHECK(stamp{7, "lb1"} < stamp{7, "lb2"}); // two at a time: the same one counts everywhere
    CHECK(stamp{7, "lb2"} < stamp{8, "lb1"});
}

TEST_CASE("in whatever order balancers hear of each other they end up alike", "[balancer]") {
    std::mt19937 chance{7};
    auto const pick = [&](unsigned of) { return static_cast<unsigned>(chance() % of); };
    auto const chosen = [&] { return stamp{1 + pick(5), "lb" + std::to_string(1 + pick(2))}; };
    // What a stamp says is one thing, whoever tells it.
    auto const number = [](stamp const& at) {
        return static_cast<unsigned>(2 * at.revision + (at.node == "lb1" ? 1 : 0));
    };
    for (int round = 0; round < 500; ++round) {
        std::vector<pool_words> told(4);
        for (auto& one : told)
            for (auto const* name : {"app1", "app3"}) {
                auto& words = one[name];
                auto const service = chosen();
                auto const weight = chosen();
                auto const added = chosen();
                words.service = {
                    service, {administration{static_cast<std::uint8_t>(number(service) % 3)}, {}}};
                words.weight = {weight, number(weight)};
                if (std::string_view{name} == "app3")
                    words.added = {added, number(added) % 3 == 0
                                              ? std::nullopt
                                              : std::optional{backend(name, "[::1]:1")}};
            }
        auto first_roster = web();
        auto second_roster = web();
        pool_words first;
        pool_words second;
        // Each is heard again and again: a backend that is added later gets its words then.
        for (int times = 0; times < 3; ++times)
            for (auto const& one : told)
                (void)merge(first, one, first_roster, start);
        std::shuffle(told.begin(), told.end(), chance);
        for (int times = 0; times < 3; ++times)
            for (auto const& one : told)
                (void)merge(second, one, second_roster, start);
        CHECK(first == second);
        CHECK(first_roster.wishes() == second_roster.wishes());
        CHECK(first_roster.wishes() == wishes_in(first));
    }
}

TEST_CASE("only what is newer is news, and only of backends that are here", "[balancer]") {
    auto here = web();
    pool_words own;
    CHECK(merge(own, {{"app1", serves({3, "lb1"}, administration::drain, milliseconds{30'000})}},
                here, start) == std::vector<std::string>{"app1: drain, by command on lb1"});
    CHECK(wanted_of(here, 0) == administration::drain);
    CHECK(here.states()[0].leaving->deadline == start + milliseconds{30'000});
    CHECK(merge(own, {{"app1", serves({3, "lb1"}, administration::drain)}}, here, start).empty());
    CHECK(merge(own, {{"app1", serves({2, "lb2"}, administration::ready)}}, here, start).empty());
    CHECK(merge(own, {{"gone", serves({9, "lb2"}, administration::drain)}}, here, start).empty());
    CHECK_FALSE(own.contains("gone"));
}

TEST_CASE("a new weight undoes no drain, and leaves its deadline alone", "[balancer]") {
    auto here = web();
    pool_words own;
    (void)merge(own, {{"app1", serves({3, "lb1"}, administration::drain, milliseconds{30'000})}},
                here, start);
    auto const later = start + milliseconds{9000};
    CHECK(merge(own, {{"app1", weighs({4, "lb2"}, 20)}}, here, later) ==
          std::vector<std::string>{"app1: weight 20, by command on lb2"});
    CHECK(wanted_of(here, 0) == administration::drain);
    CHECK(here.states()[0].leaving->deadline == start + milliseconds{30'000});
    CHECK(here.states()[0].weight == 20U);
}

TEST_CASE("a backend that was removed by command does not come back from who was away",
          "[balancer]") {
    auto here = web();
    auto const added = exists({5, "lb2"}, backend("app3", "10.77.0.23:80"));
    pool_words own;
    CHECK(merge(own, {{"app3", added}}, here, start) ==
          std::vector<std::string>{"app3: added as 10.77.0.23:80, by command on lb2"});
    CHECK(here.has("app3"));
    CHECK(merge(own, {{"app3", exists({6, "lb1"}, std::nullopt)}}, here, start) ==
          std::vector<std::string>{"app3: removed, by command on lb1"});
    CHECK(merge(own, {{"app3", added}}, here, start).empty());
    settle(own, here, start);
    CHECK(merge(own, {{"app3", added}}, here, start).empty());
    CHECK_FALSE(here.has("app3"));
}

TEST_CASE("a backend that is added again is another one than the one that was drained",
          "[balancer]") {
    auto here = web();
    pool_words own;
    auto drained = exists({5, "lb2"}, backend("app3", "10.77.0.23:80"));
    drained.service = {{6, "lb2"}, {administration::drain, {}}};
    drained.weight = {{7, "lb2"}, 20};
    (void)merge(own, {{"app3", drained}}, here, start);
    CHECK(wanted_of(here, 2) == administration::drain);
    // Its removal was not heard here, nor is it ever.
    (void)merge(own, {{"app3", exists({8, "lb1"}, backend("app3", "10.77.0.23:80"))}}, here, start);
    CHECK(wanted_of(here, 2) == administration::ready);
    CHECK(merge(own, {{"app3", drained}}, here, start).empty());
    CHECK(wanted_of(here, 2) == administration::ready);
    CHECK_FALSE(here.states()[2].weight.has_value());
}

TEST_CASE("removals are remembered, the last of them", "[balancer]") {
    auto here = web();
    pool_words own;
    pool_words told;
    for (unsigned each = 1; each <= removals_max + 10; ++each)
        told["app" + std::to_string(1000 + each)] = exists({each, "lb1"}, std::nullopt);
    (void)merge(own, told, here, start);
    CHECK(own.size() == removals_max);
    CHECK_FALSE(own.contains("app1010"));
    CHECK(own.contains("app1011"));
}

TEST_CASE("after another file everything is as it was wanted of who is in it", "[balancer]") {
    auto here = web();
    pool_words own;
    (void)merge(own,
                {{"app1", serves({3, "lb1"}, administration::drain)},
                 {"app2", weighs({4, "lb1"}, 20)},
                 {"app3", exists({5, "lb1"}, backend("app3", "10.77.0.23:80"))}},
                here, start);
    // app1 has another address, app2 is gone, and what was added is in the file now.
    auto const moved = backend("app1", "10.77.0.29:80");
    auto const kept = backend("app3", "10.77.0.23:80");
    here.configure(file_of({moved, kept}), start);
    settle(own, here, start);
    CHECK(wanted_of(here, 0) == administration::drain);
    CHECK_FALSE(own.contains("app2"));
    CHECK_FALSE(own.at("app3").added.value.has_value());
    // A command for it does not remove it where the file is still the old one.
    auto other = web();
    pool_words others;
    (void)merge(others, {{"app3", exists({5, "lb1"}, kept)}}, other, start);
    auto told = own;
    told["app3"].weight = {{7, "lb1"}, 50};
    (void)merge(others, told, other, start);
    REQUIRE(other.has("app3"));
    CHECK(other.states()[2].weight == 50U);
    // And it does not come back once the file has it no more.
    here.configure(file_of({moved}), start);
    settle(own, here, start);
    CHECK_FALSE(here.has("app3"));
}

} // namespace tasuki::balancer
