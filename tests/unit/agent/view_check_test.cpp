// What `tasuki check` lists.
#include "tasuki/agent/view_check.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

node_settings safe_profile() {
    node_settings out;
    out.interval = milliseconds{200};
    out.terms.lease = milliseconds{2'500};
    out.terms.step_down = milliseconds{300};
    return out;
}

http::cluster_view fine() {
    http::cluster_view out;
    out.node = "db1";
    out.quorum = {3, 3, 2, true};
    out.nodes.resize(1);
    out.nodes[0].name = "db1";
    out.nodes[0].state = "up";
    out.nodes[0].enforcement = "ebpf";
    return out;
}

http::check_item_view item(std::vector<http::check_item_view> const& from,
                           std::string const& name) {
    auto const found =
        std::find_if(from.begin(), from.end(), [&](auto const& each) { return each.name == name; });
    REQUIRE(found != from.end());
    return *found;
}

} // namespace

TEST_CASE("check: what is in order is listed too", "[agent][view]") {
    auto const items = check_items(fine(), safe_profile(), {{"grants", "db1", "ok", "", ""}});
    CHECK(items.size() == 5);
    for (auto const& each : items)
        CHECK(each.outcome == "ok");
}

TEST_CASE("check: what takes the address away is told, and why nothing better does",
          "[agent][view]") {
    auto view = fine();
    auto const told = [&](std::string enforcement, std::string why) {
        view.nodes[0].enforcement = std::move(enforcement);
        view.nodes[0].enforcement_reason = std::move(why);
        auto const found = item(check_items(view, safe_profile(), {}), "enforcement");
        return found.outcome + ": " + found.detail;
    };
    CHECK(told("ebpf", "") == "ok: the address is taken away by: ebpf");
    CHECK(told("lifetime", "grant CAP_BPF") ==
          "ok: the address is taken away by: lifetime; no ebpf: grant CAP_BPF");
    CHECK(told("agent", "grant CAP_BPF") ==
          "warning: the address is taken away by: agent; no ebpf: grant CAP_BPF");
    CHECK(told("program", "a program moves them") == "warning: a program moves them");
    CHECK(told("ebpf", "a program moves others") ==
          "ok: the address is taken away by: ebpf; a program moves others");
    CHECK(told("none", "") == "ok: this node carries no virtual IP");
    CHECK(told("", "") == "warning: the address is taken away by: unknown");
}

TEST_CASE("check: a missing guardian is a warning with what to do", "[agent][view]") {
    auto view = fine();
    CHECK(item(check_items(view, safe_profile(), {}), "guardian").outcome == "ok");
    view.nodes[0].guard_reason = "no tasuki-guard listens";
    auto const found = item(check_items(view, safe_profile(), {}), "guardian");
    CHECK(found.outcome == "warning");
    CHECK(found.detail.find("no tasuki-guard listens") != std::string::npos);
    CHECK(found.next_command == "systemctl enable --now tasuki-guard");
}

TEST_CASE("check: the lease that fits is recommended from the longest stall", "[agent][view]") {
    auto view = fine();
    view.counters.longest_stall = milliseconds{900}; // 2500 - 300 - 2 * 200 = 1800 are bearable
    CHECK(item(check_items(view, safe_profile(), {}), "stall").outcome == "ok");
    view.counters.longest_stall = milliseconds{2'000};
    auto const stall = item(check_items(view, safe_profile(), {}), "stall");
    CHECK(stall.outcome == "warning");
    CHECK(stall.next_command.starts_with("set lease_ms = 4800 in [cluster]"));
}

TEST_CASE("check: every reason of the health is there, the worst as failed", "[agent][view]") {
    auto view = fine();
    http::group_view group;
    group.name = "db";
    group.ready.failover = true;
    group.reasons = {{"disk_full", "db2: the state folder is full", "free space on db2"}};
    view.groups = {group}; // and nobody is active in it
    auto const items = check_items(view, safe_profile(), {});
    CHECK(item(items, "no_active").outcome == "failed");
    CHECK(item(items, "disk_full").outcome == "warning");
    CHECK(item(items, "disk_full").next_command == "free space on db2");
    view.quorum = {3, 1, 2, false};
    view.nodes.resize(2);
    view.nodes[1].name = "db2";
    view.nodes[1].state = "silent";
    auto const quorum = item(check_items(view, safe_profile(), {}), "quorum");
    CHECK(quorum.outcome == "failed");
    CHECK(quorum.detail == "1 of 3 voters reachable, 2 needed; missing: db2");
}
