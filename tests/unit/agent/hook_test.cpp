#include "tasuki/agent/hook.hpp"
#include "tasuki/agent/hook_turns.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

constexpr std::string_view file = R"(
[cluster]
name = "shop"
[node]
a = { addresses = ["10.77.0.1"] }
b = { addresses = ["10.77.0.2"] }
w = { addresses = ["10.77.0.9"], witness = true }
[[group]]
name = "web"
members = ["a", "b"]
[[group.vip]]
address = "10.77.0.50"
method = "hook"
interface = { a = "eth7" }
[[group.vip]]
address = "fd77::50"
method = "hook"
[group.hook]
program = "/opt/{node}/move"
timeout_ms = 700
)";

hook_run acquire(unsigned under) {
    return {hook_action::acquire, epoch{under}};
}
hook_run release(unsigned under) {
    return {hook_action::release, epoch{under}};
}
hook_end ended(int code) {
    return {hook_end::kind::exited, code, milliseconds{20}, {}};
}
hook_report well(hook_run of) {
    return {of, true, "ended with exit code 0 after 20 ms"};
}
hook_report at_once(hook_run of) {
    return {of, true, {}};
}

} // namespace

TEST_CASE("hook: a program that moves addresses is told which, and nothing else", "[agent]") {
    auto const config = parse_configuration(file, "tasuki.toml");
    REQUIRE(config.has_value());
    auto const call =
        address_call(*config, config->groups.front(), "a", hook_action::acquire, epoch{7});
    CHECK(call.program == "/opt/a/move");
    CHECK(call.arguments ==
          std::vector<std::string>{"acquire", "web", "10.77.0.50/32", "fd77::50/128"});
    CHECK(call.environment ==
          std::vector<std::string>{
              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
              "TASUKI_CLUSTER=shop", "TASUKI_NODE=a", "TASUKI_GROUP=web", "TASUKI_ACTION=acquire",
              "TASUKI_EPOCH=7", "TASUKI_ADDRESSES=10.77.0.50/32 fd77::50/128",
              "TASUKI_INTERFACES=eth7 -"});
    CHECK(call.limit == milliseconds{700});
}

TEST_CASE("hook: a program that checks a backend is told which", "[agent]") {
    lb::pool_settings pool;
    pool.name = "queue";
    pool.check.command = "/opt/{node}/check";
    pool.check.timeout = milliseconds{300};
    lb::backend_settings const backend{"mq1", *endpoint::parse("[fd77::21]:5672"), 100, false, 0};
    auto const it = check_call(pool, backend, "lb1");
    CHECK(it.program == "/opt/lb1/check");
    CHECK(it.limit == milliseconds{300});
    CHECK(it.arguments == std::vector<std::string>{"mq1", "fd77::21", "5672"});
    for (auto const* each : {"TASUKI_NODE=lb1", "TASUKI_POOL=queue", "TASUKI_BACKEND=mq1",
                             "TASUKI_ADDRESS=fd77::21", "TASUKI_PORT=5672"})
        CHECK(std::count(it.environment.begin(), it.environment.end(), each) == 1);
}

TEST_CASE("hook: the end of a program is told in one line", "[agent]") {
    CHECK(describe(ended(0)) == "ended with exit code 0 after 20 ms");
    CHECK(describe({hook_end::kind::exited, 3, milliseconds{9}, "no such instance"}) ==
          "ended with exit code 3 after 9 ms: no such instance");
    CHECK(describe({hook_end::kind::overdue, 9, milliseconds{700}, {}}) ==
          "did not end in time and was killed after 700 ms");
    CHECK(describe({hook_end::kind::not_run, 0, {}, "no such file"}) ==
          "could not be run: no such file");
    CHECK(succeeded(ended(0)));
    CHECK_FALSE(succeeded(ended(1)));
    CHECK_FALSE(succeeded({hook_end::kind::overdue, 0, {}, {}}));
}

TEST_CASE("hook: of its words the first line is kept, as letters and not too many", "[agent]") {
    CHECK(first_line("") == "");
    CHECK(first_line("\n\n").empty());
    CHECK(first_line("\n  one\ttwo\r\nthree") == "one two");
    CHECK(first_line("caf\xe9 \x1b[1m") == "caf?  [1m");
    CHECK(first_line(std::string(1000, 'x')).size() == hook_words_max);
}

TEST_CASE("hook: one call after the other, and the newest wish is answered", "[agent]") {
    hook_turns turns{false};
    CHECK(turns.want(acquire(3)) == hook_turn{acquire(3)});
    CHECK(turns.want(acquire(3)) == hook_turn{}); // it runs already
    CHECK(turns.ended(ended(0)) == hook_turn{well(acquire(3))});
    CHECK(turns.want(release(3)) == hook_turn{release(3)});
    CHECK(turns.want(acquire(4)) == hook_turn{}); // a release is never cut short
    CHECK(turns.ended(ended(0)) == hook_turn{acquire(4)});
    CHECK(turns.is_running());
    CHECK(turns.ended(ended(0)) == hook_turn{well(acquire(4))});
    CHECK_FALSE(turns.is_running());
}

TEST_CASE("hook: an acquire that is not wanted any more is killed, and undone", "[agent]") {
    hook_turns turns{false};
    CHECK(turns.want(acquire(3)) == hook_turn{acquire(3)});
    CHECK(turns.want(release(3)) == hook_turn{hook_kill{}});
    CHECK(turns.want(release(3)) == hook_turn{}); // once is enough
    CHECK(turns.ended({hook_end::kind::withdrawn, 9, {}, {}}) == hook_turn{release(3)});
    CHECK(turns.ended(ended(0)) == hook_turn{well(release(3))});
}

TEST_CASE("hook: what is given up already needs no program", "[agent]") {
    hook_turns turns{false};
    CHECK(turns.want(release(2)) == hook_turn{at_once(release(2))});
    CHECK(turns.want(acquire(3)) == hook_turn{acquire(3)});
    CHECK(turns.ended(ended(1)) ==
          hook_turn{hook_report{acquire(3), false, "ended with exit code 1 after 20 ms"}});
    CHECK(turns.want(release(3)) == hook_turn{release(3)}); // it may have done half of it
    CHECK(turns.ended(ended(1)) ==
          hook_turn{hook_report{release(3), false, "ended with exit code 1 after 20 ms"}});
    CHECK(turns.want(release(3)) == hook_turn{release(3)}); // it has not been given up
    CHECK(turns.ended(ended(0)) == hook_turn{well(release(3))});
    CHECK(turns.want(release(4)) == hook_turn{at_once(release(4))});
    CHECK(hook_turns{true}.want(release(0)) == hook_turn{release(0)}); // of an earlier life
}
