// The lines of an operation, put together.
#include "tasuki/agent/timeline.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

constexpr std::uint64_t begun_ms = 1'767'225'600'000;

node_settings names() {
    node_settings out;
    for (auto const* name : {"db1", "db2", "db3"})
        out.names[node_named(name)] = name;
    group_settings group;
    group.id = group_named("db");
    group.name = "db";
    out.groups = {group};
    return out;
}

progress_note line(std::string step, std::uint64_t after_ms, std::string const& node = "db2") {
    progress_note it;
    it.operation = operation_id{7};
    it.group = group_named("db");
    it.kind = "failover";
    it.from = node_named("db1");
    it.to = node_named("db2");
    it.under = epoch{3};
    it.node = node_named(node);
    it.step = std::move(step);
    it.text = "text of " + it.step;
    it.reason = "mysqld died";
    it.wall_ms = begun_ms + after_ms;
    return it;
}

progress_note ending(std::string result, std::uint64_t after_ms) {
    auto it = line("end", after_ms);
    it.result = std::move(result);
    return it;
}

operation told(std::vector<progress_note> const& lines) {
    operation out;
    bool first = true;
    for (auto const& each : lines) {
        out = with_note(first ? nullptr : &out, each, names());
        first = false;
    }
    return out;
}

} // namespace

TEST_CASE("timeline: the first line begins the operation", "[agent][timeline]") {
    auto const it = told({line("lease", 0)});
    CHECK(it.id == operation_id{7});
    CHECK(it.kind == operation_kind::failover);
    CHECK(it.group == "db");
    CHECK(it.from == "db1");
    CHECK(it.to == "db2");
    CHECK(it.under == epoch{3});
    CHECK(it.reason == "mysqld died");
    CHECK(it.started_ms == begun_ms);
    CHECK(it.result == operation_result::running);
    REQUIRE(it.steps.size() == 1);
    CHECK(it.steps[0].name == "lease");
    CHECK(it.steps[0].node == "db2");
    CHECK(it.steps[0].detail == "text of lease");
}

TEST_CASE("timeline: a step took as long as it came after the one before", "[agent][timeline]") {
    auto const it =
        told({line("lease", 0), line("freeze", 12), line("drain", 12), line("open", 40, "db3")});
    REQUIRE(it.steps.size() == 4);
    CHECK(it.steps[0].ms == 0);
    CHECK(it.steps[1].ms == 12);
    CHECK(it.steps[2].ms == 0);
    CHECK(it.steps[3].ms == 28);
    CHECK(it.steps[3].node == "db3");
}

TEST_CASE("timeline: the lines of the plan are no steps", "[agent][timeline]") {
    auto const it = told({line("plan", 0), line("plan", 0), line("catch_up", 3)});
    REQUIRE(it.steps.size() == 1);
    CHECK(it.steps[0].name == "catch_up");
    CHECK(it.started_ms == begun_ms);
}

TEST_CASE("timeline: the clock of another node that is behind gives no negative time",
          "[agent][timeline]") {
    auto const it = told({line("release", 50), line("lease", 0, "db3"), ending("done", 0)});
    CHECK(it.steps[1].ms == 0);
    CHECK(it.ms == 0);
}

TEST_CASE("timeline: the last line says how it ended and how long it took", "[agent][timeline]") {
    struct row {
        std::string word;
        operation_result result;
    };
    for (auto const& each :
         {row{"done", operation_result::done}, row{"refused", operation_result::refused},
          row{"failed", operation_result::failed}}) {
        auto const it = told({line("lease", 0), ending(each.word, 812)});
        CHECK(it.result == each.result);
        CHECK(it.ms == 812);
        CHECK(it.detail == "text of end");
        CHECK(it.steps.size() == 1);
    }
}

TEST_CASE("timeline: kinds are those of the history", "[agent][timeline]") {
    auto const kind_of = [](std::string word) {
        auto it = line("lease", 0);
        it.kind = std::move(word);
        return told({it}).kind;
    };
    CHECK(kind_of("switchover") == operation_kind::switchover);
    CHECK(kind_of("failover") == operation_kind::failover);
    CHECK(kind_of("reopen") == operation_kind::promotion);
    CHECK(kind_of("bootstrap") == operation_kind::bootstrap);
}

TEST_CASE("timeline: the successor that goes on with it is the one it went to",
          "[agent][timeline]") {
    auto first = line("release", 0, "db1");
    first.to = {};
    CHECK(told({first}).to.empty());
    auto second = line("lease", 5, "db3");
    second.to = node_named("db3");
    second.under = epoch{4};
    auto const it = told({first, second});
    CHECK(it.to == "db3");
    CHECK(it.under == epoch{4});
}

TEST_CASE("timeline: the API shows a finished operation with its steps", "[agent][timeline]") {
    auto const shown = view_of(told({line("lease", 0), line("open", 30), ending("done", 45)}));
    CHECK(shown.id == 7);
    CHECK(shown.kind == "failover");
    CHECK(shown.state == "done");
    CHECK(http::to_rfc3339(shown.started) == "2026-01-01T00:00:00+00:00");
    CHECK(shown.took == milliseconds{45});
    CHECK(shown.error.empty());
    REQUIRE(shown.steps.size() == 2);
    CHECK(shown.steps[1].took == milliseconds{30});
    CHECK(shown.steps[1].outcome == "ok");
    CHECK(http::is_finished(shown));
}

TEST_CASE("timeline: a line of what was thought interrupted shows that it goes on",
          "[agent][timeline]") {
    auto cut = told({line("lease", 0)});
    cut.result = operation_result::interrupted;
    cut.detail = "how it ended is not known here";
    auto const next = with_note(&cut, line("freeze", 5), names());
    CHECK(next.result == operation_result::running);
    CHECK(next.detail.empty());
    auto const ended = told({line("lease", 0), ending("done", 5)});
    CHECK(with_note(&ended, line("late", 6), names()).result == operation_result::done);
}

TEST_CASE("timeline: the API shows who asked, and what to do about a failure",
          "[agent][timeline]") {
    auto it = told({line("lease", 0), ending("failed", 5)});
    it.by = "root";
    it.automatic = false;
    it.lossless = false;
    auto const shown = view_of(it);
    CHECK(shown.by == "root");
    CHECK_FALSE(shown.automatic);
    CHECK(shown.lossless == false);
    CHECK(shown.next_command == "tasuki why db");
}

TEST_CASE("timeline: the API shows why one failed, and that one still runs", "[agent][timeline]") {
    auto const failed = view_of(told({line("lease", 0), ending("failed", 5)}));
    CHECK(failed.state == "failed");
    CHECK(failed.error == "text of end");
    auto const running = view_of(told({line("lease", 0)}));
    CHECK(running.state == "running");
    CHECK_FALSE(running.took.has_value());
    CHECK_FALSE(http::is_finished(running));
}
