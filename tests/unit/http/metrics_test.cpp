#include "sample_view.hpp"

#include "tasuki/http/metrics.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <sstream>

using namespace tasuki;
using namespace tasuki::http;

namespace {

bool has(std::string const& text, std::string const& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("metrics carry the state of the groups in base units", "[http]") {
    auto const text = to_prometheus(sample_view());
    CHECK(has(text, R"(tasuki_group_active{group="db"} 1)"));
    CHECK(has(text, R"(tasuki_epoch{group="db"} 7)"));
    CHECK(has(text, R"(tasuki_lease_left_seconds{group="db"} 2.1)"));
    CHECK(has(text, R"(tasuki_failover_ready{group="db"} 1)"));
    CHECK(has(text, R"(tasuki_failover_lossless{group="db"} 1)"));
    CHECK(has(text, R"(tasuki_heartbeat_rejected_total{reason="bad_mac"} 3)"));
    CHECK(has(text, R"(tasuki_mysql_replication_lag_seconds{group="db",peer="db3"} 4)"));
    CHECK(has(text, R"(tasuki_failovers_total{group="db",trigger="manual",result="done"} 2)"));
    CHECK(has(text, "tasuki_quorum 1"));
    CHECK(has(text, R"(tasuki_enforcement{peer="db1",rung="ebpf"} 1)"));
    CHECK(has(text, R"(tasuki_guard{peer="db1"} 1)"));
    CHECK(has(text, "# TYPE tasuki_heartbeat_rejected_total counter"));
    CHECK(has(text, R"(tasuki_health{state="degraded"} 0)"));
}

TEST_CASE("metrics tell whether all nodes run alike, as far as they have told", "[http]") {
    auto view = sample_view();
    CHECK(has(to_prometheus(view), "tasuki_config_in_sync 1"));
    CHECK(has(to_prometheus(view), "tasuki_keys_in_sync 1"));
    view.nodes[1].keys = "1-aa 2-bb signs 1";
    CHECK(has(to_prometheus(view), "tasuki_keys_in_sync 0"));
    CHECK(has(to_prometheus(view), "tasuki_config_in_sync 1"));
    view.nodes[1].keys.clear();
    view.nodes[1].config_digest = "bb22";
    CHECK(has(to_prometheus(view), "tasuki_keys_in_sync 1"));
    CHECK(has(to_prometheus(view), "tasuki_config_in_sync 0"));
}

TEST_CASE("what is not known is left out of the metrics", "[http]") {
    auto view = sample_view();
    view.groups[0].lease_left.reset();
    view.groups[0].mysql.reset();
    auto const text = to_prometheus(view);
    CHECK(text.find("tasuki_lease_left_seconds") == std::string::npos);
    CHECK(text.find("tasuki_mysql") == std::string::npos);
}

TEST_CASE("a failover that is blocked is not lossless, and names what blocks it", "[http]") {
    auto view = sample_view();
    view.groups[0].ready.failover = false;
    view.groups[0].ready.reasons = {{"paused", "paused by bob", "tasuki resume db"}};
    auto const text = to_prometheus(view);
    CHECK(has(text, R"(tasuki_failover_lossless{group="db"} 0)"));
    CHECK(has(text, R"(tasuki_failover_blocked{group="db",reason="paused"} 1)"));
}

TEST_CASE("labels are escaped", "[http]") {
    auto view = sample_view();
    view.version = "a\"b\\c\nd";
    CHECK(has(to_prometheus(view), R"(tasuki_build_info{version="a\"b\\c\nd"} 1)"));
}

TEST_CASE("each family has one head, and its samples follow it without a gap", "[http]") {
    auto view = sample_view();
    view.groups[0].paused = pause_view{{}, noon, "work", "bob"};
    view.pools = {sample_pool()};
    std::istringstream lines{to_prometheus(view)};
    std::set<std::string> seen;
    std::string line;
    std::string family;
    while (std::getline(lines, line)) {
        std::istringstream words{line};
        std::string hash;
        std::string keyword;
        if (line.front() == '#') {
            std::string name;
            words >> hash >> keyword >> name;
            if (keyword == "HELP")
                CHECK(seen.insert(name).second);
            else
                CHECK(family == name);
            family = name;
            continue;
        }
        CHECK(line.substr(0, line.find_first_of(" {")) == family);
    }
    CHECK(seen.size() > 25);
    CHECK(seen.contains("tasuki_pause_expires_timestamp_seconds"));
}
