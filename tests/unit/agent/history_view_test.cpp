// What the history adds to the view.
#include "tasuki/agent/history_view.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

http::cluster_view view_with_group() {
    http::cluster_view out;
    http::group_view group;
    group.name = "db";
    group.ready.failover = true;
    group.mysql.emplace();
    out.groups = {group};
    out.nodes.resize(2);
    out.nodes[0].name = "db1";
    out.nodes[1].name = "db2";
    return out;
}

operation entry(std::uint64_t id, operation_kind kind, operation_result result) {
    operation out;
    out.id = operation_id{id};
    out.group = "db";
    out.kind = kind;
    out.result = result;
    out.started_ms = static_cast<std::int64_t>(id * 1000);
    out.by = "root";
    out.reason = "disk swap";
    return out;
}

node_settings names() {
    node_settings out;
    out.terms.lease = milliseconds{2'500};
    return out;
}

} // namespace

TEST_CASE("history view: the last move and the one under way", "[agent][history]") {
    history past;
    past.put(entry(1, operation_kind::failover, operation_result::done));
    past.put(entry(2, operation_kind::pause, operation_result::done));
    past.put(entry(3, operation_kind::switchover, operation_result::running));
    auto view = view_with_group();
    add_history(view, past, names());
    REQUIRE(view.groups[0].last_operation);
    CHECK(view.groups[0].last_operation->id == 1); // a pause moves nothing
    REQUIRE(view.groups[0].operation);
    CHECK(view.groups[0].operation->id == 3);
    past.put(entry(4, operation_kind::failover, operation_result::done));
    view = view_with_group();
    add_history(view, past, names());
    CHECK_FALSE(view.groups[0].operation); // what came later shows that it is over
}

TEST_CASE("history view: who paused and who took a node out, since when and why",
          "[agent][history]") {
    history past;
    past.put(entry(1, operation_kind::pause, operation_result::done));
    auto word = entry(2, operation_kind::standby, operation_result::done);
    word.to = "db2";
    past.put(word);
    auto view = view_with_group();
    view.groups[0].paused.emplace();
    view.groups[0].paused->reason = "as recorded";
    for (auto& node : view.nodes)
        node.standby.emplace();
    auto const before = view;
    add_history(view, past, names());
    CHECK(view.groups[0].paused->by == "root");
    CHECK(view.groups[0].paused->since == http::wall_time{std::chrono::seconds{1}});
    CHECK(view.groups[0].paused->reason == "as recorded");
    CHECK(view.nodes[1].standby->reason == "disk swap");
    CHECK(view.nodes[1].standby->by == "root");
    CHECK(view.nodes[0].standby->by.empty()); // nobody known said so

    past.put(entry(3, operation_kind::resume, operation_result::done));
    view = before;
    add_history(view, past, names());
    CHECK(view.groups[0].paused->by.empty());
}

TEST_CASE("history view: how long a failover takes is said when one was measured",
          "[agent][history]") {
    history past;
    auto view = view_with_group();
    add_history(view, past, names());
    CHECK_FALSE(view.groups[0].ready.expected);
    auto last = entry(1, operation_kind::failover, operation_result::done);
    last.ms = 300;
    past.put(last);
    add_history(view, past, names());
    CHECK(view.groups[0].ready.expected == milliseconds{2'800});
    auto plain = view_with_group();
    plain.groups[0].mysql.reset();
    add_history(plain, history{}, names());
    CHECK(plain.groups[0].ready.expected == milliseconds{2'500});
}

TEST_CASE("history view: failovers are counted by who set them off and how they ended",
          "[agent][history]") {
    failover_counter counts;
    auto planned = entry(1, operation_kind::switchover, operation_result::done);
    auto automatic = entry(2, operation_kind::failover, operation_result::refused);
    automatic.automatic = true;
    counts.count(planned);
    counts.count(planned);
    counts.count(automatic);
    counts.count(entry(3, operation_kind::pause, operation_result::done));
    auto const shown = counts.view();
    REQUIRE(shown.size() == 2);
    CHECK(shown[0].trigger == "auto");
    CHECK(shown[0].result == "refused");
    CHECK(shown[0].count == 1);
    CHECK(shown[1].trigger == "manual");
    CHECK(shown[1].count == 2);
}
