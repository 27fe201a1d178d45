// What `status` and `why` show of a node, in every condition that an operator wants to see.
#include "tasuki/agent/view.hpp"

#include "view_stage.hpp"

#include <algorithm>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

http::why_view why_at(cluster& on, std::string const& name) {
    auto const why = why_of(shown_by(on, name), "vip");
    REQUIRE(why);
    return *why;
}

http::member_view member_in(http::cluster_view const& view, std::string const& name) {
    for (auto const& each : view.groups.at(0).members)
        if (each.node == name)
            return each;
    FAIL(name << " is not shown");
    return {};
}

http::node_view node_in(http::cluster_view const& view, std::string const& name) {
    auto const found = std::find_if(view.nodes.begin(), view.nodes.end(),
                                    [&](auto const& each) { return each.name == name; });
    REQUIRE(found != view.nodes.end());
    return *found;
}

bool names(std::vector<http::reason_view> const& reasons, std::string const& code) {
    return std::any_of(reasons.begin(), reasons.end(), [&](auto const& each) {
        return each.code == code && !each.text.empty() && !each.next_command.empty();
    });
}

} // namespace

TEST_CASE("view: the cluster as its active node shows it", "[agent][view]") {
    settled on;
    auto const it = shown_by(on, "a");
    CHECK(it.cluster == "staged");
    CHECK(it.node == "a");
    CHECK(it.version == "0.1.0");
    CHECK(it.safety == "safe");
    CHECK(http::to_rfc3339(it.time).starts_with("2026-01-01T00:00:0"));
    CHECK(it.quorum.voters == 3);
    CHECK(it.quorum.reachable == 3);
    CHECK(it.quorum.needed == 2);
    CHECK(it.quorum.ok);
    CHECK(it.counters.heartbeats_sent == 10);
    CHECK(it.counters.longest_stall == milliseconds{31});
    REQUIRE(it.warnings.size() == 1);
    CHECK(it.warnings.front().text == "two voters alone");
    CHECK(it.nodes.size() == 3);
}

TEST_CASE("view: the holder shows its lease, the others who it is", "[agent][view]") {
    settled on;
    auto const own = shown_by(on, "a").groups.at(0);
    CHECK(own.name == "vip");
    CHECK(own.epoch == 2);
    CHECK(own.active == "a");
    CHECK(own.state == "active");
    CHECK(own.since.has_value());
    REQUIRE(own.lease_left);
    CHECK(*own.lease_left > milliseconds{500});
    CHECK(*own.lease_left <= milliseconds{792});
    CHECK_FALSE(own.paused);
    REQUIRE(own.vips.size() == 1);
    CHECK(own.vips.front().address == "10.0.0.50");
    CHECK(own.vips.front().node == "a");
    CHECK_FALSE(own.vips.front().conflict);

    auto const others = shown_by(on, "b").groups.at(0);
    CHECK(others.epoch == 2);
    CHECK(others.active == "a");
    CHECK(others.state == "standby");
    CHECK_FALSE(others.lease_left);
    CHECK(others.vips.front().node == "a");
}

TEST_CASE("view: a peer with its paths, ages and digest", "[agent][view]") {
    settled on;
    auto const it = node_in(shown_by(on, "a"), "b");
    CHECK(it.state == "up");
    CHECK(it.voter);
    CHECK_FALSE(it.witness);
    CHECK_FALSE(it.standby);
    CHECK(it.note.empty());
    CHECK(it.config_digest == "000000000000004d");
    REQUIRE(it.paths.size() == 1);
    CHECK(it.paths.front().address == "10.0.0.2");
    CHECK(it.paths.front().hears_us);
    REQUIRE(it.heard);
    CHECK(*it.heard <= milliseconds{101});
}

TEST_CASE("view: a silent node is called so, and one never heard is unknown", "[agent][view]") {
    settled on;
    on.crash("b");
    on.run(seconds{2});
    auto const silent = node_in(shown_by(on, "a"), "b");
    CHECK(silent.state == "silent");
    REQUIRE(silent.heard);
    CHECK(*silent.heard > seconds{1});
    CHECK_FALSE(silent.note.empty());
    CHECK(shown_by(on, "a").quorum.reachable == 2);

    cluster alone;
    alone.start("a");
    alone.run(seconds{1});
    CHECK(node_in(shown_by(alone, "a"), "b").state == "unknown");
    CHECK_FALSE(shown_by(alone, "a").quorum.ok);
}

TEST_CASE("view: deafness is told at the right end", "[agent][view]") {
    settled on;
    on.cut("a", "b", false);
    on.run(seconds{2});
    auto const it = node_in(shown_by(on, "a"), "b");
    CHECK(it.state == "up"); // a hears b
    CHECK_FALSE(it.paths.front().hears_us);
    CHECK(it.note.find("b does not hear a") != std::string::npos);
}

TEST_CASE("view: pause, standby and conflict are shown where they belong", "[agent][view]") {
    settled on;
    CHECK(on.ask("a", ask_pause{on.id, true, on.time().wall_ms + 60'000, "network work"}).accepted);
    CHECK(on.ask("a", ask_standby{on.id, b, true, "x"}).accepted);
    on.tell("a", address_conflict{on.id, "02:00:00:00:00:09 answers for 10.0.0.50"});
    auto const it = shown_by(on, "a");
    auto const& group = it.groups.at(0);
    REQUIRE(group.paused);
    CHECK(group.paused->reason == "network work");
    CHECK(group.paused->until.has_value());
    CHECK_FALSE(group.ready.failover);
    CHECK(names(group.ready.reasons, "paused"));
    CHECK(group.vips.front().conflict == "02:00:00:00:00:09 answers for 10.0.0.50");
    CHECK(shown_by(on, "c").groups.at(0).vips.front().conflict == group.vips.front().conflict);
    CHECK(node_in(it, "b").standby.has_value());
    CHECK_FALSE(node_in(it, "c").standby.has_value());
    CHECK(group.ready.to == "c");
    on.tell("a", address_conflict{on.id, ""});
    CHECK_FALSE(shown_by(on, "a").groups.at(0).vips.front().conflict);
}

TEST_CASE("view: who would take over, and what stands in the way", "[agent][view]") {
    settled on;
    auto const good = why_at(on, "a");
    CHECK(good.group == "vip");
    CHECK(good.failover);
    CHECK(good.to == "b");
    CHECK(good.reasons.empty());
    CHECK(good.candidates.size() == 3);
    on.crash("b");
    on.run(seconds{1});
    auto const less = why_at(on, "a");
    CHECK(less.failover);
    CHECK(less.to == "c");
    CHECK(names(less.reasons, "quorum"));
    CHECK_FALSE(why_of(shown_by(on, "a"), "stranger").has_value());
}

TEST_CASE("view: without a spare voter a failover is only promised if the node survives",
          "[agent][view]") {
    settled on;
    on.crash("c");
    on.run(seconds{1});
    auto const ready = shown_by(on, "a").groups.at(0).ready;
    CHECK(ready.failover);
    REQUIRE(ready.reasons.size() == 1);
    CHECK(ready.reasons[0].text ==
          "only if the node itself survives: no further voter may be lost");
    on.crash("b");
    on.run(milliseconds{500});
    auto const lost = shown_by(on, "a").groups.at(0).ready;
    CHECK_FALSE(lost.failover);
    CHECK_FALSE(lost.lossless);
}

TEST_CASE("view: without quorum no failover is promised, whoever is up", "[agent][view]") {
    shape five;
    five.members = {"a", "b"};
    five.witnesses = {"w", "x", "y"};
    settled on{five};
    for (auto const* name : {"w", "x", "y"})
        on.crash(name);
    on.run(milliseconds{400});
    auto const it = shown_by(on, "b");
    CHECK(it.groups.at(0).ready.to.has_value());
    CHECK_FALSE(it.groups.at(0).ready.failover);
    CHECK(names(it.groups.at(0).ready.reasons, "no_quorum"));
}

TEST_CASE("view: every member says itself whether it stands, at every node", "[agent][view]") {
    settled on;
    for (auto const* asked : {"a", "b", "c"}) {
        CHECK(member_in(shown_by(on, asked), "b").eligible);
        CHECK(member_in(shown_by(on, asked), "b").reason.empty());
        CHECK(member_in(shown_by(on, asked), "a").role == "active");
    }
    CHECK(on.ask("a", ask_standby{on.id, b, true, "x"}).accepted);
    on.run(milliseconds{200});
    on.link("c", false);
    for (auto const* asked : {"a", "b", "c"}) {
        CHECK_FALSE(member_in(shown_by(on, asked), "b").eligible);
        CHECK(member_in(shown_by(on, asked), "b").reason == "on standby by the operator");
        CHECK(member_in(shown_by(on, asked), "c").reason ==
              "the interface of the virtual IP is down");
        CHECK_FALSE(shown_by(on, asked).groups.at(0).ready.failover);
    }
}

TEST_CASE("view: what has not been told is unknown, and what is old says so", "[agent][view]") {
    settled on;
    auto said = said_by_all(on);
    auto const alone = shown_by(on, "b", {});
    CHECK_FALSE(alone.groups.at(0).vips.front().node);
    CHECK_FALSE(alone.groups.at(0).vips.front().shown_age);
    CHECK(member_in(alone, "a").role == "unknown");
    CHECK(http::assess(alone).word == http::health::degraded);
    CHECK(http::assess(shown_by(on, "b", said)).reasons.size() == 1); // the sample's warning

    on.run(milliseconds{900});
    auto const older = shown_by(on, "b", said).groups.at(0);
    CHECK(older.vips.front().node == "a");
    CHECK(older.vips.front().shown_age == milliseconds{900});
    on.run(seconds{5});
    auto const old = shown_by(on, "b", said);
    CHECK(member_in(old, "a").role == "unknown");
    CHECK(names(http::assess(old).reasons, "vip_unknown"));
}

TEST_CASE("view: a refused address is told at every node, and nobody holds it", "[agent][view]") {
    settled on;
    on.at("b").address_trouble = problem{failure::conflict, "a stranger answers"};
    on.crash("a");
    on.run(seconds{2});
    for (auto const* asked : {"b", "c"}) {
        auto const it = shown_by(on, asked);
        auto const& group = it.groups.at(0);
        CHECK(group.active == "b");
        CHECK_FALSE(group.vips.front().node);
        CHECK(group.vips.front().shown_age.has_value());
        CHECK(names(group.reasons, "address"));
        CHECK(http::assess(it).word == http::health::down);
        CHECK(why_of(it, "vip")->reasons.back().text == "b: a stranger answers");
    }
}

TEST_CASE("view: a voter without state, or with a broken or full disk, is a reason everywhere",
          "[agent][view]") {
    cluster blank;
    blank.start("a");
    blank.run(seconds{1});
    CHECK(names(shown_by(blank, "a").groups.at(0).reasons, "no_record"));
    for (auto const outcome :
         {election::store_outcome::poisoned, election::store_outcome::failed}) {
        settled on;
        on.at("b").disk_trouble = outcome;
        CHECK(on.ask("a", ask_pause{on.id, true, 0, "x"}).accepted);
        on.run(milliseconds{100});
        auto const* code = outcome == election::store_outcome::failed ? "disk_full" : "disk";
        CHECK(names(shown_by(on, "b").groups.at(0).reasons, code));
        CHECK(names(shown_by(on, "c").groups.at(0).reasons, code));
        CHECK(names(http::assess(shown_by(on, "c")).reasons, code));
    }
}

TEST_CASE("view: the gate of an address is open at its holder, and closed everywhere else",
          "[agent][view]") {
    http::cluster_view view;
    view.nodes.resize(3);
    view.nodes[0].name = "a";
    view.nodes[1].name = "b";
    view.nodes[2].name = "wit";
    view.nodes[2].enforcement = "none";
    view.groups.resize(1);
    view.groups[0].members = {{"a", "active", true, ""}, {"b", "standby", true, ""}};
    view.groups[0].vips.resize(1);
    auto& vip = view.groups[0].vips[0];
    auto const gate = [&](std::string at_a, std::string at_b, std::optional<std::string> holder) {
        view.nodes[0].enforcement = std::move(at_a);
        view.nodes[1].enforcement = std::move(at_b);
        vip.node = std::move(holder);
        add_gates(view);
        return vip.gate;
    };
    CHECK(gate("ebpf", "ebpf", "a") == "open");
    CHECK(gate("ebpf", "lifetime", "a") == "open");
    CHECK(gate("nftables", "lifetime", "a") == "open");
    CHECK(gate("lifetime", "ebpf", "a") == "none");
    CHECK(gate("ebpf", "ebpf", std::nullopt) == "closed");
    CHECK(gate("ebpf", "agent", std::nullopt) == "none");
    CHECK(gate("ebpf", "", std::nullopt) == "none"); // has not told yet
}

TEST_CASE("view: rejected datagrams are counted by their reason", "[agent][view]") {
    settled on;
    on.tell("a", refused_datagram{heartbeat::reject::bad_mac});
    auto const counted = shown_by(on, "a").counters.heartbeats_rejected;
    CHECK(counted.at(std::string{to_string(heartbeat::reject::bad_mac)}) == 1);
}

TEST_CASE("view: a protected master with its replicas", "[agent][view]") {
    settled on{with_mysql()};
    on.servers().commit(a);
    on.run(milliseconds{300});
    auto const group = shown_by(on, "a").groups.at(0);
    CHECK(group.ready.failover);
    CHECK(group.ready.lossless);
    CHECK(group.ready.to == "b");
    REQUIRE(group.mysql);
    CHECK(group.mysql->master == "a");
    CHECK(group.mysql->is_protected);
    CHECK(group.mysql->required_acks == 1);
    CHECK_FALSE(group.mysql->degraded_since);
    CHECK(group.mysql->servers.size() == 3);
    REQUIRE(group.mysql->replicas.size() == 2);
    for (auto const& each : group.mysql->replicas) {
        CHECK(each.role == "acker");
        CHECK(each.io == "running");
        CHECK(each.sql == "running");
        CHECK(each.position == "0-1-1");
        CHECK_FALSE(each.errant);
        REQUIRE(each.shown_age);
        CHECK(*each.shown_age <= milliseconds{102});
    }
    for (auto const& each : group.mysql->servers)
        CHECK(each.writable == (each.node == "a"));
    for (auto const* asked : {"a", "b", "c"})
        CHECK(http::assess(shown_by(on, asked)).reasons.size() == 1); // the sample's warning
}

TEST_CASE("view: a master whose server died is down at every node", "[agent][view]") {
    settled on{with_mysql()};
    CHECK(on.ask("a", ask_pause{on.id, true, 0, "nobody may take over"}).accepted);
    on.run(milliseconds{300});
    on.crash_server("a");
    on.run(seconds{1});
    for (auto const* asked : {"a", "b", "c"}) {
        auto const it = shown_by(on, asked);
        INFO(asked);
        CHECK(http::assess(it).word == http::health::down);
        CHECK(names(http::assess(it).reasons, "mysql_down"));
    }
}

TEST_CASE("view: a degraded master says so, and that nobody would be promoted", "[agent][view]") {
    settled on{with_mysql()};
    on.servers().cut(a, b, true);
    on.servers().cut(a, c, true);
    REQUIRE(on.run_until([&] { return on.record("a").degraded_since_ms != 0; }, seconds{20}));
    auto const group = shown_by(on, "a").groups.at(0);
    REQUIRE(group.mysql);
    CHECK_FALSE(group.mysql->is_protected);
    CHECK(group.mysql->degraded_since.has_value());
    CHECK_FALSE(group.ready.failover);
    CHECK(names(group.ready.reasons, "not_ready"));
}
