// What `status` and `why` show of a node, in every condition that an operator wants to see.
#include "tasuki/agent/view.hpp"

#include "cluster_start.hpp"

#include <algorithm>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

conditions sample_conditions() {
    conditions out;
    out.version = "0.1.0";
    out.enforcement = "lifetime";
    out.warnings = {"two voters alone"};
    out.sent = 10;
    out.received = 9;
    out.longest_stall = milliseconds{31};
    return out;
}

http::cluster_view shown_by(cluster& on, std::string const& name) {
    return view_of(*on.at(name).agent, sample_conditions(), on.time());
}

http::node_view node_in(http::cluster_view const& view, std::string const& name) {
    auto const found = std::find_if(view.nodes.begin(), view.nodes.end(),
                                    [&](auto const& each) { return each.name == name; });
    REQUIRE(found != view.nodes.end());
    return *found;
}

bool names(std::vector<http::reason_view> const& reasons, std::string const& code) {
    return std::any_of(reasons.begin(), reasons.end(), [&](auto const& each) {
        return each.code == code && !each.text.empty() && each.next_command.starts_with("tasuki ");
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
    CHECK(node_in(it, "b").standby.has_value());
    CHECK_FALSE(node_in(it, "c").standby.has_value());
    CHECK(group.ready.to == "c");
    on.tell("a", address_conflict{on.id, ""});
    CHECK_FALSE(shown_by(on, "a").groups.at(0).vips.front().conflict);
}

TEST_CASE("view: who would take over, and what stands in the way", "[agent][view]") {
    settled on;
    auto const good = *why_of(*on.at("a").agent, on.id, on.time());
    CHECK(good.group == "vip");
    CHECK(good.failover);
    CHECK(good.to == "b");
    CHECK(good.reasons.empty());
    on.crash("b");
    on.run(seconds{1});
    auto const less = *why_of(*on.at("a").agent, on.id, on.time());
    CHECK(less.to == "c");
    CHECK(names(less.reasons, "quorum"));
    on.crash("c");
    on.run(milliseconds{500});
    auto const bad = *why_of(*on.at("a").agent, on.id, on.time());
    CHECK_FALSE(bad.failover);
    CHECK(names(bad.reasons, "no_candidate"));
    CHECK_FALSE(why_of(*on.at("a").agent, group_named("stranger"), on.time()).has_value());
}

TEST_CASE("view: a node that does not stand says why", "[agent][view]") {
    settled on;
    auto const own = [&](std::string const& name) {
        auto const members = shown_by(on, name).groups.at(0).members;
        REQUIRE(members.size() == 1);
        return members.front();
    };
    CHECK(own("b").eligible);
    CHECK(own("b").reason.empty());
    CHECK(on.ask("a", ask_standby{on.id, b, true, "x"}).accepted);
    on.run(milliseconds{200});
    CHECK_FALSE(own("b").eligible);
    CHECK(own("b").reason == "on standby by the operator");
    on.link("c", false);
    CHECK(own("c").reason == "the interface of the virtual IP is down");
}

TEST_CASE("view: a voter without state or with a broken disk is a reason", "[agent][view]") {
    cluster blank;
    blank.start("a");
    blank.run(seconds{1});
    CHECK(names(shown_by(blank, "a").groups.at(0).reasons, "no_record"));
    settled on;
    on.at("b").disk_trouble = election::store_outcome::poisoned;
    CHECK(on.ask("a", ask_pause{on.id, true, 0, "x"}).accepted);
    on.run(milliseconds{100});
    CHECK(names(shown_by(on, "b").groups.at(0).reasons, "disk"));
}

TEST_CASE("view: an address that cannot be opened is a reason", "[agent][view]") {
    settled on;
    on.at("b").address_trouble = problem{failure::broken, "eth0: no such interface"};
    on.crash("a");
    on.run(seconds{2});
    auto const group = shown_by(on, "b").groups.at(0);
    CHECK(names(group.reasons, "address"));
    CHECK_FALSE(group.vips.front().node.has_value());
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
