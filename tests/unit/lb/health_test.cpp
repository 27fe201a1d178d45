#include "tasuki/lb/health.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

namespace tasuki::lb {

namespace {

instant const begun = instant{std::chrono::hours{1}};
health_rules const rules;

/// Shows the checks one after the other, each when it is due; returns the health after each.
std::string after_each(std::string_view checks, health_state& it) {
    std::string out;
    for (char const each : checks) {
        auto const at = it.check_at;
        (void)checked(it, rules, {each == '+', each == '+' ? "" : "refused"}, at);
        out += to_string(it.now).front();
    }
    return out;
}

} // namespace

TEST_CASE("a backend goes up and down after so many checks in a row", "[lb]") {
    auto it = begin_checks(rules, "app1", begun);
    CHECK(after_each("+", it) == "u");
    CHECK(it.now == health::up);
    CHECK(after_each("--+--+", it) == "uuuuuu");
    CHECK(it.now == health::up);
    CHECK(after_each("---", it) == "uud");
    CHECK(it.why == "refused");
    CHECK(after_each("+-+-++", it) == "dddddu");
    auto never_seen = begin_checks(rules, "app2", begun);
    CHECK(after_each("---", never_seen) == "uud");
    CHECK(never_seen.now == health::down);
}

TEST_CASE("checks come fast while they disagree with what is believed", "[lb]") {
    auto it = begin_checks(rules, "app1", begun);
    (void)checked(it, rules, {true, ""}, begun);
    CHECK(it.check_at == begun + rules.interval);
    (void)checked(it, rules, {false, "x"}, begun);
    CHECK(it.check_at == begun + rules.fast_interval);
    (void)checked(it, rules, {false, "x"}, begun);
    CHECK(checked(it, rules, {false, "x"}, begun));
    CHECK(it.check_at == begun + rules.interval);
}

TEST_CASE("clients that cannot connect bring the next check forward, and decide nothing", "[lb]") {
    auto it = begin_checks(rules, "app1", begun);
    (void)checked(it, rules, {true, ""}, begun);
    auto const soon = begun + milliseconds{100};
    connected(it, rules, false, soon);
    connected(it, rules, false, soon);
    connected(it, rules, true, soon);
    connected(it, rules, false, soon);
    connected(it, rules, false, soon);
    CHECK(it.check_at == begun + rules.interval);
    connected(it, rules, false, soon);
    CHECK(it.check_at == soon);
    CHECK(it.now == health::up);
}

TEST_CASE("first checks are spread over the interval", "[lb]") {
    std::vector<duration> offsets;
    for (int each = 0; each < 100; ++each)
        offsets.push_back(begin_checks(rules, "app" + std::to_string(each), begun).check_at -
                          begun);
    for (duration part{}; part < rules.interval; part += rules.interval / 4) {
        auto const in_it = std::count_if(offsets.begin(), offsets.end(), [&](duration each) {
            return each >= part && each < part + rules.interval / 4;
        });
        CHECK(in_it > 12);
    }
    CHECK(begin_checks(rules, "app7", begun).check_at - begun == offsets[7]);
}

TEST_CASE("all that fails at once is the balancer's own fault", "[lb]") {
    CHECK(is_own_fault(0, 4, 4));
    CHECK_FALSE(is_own_fault(0, 4, 3)); // one after the other
    CHECK_FALSE(is_own_fault(1, 4, 4));
    CHECK_FALSE(is_own_fault(0, 1, 1)); // nothing to compare with
}

} // namespace tasuki::lb
