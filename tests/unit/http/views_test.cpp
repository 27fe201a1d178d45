#include "sample_view.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <algorithm>

namespace json = boost::json;
using namespace tasuki;
using namespace tasuki::http;

namespace {

bool gives(assessment const& judged, std::string_view code) {
    return std::any_of(judged.reasons.begin(), judged.reasons.end(),
                       [&](reason_view const& one) { return one.code == code; });
}

std::string keys_of(json::object const& object) {
    std::string out;
    for (auto const& [key, value] : object)
        out += (out.empty() ? "" : " ") + std::string{key};
    return out;
}

struct fault {
    std::string_view code;
    health word;
    void (*make)(cluster_view&);
};

void check_each(std::vector<fault> const& faults) {
    for (auto const& one : faults) {
        auto view = sample_view();
        one.make(view);
        auto const judged = assess(view);
        INFO(one.code);
        CHECK(judged.word == one.word);
        CHECK(gives(judged, one.code));
    }
}

} // namespace

TEST_CASE("the status document keeps every key of its schema", "[http]") {
    auto view = sample_view();
    view.groups[0].operation = sample_operation();
    view.pools = {sample_pool()};
    auto const document = json::parse(to_json(view)).as_object();
    CHECK(keys_of(document) == "schema cluster node time version safety health reasons age_ms "
                               "quorum nodes groups pools counters");
    CHECK(document.at("schema") == 1);
    CHECK(document.at("time") == "2026-01-01T12:00:00+00:00");
    CHECK(keys_of(document.at("quorum").as_object()) ==
          "voters reachable needed ok version change");
    auto const& node = document.at("nodes").at(0).as_object();
    CHECK(keys_of(node) == "name state age_ms version config_digest keys enforcement "
                           "enforcement_reason guard guard_reason voter witness standby "
                           "note paths");
    CHECK(json::serialize(node.at("paths").at(0)) ==
          R"({"address":"10.77.0.1","heard_ms":0,"hears_us":true})");
    auto const& group = document.at("groups").at(0).as_object();
    CHECK(keys_of(group) == "name epoch active state mode since lease_left_ms paused members vips "
                            "ready mysql operation last_operation reasons age_ms");
    CHECK(keys_of(group.at("vips").at(0).as_object()) ==
          "address interface node gate since conflict age_ms");
    CHECK(json::serialize(group.at("ready")) ==
          R"({"failover":true,"lossless":true,"to":"db2","expected_ms":1900,"reasons":[]})");
    auto const& mysql = group.at("mysql").as_object();
    CHECK(keys_of(mysql) ==
          "master protected required_acks degraded_since replicas servers age_ms");
    CHECK(keys_of(mysql.at("replicas").at(0).as_object()) ==
          "node role lag_ms io sql errant position quarantined age_ms");
    CHECK(keys_of(mysql.at("servers").at(0).as_object()) ==
          "node health detail position writable age_ms");
    CHECK(keys_of(group.at("operation").as_object()) ==
          "id kind group from to state started ms lossless automatic by reason "
          "error next_command steps");
    CHECK(json::serialize(document.at("pools").at(0).at("backends").at(0).at("weight")) ==
          R"({"configured":100,"effective":50})");
    // What the interface has promised of a backend; more keys may follow.
    auto const& backend = document.at("pools").at(0).at("backends").at(0).as_object();
    for (auto const* key : {"name", "admin", "health", "weight", "sessions", "reason"})
        CHECK(backend.contains(key));
}

TEST_CASE("the documents of a load balancer name who tells, and what", "[http]") {
    answerer const who{"shop", "lb1", noon};
    auto const pools = json::parse(pools_json(who, {sample_pool()})).as_object();
    CHECK(keys_of(pools) == "schema cluster node time pools");
    CHECK(keys_of(pools.at("pools").at(0).as_object()) ==
          "name node protocol listen sessions queued accepted refused trouble untold backends");
    sessions_view const all{"web", 7, {{"10.77.0.100:40001", "app1", "idle", milliseconds{900}}}};
    auto const sessions = json::parse(sessions_json(who, all)).as_object();
    CHECK(keys_of(sessions) == "schema cluster node time pool total sessions");
    CHECK(json::serialize(sessions.at("sessions")) ==
          R"([{"client":"10.77.0.100:40001","backend":"app1","state":"idle","age_ms":900}])");
}

TEST_CASE("what is not known is null, not absent", "[http]") {
    auto view = sample_view();
    view.groups[0].active.reset();
    view.groups[0].mysql.reset();
    view.nodes[1].heard.reset();
    auto const document = json::parse(to_json(view));
    CHECK(document.at("groups").at(0).at("active").is_null());
    CHECK(document.at("groups").at(0).at("mysql").is_null());
    CHECK(document.at("groups").at(0).at("paused").is_null());
    CHECK(document.at("nodes").at(1).at("age_ms").is_null());
}

TEST_CASE("a cluster without a flaw is healthy, and says so", "[http]") {
    auto const judged = assess(sample_view());
    CHECK(judged.word == health::healthy);
    CHECK(judged.reasons.empty());
    CHECK(json::parse(to_json(sample_view())).at("health") == "healthy");
}

TEST_CASE("each fault of a group is named with its own code", "[http]") {
    check_each({
        {"no_quorum", health::down,
         [](cluster_view& view) {
             view.quorum = {3, 1, 2, false};
         }},
        {"no_active", health::down, [](cluster_view& view) { view.groups[0].active.reset(); }},
        {"vip_missing", health::down,
         [](cluster_view& view) { view.groups[0].vips[0].node.reset(); }},
        {"vip_unknown", health::degraded,
         [](cluster_view& view) { view.groups[0].vips[0].shown_age.reset(); }},
        {"vip_unknown", health::degraded,
         [](cluster_view& view) {
             view.groups[0].vips[0].shown_age = stale_after + milliseconds{1};
         }},
        {"disk", health::degraded,
         [](cluster_view& view) {
             view.groups[0].reasons = {{"disk", "the state folder failed", "tasuki check"}};
         }},
        {"node_down", health::degraded, [](cluster_view& view) { view.nodes[1].state = "down"; }},
        {"standby", health::degraded,
         [](cluster_view& view) {
             view.nodes[1].standby = pause_view{{}, {}, "disk", "al"};
         }},
        {"deaf_path", health::degraded,
         [](cluster_view& view) { view.nodes[1].paths[0].hears_us = false; }},
        {"config_drift", health::degraded,
         [](cluster_view& view) { view.nodes[1].config_digest = "bb22"; }},
        {"keys_differ", health::degraded,
         [](cluster_view& view) { view.nodes[1].keys = "2-bb signs 2"; }},
        {"clock", health::degraded,
         [](cluster_view& view) {
             view.warnings.push_back({"clock", "the clock jumped", ""});
         }},
    });
}

TEST_CASE("each fault of a database is named with its own code", "[http]") {
    check_each({
        {"no_master", health::down,
         [](cluster_view& view) { view.groups[0].mysql->master.reset(); }},
        {"stale", health::down,
         [](cluster_view& view) { view.shown_age = stale_after + milliseconds{1}; }},
        {"conflict", health::degraded,
         [](cluster_view& view) { view.groups[0].vips[0].conflict = "02:00:00:00:00:09"; }},
        {"paused", health::degraded,
         [](cluster_view& view) {
             view.groups[0].paused = pause_view{{}, {}, "network work", "bob"};
         }},
        {"not_ready", health::degraded,
         [](cluster_view& view) { view.groups[0].ready.failover = false; }},
        {"unprotected", health::degraded,
         [](cluster_view& view) { view.groups[0].mysql->is_protected = false; }},
        {"quarantined", health::degraded,
         [](cluster_view& view) { view.groups[0].mysql->replicas[0].quarantined = "diverged"; }},
        {"errant", health::degraded,
         [](cluster_view& view) { view.groups[0].mysql->replicas[0].errant = true; }},
        {"replication_stopped", health::degraded,
         [](cluster_view& view) { view.groups[0].mysql->replicas[1].sql = "stopped"; }},
        {"mysql_disk_full", health::down,
         [](cluster_view& view) { view.groups[0].mysql->servers[0].health = "disk_full"; }},
        {"mysql_down", health::down,
         [](cluster_view& view) { view.groups[0].mysql->servers[0].health = "down"; }},
        {"mysql_hanging", health::down,
         [](cluster_view& view) { view.groups[0].mysql->servers[0].health = "hanging"; }},
        {"mysql_waiting_for_ack", health::down,
         [](cluster_view& view) { view.groups[0].mysql->servers[0].health = "waiting_for_ack"; }},
        {"mysql_full", health::degraded,
         [](cluster_view& view) { view.groups[0].mysql->servers[0].health = "full"; }},
        {"master_read_only", health::down,
         [](cluster_view& view) { view.groups[0].mysql->servers[0].writable = false; }},
        {"master_unknown", health::degraded,
         [](cluster_view& view) { view.groups[0].mysql->servers.clear(); }},
        {"master_unknown", health::degraded,
         [](cluster_view& view) {
             view.groups[0].mysql->servers[0].shown_age = stale_after + milliseconds{1};
         }},
    });
}

TEST_CASE("a master closed by a running operation is not down", "[http]") {
    auto view = sample_view();
    view.groups[0].mysql->servers[0].writable = false;
    view.groups[0].operation = sample_operation();
    CHECK(assess(view).word == health::healthy);
}

TEST_CASE("the worst reason comes first", "[http]") {
    auto view = sample_view();
    view.nodes[1].state = "down";
    view.quorum = {3, 1, 2, false};
    CHECK(assess(view).reasons.front().code == "no_quorum");
}

TEST_CASE("what passes is not worth an event, what changes is", "[http]") {
    auto const before = essence(sample_view());
    auto view = sample_view();
    view.shown_age = milliseconds{900};
    view.nodes[1].heard = milliseconds{3'000};
    view.groups[0].lease_left = milliseconds{10};
    view.groups[0].mysql->replicas[0].position = "0-1-813";
    ++view.counters.heartbeats_sent;
    CHECK(essence(view) == before);
    view.groups[0].vips[0].node = "db2";
    CHECK(essence(view) != before);
    auto degraded = sample_view();
    degraded.groups[0].reasons = {{"disk", "x", "y"}};
    CHECK(essence(degraded) != before);
}

TEST_CASE("the page says how it stands and where the rest is", "[http]") {
    auto view = sample_view();
    view.nodes[1].state = "down";
    auto const page = to_page(view);
    for (auto const* part :
         {"cluster shop is degraded", "db: active on db1", "10.77.0.50 on db1",
          "! node db2 is down", "MySQL master db1, protected", "/api/v1/status", "/metrics"}) {
        INFO(part);
        CHECK(page.find(part) != std::string::npos);
    }
    view.groups[0].vips[0].node.reset();
    CHECK(to_page(view).find("on NOBODY") != std::string::npos);
    view.groups[0].vips[0].shown_age.reset();
    CHECK(to_page(view).find("holder not known here") != std::string::npos);
}

TEST_CASE("times are printed in UTC with their offset", "[http]") {
    CHECK(to_rfc3339(wall_time{}) == "1970-01-01T00:00:00+00:00");
    CHECK(to_rfc3339(wall_time{std::chrono::seconds{1'709'251'199}}) ==
          "2024-02-29T23:59:59+00:00");
}

TEST_CASE("an operation, a plan, a history, a reason and a check are documents", "[http]") {
    answerer const who{"shop", "db1", noon};
    auto const operation = json::parse(operation_json(who, sample_operation())).at("operation");
    CHECK(operation.at("id") == 42);
    CHECK(json::serialize(operation.at("steps").at(0)) ==
          R"({"name":"check_candidate","node":"db2","ms":20,"outcome":"ok","detail":"lag 0 ms"})");
    CHECK(operation.at("steps").at(1).at("ms").is_null());

    auto const history = json::parse(history_json(who, {sample_operation(), sample_operation()}));
    CHECK(history.at("operations").as_array().size() == 2);

    plan_view plan;
    plan.kind = "switchover";
    plan.before = {{"db1", "master", "rw"}, {"db2", "acker", "ro"}};
    plan.steps = sample_operation().steps;
    auto const planned = json::parse(plan_json(who, plan)).at("plan");
    CHECK(planned.at("before").at(1).at("role") == "acker");
    CHECK(planned.at("steps").as_array().size() == 2);

    why_view why;
    why.group = "db";
    why.reasons = {{"lag", "db3 is behind", "wait"}};
    why.candidates = {{"db3", false, milliseconds{95'000}, "lag"}};
    why.decisions = {{noon, milliseconds{5}, "standby -> claiming", 7, "peer_silent", "2.6 s"}};
    auto const explained = json::parse(why_json(who, why));
    CHECK(explained.at("ready").at("reasons").at(0).at("next_command") == "wait");
    CHECK(explained.at("candidates").at(0).at("lag_ms") == 95'000);
    CHECK(explained.at("decisions").at(0).at("change") == "standby -> claiming");

    auto const checked = json::parse(check_json(who, {{"key", "db2", "failed", "differs", "scp"}}));
    CHECK(checked.at("checks").at(0).at("outcome") == "failed");
    CHECK(checked.at("schema") == 1);
}

TEST_CASE("a text in another character set does not spoil the document", "[http]") {
    std::string const latin = "Duplicate entry '\xe9t\xe9' for key";
    auto const read = [](std::string const& document) {
        boost::system::error_code error;
        auto const parsed = boost::json::parse(document, error);
        CHECK_FALSE(error);
        return parsed;
    };
    why_view why;
    why.candidates = {{"db2", false, {}, latin}};
    auto const told = read(why_json({}, why));
    CHECK(told.at("candidates").at(0).at("reason").as_string() == "Duplicate entry '?t?' for key");
    operation_view operation;
    operation.error = latin;
    read(operation_json({}, operation));
    read(history_json({}, {operation}));
    read(check_json({}, {{"server", "db1", "failed", latin, ""}}));
    auto view = sample_view();
    view.version = latin;
    read(to_json(view));
}
