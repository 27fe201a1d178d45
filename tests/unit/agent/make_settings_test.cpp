// From the file to what the pure core wants to know.
#include "tasuki/agent/make_settings.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

configuration parsed(std::string const& text) {
    auto const result = parse_configuration(text, "tasuki.toml");
    INFO((result ? std::string{} : to_string(result.error())));
    REQUIRE(result.has_value());
    return *result;
}

std::string const shop = R"(
[cluster]
name = "shop"
profile = "fast"
[node.db1]
addresses = ["10.77.0.1", "10.78.0.1"]
[node.db2]
addresses = ["10.77.0.2", "10.78.0.2"]
[node.db3]
addresses = ["10.77.0.3"]
voter = false
[node.wit]
addresses = ["10.77.0.9"]
witness = true
[[group]]
name = "db"
members = ["db2", "db1", "db3"]
[[group.vip]]
address = "10.77.0.50"
[[group.vip]]
address = "10.77.0.51/24"
[group.mysql]
socket = "/run/mysqld/mysqld.sock"
port = 3307
user = "tasuki"
password_file = "/etc/tasuki/mysql.pw"
replication_user_prefix = "repl_"
replication_password_file = "/etc/tasuki/repl.pw"
on_no_acker = "block"
when_degraded = "promote"
never_master = ["db3"]
hosts = { db1 = "10.79.0.1" }
[[group]]
name = "web"
members = ["db1"]
[[group.vip]]
address = "10.77.0.60"
)";

} // namespace

TEST_CASE("make settings: the cluster as one node sees it", "[agent][make_settings]") {
    auto const from = parsed(shop);
    auto const it = make_settings(from, "db2");
    CHECK(it.self == node_named("db2"));
    CHECK(it.cluster == "shop");
    CHECK(it.safety == "safe");
    CHECK(it.interval == milliseconds{100});
    CHECK(it.terms.lease == milliseconds{800});
    CHECK(it.terms.step_down == from.cluster.timing.step_down);
    CHECK(it.terms.clock_drift == 0.005);
    CHECK(it.digest == from.digest);
    CHECK(it.names.size() == 4);
    CHECK(it.name_of(node_named("wit")) == "wit");
    CHECK(it.name_of(node_named("stranger")).empty());
}

TEST_CASE("make settings: who votes and who only watches", "[agent][make_settings]") {
    auto const it = make_settings(parsed(shop), "db1");
    CHECK(it.voters == std::vector{node_named("db1"), node_named("db2"), node_named("wit")});
    CHECK(it.witnesses == std::vector{node_named("wit")});
}

TEST_CASE("make settings: a path joins two addresses of one position", "[agent][make_settings]") {
    auto const it = make_settings(parsed(shop), "db1");
    CHECK(it.peers == std::vector<heartbeat::seat>{
                          {node_named("db2"), 2}, {node_named("db3"), 1}, {node_named("wit"), 1}});
    CHECK(it.paths.at(node_named("db2")) == std::vector<std::string>{"10.77.0.2", "10.78.0.2"});
    for (auto const& each : make_settings(parsed(shop), "wit").peers)
        CHECK(each.paths == 1);
}

TEST_CASE("make settings: groups keep members in order of preference", "[agent][make_settings]") {
    auto const it = make_settings(parsed(shop), "db1");
    REQUIRE(it.groups.size() == 2);
    CHECK(it.groups[0].id == group_named("db"));
    CHECK(it.groups[0].members ==
          std::vector{node_named("db2"), node_named("db1"), node_named("db3")});
    CHECK(it.groups[0].addresses == std::vector<std::string>{"10.77.0.50", "10.77.0.51"});
    CHECK_FALSE(it.groups[1].mysql.has_value());
}

TEST_CASE("make settings: the database's members with server, account and rule",
          "[agent][make_settings]") {
    auto const it = make_settings(parsed(shop), "db1");
    REQUIRE(it.groups[0].mysql);
    auto const& mysql = *it.groups[0].mysql;
    CHECK_FALSE(mysql.degrade_without_acker);
    CHECK(mysql.promote_degraded);
    REQUIRE(mysql.members.size() == 3);
    CHECK(mysql.members[0].name == "db2");
    CHECK(mysql.members[0].server.to_string() == "10.77.0.2:3307");
    CHECK(mysql.members[0].account == "repl_db2");
    CHECK_FALSE(mysql.members[0].never_master);
    CHECK(mysql.members[1].server.to_string() == "10.79.0.1:3307");
    CHECK(mysql.members[2].never_master);
    CHECK(mysql.balancers.empty());
}

TEST_CASE("make settings: a switchover waits for the balancers that follow the master",
          "[agent][make_settings]") {
    auto const pool = [](char const* name, char const* node, int port, char const* group,
                         char const* role) {
        return fmt::format("[[pool]]\nname = \"{}\"\nnodes = [{}]\nlisten = \"10.77.0.60:{}\"\n"
                           "protocol = \"mysql\"\nfollow = {{ group = \"{}\", role = \"{}\" }}\n",
                           name, node, port, group, role);
    };
    auto const it = make_settings(parsed(shop + pool("write", "\"wit\"", 3310, "db", "master") +
                                         pool("also", "\"db3\", \"wit\"", 3311, "db", "master") +
                                         pool("read", "\"db1\"", 3312, "db", "replica")),
                                  "db1");
    CHECK(it.groups[0].mysql->balancers == std::set{node_named("db3"), node_named("wit")});
}
