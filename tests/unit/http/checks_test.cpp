#include "sample_view.hpp"

#include "tasuki/http/checks.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::http;

namespace {

unsigned status_of(check_kind kind, cluster_view const& view, std::string group = {}) {
    return evaluate({kind, std::move(group), {}}, view).status;
}

cluster_view seen_from(std::string node, std::string state) {
    auto view = sample_view();
    view.node = std::move(node);
    view.groups[0].state = std::move(state);
    view.groups[0].lease_left.reset();
    return view;
}

} // namespace

TEST_CASE("the active node answers active and primary, the standby answers standby", "[http]") {
    auto const active = sample_view();
    CHECK(status_of(check_kind::active, active) == 200);
    CHECK(status_of(check_kind::primary, active) == 200);
    CHECK(status_of(check_kind::standby, active) == 503);
    auto const standby = seen_from("db2", "standby");
    CHECK(status_of(check_kind::active, standby) == 503);
    CHECK(status_of(check_kind::primary, standby) == 503);
    CHECK(status_of(check_kind::standby, standby) == 200);
    CHECK(evaluate({check_kind::active, "", {}}, standby).body == "not active in db: db1\n");
}

TEST_CASE("a lease that has run out since the last report is no lease", "[http]") {
    auto view = sample_view();
    view.groups[0].lease_left = milliseconds{40};
    view.shown_age = milliseconds{40};
    CHECK(status_of(check_kind::active, view) == 503);
    view.shown_age = milliseconds{39};
    CHECK(status_of(check_kind::active, view) == 200);
}

TEST_CASE("old data answers no check with yes", "[http]") {
    auto view = sample_view();
    view.groups[0].lease_left = milliseconds{60'000};
    view.shown_age = stale_after + milliseconds{1};
    for (auto const kind :
         {check_kind::active, check_kind::standby, check_kind::primary, check_kind::replica,
          check_kind::health, check_kind::liveness, check_kind::readiness})
        CHECK(status_of(kind, view) == 503);
}

TEST_CASE("the node that is active but not the master is no primary", "[http]") {
    auto view = sample_view();
    view.groups[0].mysql->master = "db2";
    CHECK(status_of(check_kind::active, view) == 200);
    CHECK(status_of(check_kind::primary, view) == 503);
    view.groups[0].mysql.reset();
    CHECK(status_of(check_kind::primary, view) == 200);
}

TEST_CASE("a master that is dead, read-only or not heard of lately is no primary", "[http]") {
    auto view = sample_view();
    auto& server = view.groups[0].mysql->servers[0];
    server.health = "down";
    CHECK(status_of(check_kind::primary, view) == 503);
    server.health = "up";
    server.writable = false;
    CHECK(status_of(check_kind::primary, view) == 503);
    server.writable = true;
    server.shown_age = stale_after;
    CHECK(status_of(check_kind::primary, view) == 503);
    server.shown_age = milliseconds{0};
    CHECK(status_of(check_kind::primary, view) == 200);
}

TEST_CASE("a standby that cannot take over is no standby", "[http]") {
    CHECK(status_of(check_kind::standby, seen_from("db3", "standby")) == 503);
    CHECK(status_of(check_kind::standby, seen_from("wit", "standby"), "db") == 503);
    auto view = seen_from("db2", "standby");
    view.nodes[1].standby = pause_view{{}, {}, "disk", "alice"};
    CHECK(status_of(check_kind::standby, view) == 503);
    CHECK(status_of(check_kind::readiness, view) == 503);
}

TEST_CASE("a replica is judged by its threads, its lag and the age of what is known", "[http]") {
    auto view = seen_from("db3", "standby");
    auto& replica = view.groups[0].mysql->replicas[1];
    auto const with_lag = [&](milliseconds lag) {
        return evaluate({check_kind::replica, "", lag}, view).status;
    };
    CHECK(status_of(check_kind::replica, view) == 200);
    CHECK(with_lag(milliseconds{4'000}) == 200);
    CHECK(with_lag(milliseconds{3'999}) == 503);
    replica.lag.reset();
    CHECK(with_lag(milliseconds{60'000}) == 503);
    replica.lag = milliseconds{0};
    replica.io = "connecting";
    CHECK(status_of(check_kind::replica, view) == 503);
    replica.io = "running";
    replica.shown_age = stale_after;
    CHECK(status_of(check_kind::replica, view) == 503);
    replica.shown_age = milliseconds{0};
    replica.quarantined = "diverged";
    CHECK(status_of(check_kind::replica, view) == 503);
    CHECK(status_of(check_kind::replica, sample_view()) == 503);
}

TEST_CASE("a node in several groups has to be asked about one of them", "[http]") {
    auto view = sample_view();
    auto second = sample_group();
    second.name = "cache";
    second.active = "db2";
    second.state = "standby";
    view.groups.push_back(second);
    CHECK(status_of(check_kind::active, view) == 400);
    CHECK(status_of(check_kind::active, view, "db") == 200);
    CHECK(status_of(check_kind::active, view, "cache") == 503);
    CHECK(status_of(check_kind::active, view, "web") == 404);
    CHECK(status_of(check_kind::readiness, view) == 200);
    CHECK(status_of(check_kind::health, view) == 200);
}

TEST_CASE("health is yes when degraded and no when down", "[http]") {
    auto view = sample_view();
    view.nodes[1].state = "down";
    auto const answer = evaluate({check_kind::health, "", {}}, view);
    CHECK(answer.status == 200);
    CHECK(answer.body.substr(0, 9) == "degraded\n");
    view.quorum.ok = false;
    CHECK(status_of(check_kind::health, view) == 503);
    CHECK(status_of(check_kind::readiness, view) == 503);
    CHECK(status_of(check_kind::liveness, view) == 200);
}

TEST_CASE("a lag has a unit and a bound", "[http]") {
    CHECK(parse_lag("10s") == milliseconds{10'000});
    CHECK(parse_lag("500ms") == milliseconds{500});
    CHECK(parse_lag("2m") == milliseconds{120'000});
    for (auto const* bad : {"", "10", "s", "-1s", "10MB", "10 s", "1e3s", "99999999999999999999s",
                            "9999999m", "10sec"})
        CHECK_FALSE(parse_lag(bad));
}
