#include "sample_view.hpp"

#include "tasuki/http/api.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::http;

namespace {

template<class Request>
Request routed_to(std::string_view method, std::string_view target, std::string_view body = {}) {
    auto const asked = route(method, target, body);
    INFO(method << ' ' << target << ' ' << body);
    INFO((asked ? std::string{} : asked.error().reason));
    REQUIRE(asked.has_value());
    REQUIRE(std::holds_alternative<Request>(*asked));
    return std::get<Request>(*asked);
}

api_error refused(std::string_view method, std::string_view target, std::string_view body = {}) {
    auto const asked = route(method, target, body);
    INFO(method << ' ' << target << ' ' << body);
    REQUIRE_FALSE(asked.has_value());
    return asked.error();
}

} // namespace

TEST_CASE("what reads is routed by path", "[http]") {
    routed_to<get_status>("GET", "/api/v1/status");
    routed_to<get_check>("GET", "/api/v1/check");
    routed_to<get_keys>("GET", "/api/v1/keys");
    routed_to<get_page>("GET", "/");
    routed_to<get_page>("HEAD", "/");
    routed_to<get_metrics>("GET", "/metrics");
    CHECK(routed_to<get_history>("GET", "/api/v1/history").limit == 50);
    CHECK(routed_to<get_history>("GET", "/api/v1/history?limit=5").limit == 5);
    CHECK(routed_to<get_operation>("GET", "/api/v1/operations/42").id == 42);
    CHECK(routed_to<get_why>("GET", "/api/v1/groups/db/why").group == "db");
    CHECK_FALSE(routed_to<get_events>("GET", "/api/v1/events").operation);
    CHECK(routed_to<get_events>("GET", "/api/v1/events?operation=42").operation == 42U);
    CHECK(routed_to<get_events>("GET", "/api/v1/events?only=standings").of_standings);
    CHECK_FALSE(route("GET", "/api/v1/events?only=status", {}).has_value());
    CHECK_FALSE(route("GET", "/api/v1/events?only=standings&operation=4", {}).has_value());
    CHECK(routed_to<get_events>("GET", "/api/v1/operations/42/events").operation == 42U);
}

TEST_CASE("checks are routed with their query, for GET, HEAD and OPTIONS", "[http]") {
    CHECK(routed_to<check_query>("GET", "/active") == check_query{check_kind::active, "", {}});
    CHECK(routed_to<check_query>("HEAD", "/master?group=db") ==
          check_query{check_kind::primary, "db", {}});
    CHECK(routed_to<check_query>("OPTIONS", "/replica?lag=10s&group=d%62") ==
          check_query{check_kind::replica, "db", milliseconds{10'000}});
    CHECK(refused("GET", "/replica?lag=10MB").status == 400);
    CHECK(refused("GET", "/active?lag=10s").status == 400);
    CHECK(refused("GET", "/active?grup=db").status == 400);
    CHECK(refused("POST", "/active").status == 405);
}

TEST_CASE("what changes is routed with its options", "[http]") {
    auto const plain = routed_to<post_switchover>("POST", "/api/v1/groups/db/switchover");
    CHECK(plain.group == "db");
    CHECK(plain.to.empty());
    CHECK_FALSE(plain.dry_run);
    auto const full =
        routed_to<post_switchover>("POST", "/api/v1/groups/db/switchover",
                                   R"({"to":"db2","dry_run":true,"reason":"kernel update"})");
    CHECK(full.to == "db2");
    CHECK(full.dry_run);
    CHECK(full.reason == "kernel update");
    auto const forced = routed_to<post_failover>("POST", "/api/v1/groups/db/failover",
                                                 R"({"to":"db3","allow_loss":true})");
    CHECK(forced.allow_loss);
    auto const pause = routed_to<post_pause>("POST", "/api/v1/groups/db/pause",
                                             R"({"for_ms":1800000,"reason":"network"})");
    CHECK(pause.lasting == milliseconds{1'800'000});
    CHECK(routed_to<post_pause>("POST", "/api/v1/pause", R"({"reason":"x"})").group.empty());
    routed_to<post_resume>("POST", "/api/v1/resume");
    CHECK(routed_to<post_resume>("POST", "/api/v1/groups/db/resume").group == "db");
    CHECK(
        routed_to<post_standby>("POST", "/api/v1/nodes/db2/standby", R"({"reason":"disk"})").node ==
        "db2");
    CHECK(routed_to<post_activate>("POST", "/api/v1/nodes/db2/activate").node == "db2");
    routed_to<post_vip_announce>("POST", "/api/v1/vip/announce", R"({"group":"db"})");
    routed_to<post_reload>("POST", "/api/v1/reload", "{}");
    CHECK_FALSE(routed_to<post_key_rotate>("POST", "/api/v1/keys/rotate").dry_run);
    CHECK(routed_to<post_key_rotate>("POST", "/api/v1/keys/rotate", R"({"dry_run":true})").dry_run);
    CHECK(routed_to<post_key_load>("POST", "/api/v1/keys/load", R"({"force":true})").force);
    CHECK(routed_to<post_bootstrap>("POST", "/api/v1/bootstrap", R"({"masters":{"db":"db1"}})")
              .masters.at("db") == "db1");
}

TEST_CASE("nothing is changed by GET, and other methods are refused", "[http]") {
    CHECK(refused("GET", "/api/v1/groups/db/switchover").status == 404);
    CHECK(refused("GET", "/api/v1/reload").status == 404);
    CHECK(refused("GET", "/api/v1/keys/rotate").status == 404);
    CHECK(refused("POST", "/api/v1/keys").status == 404);
    CHECK(refused("DELETE", "/api/v1/status").status == 405);
    CHECK(refused("POST", "/api/v1/status").status == 404);
    CHECK(refused("POST", "/").status == 405);
    CHECK(refused("GET", "/api/v2/status").status == 404);
}

TEST_CASE("a mistake in the options is refused by name", "[http]") {
    auto const target = "/api/v1/groups/db/switchover";
    CHECK(refused("POST", target, R"({"tow":"db2"})").reason == "unknown key \"tow\"");
    CHECK(refused("POST", target, R"({"to":7})").status == 400);
    CHECK(refused("POST", target, R"({"to":"db2;rm"})").status == 400);
    CHECK(refused("POST", target, R"({"dry_run":"yes"})").status == 400);
    CHECK(refused("POST", target, R"(["to"])").status == 400);
    CHECK(refused("POST", target, R"({"to":)").status == 400);
    CHECK(refused("POST", target, "{\"reason\":\"a\\u000ab\"}").status == 400);
    CHECK(refused("POST", target, R"({"reason":")" + std::string(301, 'x') + R"("})").status ==
          400);
    CHECK(refused("POST", target, std::string(1'000, '[')).status == 400);
    CHECK(refused("POST", "/api/v1/groups/db/failover").reason == "\"to\" is missing");
    CHECK(refused("POST", "/api/v1/pause").reason.find("\"reason\" is missing") == 0);
    CHECK(refused("POST", "/api/v1/pause", R"({"reason":"x","for_ms":0})").status == 400);
    CHECK(refused("POST", "/api/v1/pause", R"({"reason":"x","for_ms":1.5})").status == 400);
    CHECK(refused("POST", "/api/v1/bootstrap", R"({"masters":{"db":1}})").status == 400);
    CHECK(refused("POST", "/api/v1/groups/..%2f/switchover").status == 404);
}

TEST_CASE("a target that cannot be decoded is refused", "[http]") {
    for (auto const* bad : {"", "api", "/%", "/%4", "/%zz", "/active?group=%f", "*"})
        CHECK(refused("GET", bad).status == 400);
    CHECK(refused("GET", "/api/v1/operations/x").status == 400);
    CHECK(refused("GET", "/api/v1/operations/99999999999999999999999").status == 400);
    CHECK(refused("GET", "/api/v1/history?limit=0").status == 400);
    CHECK(refused("GET", "/api/v1/status?x=1").status == 400);
}

TEST_CASE("a refusal can be read, whatever the request quotes", "[http]") {
    std::string const odd = "\x9d\x01\"\xc3\xa4";
    std::string const cut = std::string(39, 'k') + "\xc3\xa4"; // in the middle of its last letter
    for (auto const& answer : {refused("GET", "/api/v1/" + odd), refused(odd, "/api/v1/status"),
                               refused(odd, "/nowhere"), refused("GET", "/active?%9d=1"),
                               refused("GET", "/active?" + cut + "=1"),
                               refused("POST", "/api/v1/reload", "{\"" + cut + "\":1}")}) {
        INFO(answer.reason);
        boost::system::error_code error;
        auto const document = boost::json::parse(error_response(answer).body, error);
        CHECK_FALSE(error);
    }
}

TEST_CASE("only root and the agent's user change, and only over the control socket", "[http]") {
    constexpr std::uint32_t owner = 900;
    caller const nobody{};
    caller const root{true, 0, 0, 1};
    caller const agent{true, owner, owner, 1};
    caller const stranger{true, 1000, 1000, 1};
    api_request const change{post_switchover{"db", "", true, ""}};
    CHECK(forbidden(change, nobody, owner)->status == 403);
    CHECK(forbidden(change, nobody, owner)->code == "read_only_here");
    CHECK(forbidden(change, stranger, owner)->code == "not_permitted");
    CHECK_FALSE(forbidden(change, root, owner));
    CHECK_FALSE(forbidden(change, agent, owner));
    // An agent that runs as root does not make the unknown TCP caller root.
    CHECK(forbidden(change, nobody, 0));
    CHECK_FALSE(forbidden(get_status{}, nobody, owner));
    CHECK_FALSE(forbidden(get_events{}, stranger, owner));
}

TEST_CASE("every request either reads or changes", "[http]") {
    CHECK_FALSE(changes_something(get_status{}));
    CHECK_FALSE(changes_something(check_query{}));
    CHECK_FALSE(changes_something(get_keys{}));
    CHECK(changes_something(post_key_rotate{}));
    CHECK(changes_something(post_key_load{}));
    CHECK_FALSE(changes_something(get_events{}));
    CHECK(changes_something(post_switchover{}));
    CHECK(changes_something(post_failover{}));
    CHECK(changes_something(post_pause{}));
    CHECK(changes_something(post_resume{}));
    CHECK(changes_something(post_standby{}));
    CHECK(changes_something(post_activate{}));
    CHECK(changes_something(post_vip_announce{}));
    CHECK(changes_something(post_reload{}));
    CHECK(changes_something(post_bootstrap{}));
}

TEST_CASE("a refusal is a document with code, reason and next command", "[http]") {
    auto const response =
        error_response({412, "candidate_lag", "db3 is 95 s behind", "tasuki why db"});
    CHECK(response.status == 412);
    CHECK(response.body == R"({"schema":1,"error":{"code":"candidate_lag",)"
                           R"("reason":"db3 is 95 s behind","next_command":"tasuki why db"}})");
}

TEST_CASE("an event of several lines stays one event", "[http]") {
    CHECK(to_wire({"status", "a\nb", {}, false}) == "event: status\ndata: a\ndata: b\n\n");
    auto operation = sample_operation();
    CHECK_FALSE(operation_event({}, operation).last);
    operation.state = "done";
    CHECK(operation_event({}, operation).last);
    CHECK(operation_response({}, operation).ends_stream);
}

TEST_CASE("what a load balancer is asked is routed with its options", "[http]") {
    routed_to<get_pools>("GET", "/api/v1/pools");
    auto const sessions = routed_to<get_sessions>("GET", "/api/v1/pools/web/sessions?backend=app1");
    CHECK(sessions.pool == "web");
    CHECK(sessions.backend == "app1");
    auto const change = routed_to<post_backend>(
        "POST", "/api/v1/pools/web/backends/app1",
        R"({"admin":"drain","weight":0,"deadline_ms":90000,"dry_run":true})");
    CHECK(change.backend == "app1");
    CHECK(change.administration == "drain");
    CHECK(change.weight == 0U);
    CHECK(change.deadline == milliseconds{90'000});
    CHECK(change.dry_run);
    CHECK_FALSE(routed_to<post_backend>("POST", "/api/v1/pools/web/backends/app1").weight);
    auto const more = routed_to<post_backend_add>("POST", "/api/v1/pools/web/backends",
                                                  R"({"name":"a","address":"[fd77::1]:80"})");
    CHECK(more.address == "[fd77::1]:80");
    CHECK(routed_to<post_backend_remove>("POST", "/api/v1/pools/web/backends/a/remove").pool ==
          "web");
    for (auto const& body :
         {R"({"weight":257})", R"({"weight":"7"})", R"({"deadline_ms":-1})", R"({"wieght":7})"})
        CHECK(refused("POST", "/api/v1/pools/web/backends/app1", body).status == 400);
    CHECK(
        refused("POST", "/api/v1/pools/web/backends", R"({"name":"a","address":"a:80"})").reason ==
        "\"address\" has to be ADDRESS:PORT");
    CHECK(refused("GET", "/api/v1/pools/web/sessions?backend=a%20b").status == 400);
    CHECK(refused("POST", "/api/v1/pools/web/backends/a/forget").status == 404);
    CHECK(routed_to<post_pools>("POST", "/api/v1/pools", R"({"wishes":"x"})").report.wishes == "x");
    CHECK(refused("POST", "/api/v1/pools", R"({"wishes":7})").status == 400);
    CHECK(changes_something(post_backend{}));
    CHECK(changes_something(post_pools{}));
    CHECK(changes_something(post_backend_remove{}));
    CHECK_FALSE(changes_something(get_sessions{}));
}
