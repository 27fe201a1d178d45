#include "tasuki/ctl/pool_text.hpp"

#include <catch2/catch.hpp>

#include <boost/json.hpp>

#include <string>
#include <utility>

namespace tasuki::ctl {

namespace {

constexpr auto document = R"({"pools":[
 {"name":"web","protocol":"tcp","listen":["10.77.0.60:80"],"sessions":13,"queued":0,"trouble":"",
  "backends":[
   {"name":"app1","address":"10.77.0.21:8080","admin":"drain","health":"up","backup":false,
    "weight":{"configured":100,"effective":0},"sessions":1,"drain_left_ms":58200,
    "reason":"drained by the operator"},
   {"name":"app2","address":"10.77.0.22:8080","admin":"ready","health":"up","backup":false,
    "weight":{"configured":50,"effective":50},"sessions":12,"drain_left_ms":null,"reason":""}]},
 {"name":"write","protocol":"mysql","listen":[],"sessions":0,"queued":2,"trouble":"all at once",
  "backends":[
   {"name":"db1","address":"10.77.0.1:3306","admin":"ready","health":"down","backup":false,
    "weight":{"configured":100,"effective":0},"sessions":0,"drain_left_ms":null,
    "reason":"connecting: Connection refused"}]}]})";

constexpr auto sessions = R"({"total":7,"sessions":[
 {"client":"10.77.0.100:40001","backend":"app1","state":"in transaction for 12 s","age_ms":60000},
 {"client":"10.77.0.100:40002","backend":"app1","state":"idle, silent for 0 s","age_ms":900}]})";

} // namespace

TEST_CASE("pools are told with who gets how much, and why not more", "[ctl][lb]") {
    auto const parsed = parse_document(document);
    REQUIRE(parsed);
    reading const all{*parsed};
    CHECK(format_pools(all, "web", false) ==
          "web (tcp, 10.77.0.60:80): 13 sessions\n"
          "  BACKEND  ADDRESS          STATE  WEIGHT    HEALTH  SESSIONS  WHY\n"
          "  app1     10.77.0.21:8080  drain  0 of 100  up      1         drained by the operator, "
          "58s left\n"
          "  app2     10.77.0.22:8080  ready  50        up      12\n");
    auto const whole = format_pools(all, "", false);
    CHECK(whole.find("! write (mysql, nowhere): 0 sessions, 2 waiting for a place\n"
                     "! no backend takes connections\n"
                     "! all at once\n") != std::string::npos);
    CHECK(format_pools(reading{}, "", false) == "no pool is served on this node\n");
    CHECK(has_pool(all, "write"));
    CHECK_FALSE(has_pool(all, "read"));
}

TEST_CASE("a drain shows who is left, and why", "[ctl][lb]") {
    auto const pools = parse_document(document);
    auto const left = parse_document(sessions);
    REQUIRE((pools && left));
    auto const backend = find_backend(reading{*pools}, "web", "app1");
    REQUIRE(backend);
    CHECK(format_progress("web", *backend) == "web/app1: draining, 1 session left, at most 58s\n");
    CHECK(format_left(reading{*left}, 1) ==
          "  10.77.0.100:40001 in transaction for 12 s\n  and 6 more\n");
    CHECK(format_sessions(reading{*left}) ==
          "  CLIENT             BACKEND  SINCE  STATE\n"
          "  10.77.0.100:40001  app1     1m 0s  in transaction for 12 s\n"
          "  10.77.0.100:40002  app1     900ms  idle, silent for 0 s\n"
          "and 5 more\n");
    CHECK_FALSE(find_backend(reading{*pools}, "web", "app9"));
    auto const ready = find_backend(reading{*pools}, "web", "app2");
    CHECK(format_progress("web", *ready) == "web/app2: ready, weight 50, 12 sessions\n");
}

TEST_CASE("a backend is empty once all balancers that are heard have emptied it", "[ctl][lb]") {
    auto const with = [](std::string const& admin, std::string const& elsewhere) {
        auto const text = R"({"name":"app1","admin":")" + admin + R"(","sessions":2,"weight":{},)" +
                          R"("elsewhere":[)" + elsewhere + "]}";
        auto const parsed = parse_document(text);
        REQUIRE(parsed);
        reading const backend{*parsed};
        return std::pair{remaining_of(backend), format_progress("web", backend)};
    };
    auto const other = [](std::string const& node, std::string const& admin, int count, int age) {
        return R"({"node":")" + node + R"(","admin":")" + admin + R"(","sessions":)" +
               std::to_string(count) + R"(,"age_ms":)" + std::to_string(age) + "}";
    };
    auto const obeys =
        with("drain", other("lb2", "drain", 3, 900) + "," + other("lb3", "drain", 0, 900));
    CHECK(obeys.first.sessions == 5);
    CHECK(obeys.first.all_told);
    CHECK(obeys.second == "web/app1: draining, 2 sessions left here, 3 sessions on lb2\n");
    auto const late = with("drain", other("lb2", "ready", 0, 900));
    CHECK_FALSE(late.first.all_told);
    CHECK(late.first.elsewhere == "0 sessions on lb2, not told yet");
    auto const silent = with("drain", other("lb2", "ready", 7, 6000));
    CHECK(silent.first.sessions == 2);
    CHECK(silent.first.all_told);
    CHECK(silent.first.silent == "lb2");
    CHECK(with("drain", R"({"node":"lb2","age_ms":null})").first.silent == "lb2");
    CHECK(with("drain", other("lb2", "", 0, 900)).first.all_told); // it does not have it
    CHECK(with("ready", other("lb2", "ready", 7, 900)).first.all_told);
}

} // namespace tasuki::ctl
