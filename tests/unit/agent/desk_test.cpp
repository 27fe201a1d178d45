// The desk: what operators ask of it, with the lease thread and the other nodes played.
#include "tasuki/agent/desk_io.hpp"

#include "cluster_start.hpp"

#include <boost/json.hpp>

#include <stdlib.h>

#include <filesystem>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
namespace json = boost::json;

namespace {

std::string new_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tasuki-desk-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    return pattern;
}

node_settings two_groups() {
    node_settings out;
    out.cluster = "staged";
    out.self = a;
    out.names = {{a, "a"}, {b, "b"}};
    for (auto const* name : {"db", "web"}) {
        group_settings group;
        group.id = group_named(name);
        group.name = name;
        group.members = {a, b};
        out.groups.push_back(group);
    }
    return out;
}

struct played {
    played() { open(); }
    ~played() {
        front.reset();
        std::filesystem::remove_all(folder);
    }
    played(played const&) = delete;
    played& operator=(played const&) = delete;

    void open() {
        desk_links links;
        links.look = [this](auto done) {
            snapshot got;
            got.view.cluster = "staged";
            got.view.quorum.ok = true;
            for (auto const& group : settings.groups) {
                http::group_view shown;
                shown.name = group.name;
                got.view.groups.push_back(shown);
            }
            got.own = own;
            got.at = now;
            done(std::move(got));
        };
        links.ask = [this](operator_asked const& it) {
            auto const id = std::visit([](auto const& wish) { return wish.group; }, it.wish);
            auto reply = id == group_named("web") && web_refuses
                             ? answer_operator{.code = "no_active", .text = "nobody is active"}
                             : answer_operator{.accepted = true};
            reply.request = it.request;
            front->answered(reply);
        };
        links.announce = [this](group_id id, auto const& done) {
            done(id == group_named("web") && web_refuses
                     ? result<void>{problem{failure::refused, "not active here"}}
                     : result<void>{});
        };
        links.forward = [](auto const&...) { FAIL("nothing is forwarded here"); };
        links.broadcast = [this](peer_message const& it) { sent.push_back(it); };
        links.held = [this](node_id by, std::vector<http::held_master> const& all) {
            held.emplace_back(by, all);
        };
        links.examine = [](auto const& done) { done({}); };
        links.publish = [this](http::stream_event it) { events.push_back(std::move(it)); };
        links.warn = [this](std::string text) { warnings.push_back(std::move(text)); };
        links.clocks = [this] { return now; };
        auto file = history_file::open(folder);
        REQUIRE(file.has_value());
        front.reset();
        front = std::make_unique<desk>(io, settings, std::move(*file), std::move(links));
    }

    http::api_response ask(http::api_request request, std::uint32_t user = 0) {
        std::vector<http::api_response> got;
        http::api_call call{std::move(request), {true, user, 0, 0}};
        front->serve(call, [&](http::api_response it) { got.push_back(std::move(it)); });
        REQUIRE(got.size() == 1); // one answer, never two
        return got[0];
    }
    json::value document(http::api_request request) {
        return json::parse(ask(std::move(request)).body);
    }

    progress_note line(std::uint64_t id, std::string step, std::string result = {}) const {
        progress_note out;
        out.operation = operation_id{id};
        out.group = group_named("db");
        out.kind = "failover";
        out.step = std::move(step);
        out.result = std::move(result);
        out.wall_ms = now.wall_ms;
        return out;
    }

    boost::asio::io_context io{1};
    std::string folder = new_folder();
    node_settings settings = two_groups();
    moment now{long_ago + std::chrono::hours{1}, 1'767'225'600'000};
    std::vector<group_report> own;
    bool web_refuses = false;
    std::vector<peer_message> sent;
    std::vector<std::pair<node_id, std::vector<http::held_master>>> held;
    std::vector<http::stream_event> events;
    std::vector<std::string> warnings;
    std::unique_ptr<desk> front;
};

} // namespace

TEST_CASE("desk: a change of all groups is answered for each of them", "[agent][desk]") {
    played on;
    auto const all = on.ask(http::post_pause{"", {}, "network work"});
    CHECK(all.status == 200);
    CHECK(json::parse(all.body).at("groups").as_array().size() == 2);
    on.web_refuses = true;
    for (auto const& request :
         {http::api_request{http::post_pause{"", {}, "x"}}, http::api_request{http::post_resume{}},
          http::api_request{http::post_vip_announce{}},
          http::api_request{http::post_standby{"b", {}, "x"}},
          http::api_request{http::post_bootstrap{}}}) {
        auto const answer = on.ask(request);
        auto const error = json::parse(answer.body).at("error");
        CHECK(answer.status == 409);
        CHECK(error.at("code") == "partial");
        CHECK(std::string{error.at("reason").as_string()}.starts_with(
            "done for db; refused for web: "));
    }
    auto const refused = on.ask(http::post_pause{"web", {}, "x"});
    CHECK(refused.status == 503);
    CHECK(json::parse(refused.body).at("error").at("reason") == "nobody is active");
}

TEST_CASE("desk: whoever paused or took a node out is known everywhere", "[agent][desk]") {
    played on;
    (void)on.ask(http::post_standby{"b", {}, "disk swap"}, 1000);
    REQUIRE(on.sent.size() == 2);
    auto const& word = std::get<peer_operation>(on.sent[0]).what;
    CHECK(word.kind == operation_kind::standby);
    CHECK(word.by == "user 1000");
    CHECK(word.to == "b");
    CHECK(word.reason == "disk swap");
    CHECK(word.result == operation_result::done);
    CHECK(on.front->past().operations().size() == 2);
}

TEST_CASE("desk: an operation is signed by who asked, whatever is heard first", "[agent][desk]") {
    played on;
    auto const begun = on.document(http::post_switchover{"db", "b", false, "kernel"});
    auto const id = begun.at("operation").at("id").to_number<std::uint64_t>();
    CHECK(begun.at("operation").at("by") == "root");
    CHECK(begun.at("operation").at("automatic") == false);
    on.front->noted(on.line(id, "close"));
    on.front->noted(on.line(id, "end", "done"));
    auto const ended = on.document(http::get_operation{id}).at("operation");
    CHECK(ended.at("state") == "done");
    CHECK(ended.at("by") == "root");
    CHECK(ended.at("automatic") == false);
    auto const counted = on.document(http::get_status{}).at("counters").at("failovers");
    CHECK(counted.at(0).at("trigger") == "manual");
    on.front->noted(on.line(id, "end", "done")); // told again by another node
    CHECK(on.document(http::get_status{}).at("counters").at("failovers").at(0).at("count") == 1);
}

TEST_CASE("desk: an operation that an agent's end cut off is closed, and learnt from others",
          "[agent][desk]") {
    played on;
    on.front->noted(on.line(7, "lease"));
    on.open(); // the agent again, with the same folder
    CHECK(on.document(http::get_operation{7}).at("operation").at("state") == "interrupted");
    auto theirs = *on.front->past().find(operation_id{7});
    theirs.result = operation_result::done;
    theirs.ms = 300;
    on.front->learnt(theirs);
    CHECK(on.document(http::get_operation{7}).at("operation").at("state") == "done");
    on.open();
    CHECK(on.document(http::get_operation{7}).at("operation").at("state") == "done");
}

TEST_CASE("desk: a history that cannot be written is said once", "[agent][desk]") {
    played on;
    std::filesystem::create_directory(on.folder + "/history.jsonl");
    on.front->noted(on.line(7, "lease"));
    on.front->noted(on.line(7, "freeze"));
    CHECK(on.warnings.size() == 1);
    CHECK(on.front->past().find(operation_id{7})->steps.size() == 2);
}

TEST_CASE("desk: what this node alone knows is told on change and once a second", "[agent][desk]") {
    played on;
    group_report mine;
    mine.group = group_named("db");
    mine.role = "active";
    mine.address_here = true;
    on.own = {mine};
    (void)on.ask(http::get_status{});
    REQUIRE(on.sent.size() == 1);
    auto const since = on.now.wall_ms;
    CHECK(std::get<peer_reports>(on.sent[0]).of_groups.at(0).address_since_ms == since);
    on.now.now += milliseconds{250};
    on.now.wall_ms += 250;
    (void)on.ask(http::get_status{});
    CHECK(on.sent.size() == 1);
    on.own[0].trouble = "no such device";
    (void)on.ask(http::get_status{});
    CHECK(on.sent.size() == 2);
    on.now.now += milliseconds{1'000};
    (void)on.ask(http::get_status{});
    REQUIRE(on.sent.size() == 3);
    CHECK(std::get<peer_reports>(on.sent[2]).of_groups.at(0).address_since_ms == since);
}

TEST_CASE("desk: a status is published when it changes, not when time passes", "[agent][desk]") {
    played on;
    (void)on.ask(http::get_status{});
    REQUIRE(on.events.size() == 1);
    CHECK(on.events[0].name == "status");
    on.now.now += milliseconds{100};
    (void)on.ask(http::get_status{});
    CHECK(on.events.size() == 1);
    group_report theirs;
    theirs.group = group_named("db");
    theirs.disk = voter_disk::failed;
    on.front->told_by(b, peer_reports{{theirs}});
    (void)on.ask(http::get_status{});
    CHECK(on.events.size() == 2);
}

TEST_CASE("desk: what a load balancer reports is shown by all nodes, with whose it is",
          "[agent][desk]") {
    played on;
    http::pools_report said;
    said.pools.resize(1);
    said.pools[0].name = "web";
    said.deeds = {{"web", "app1", "drain", "root", 1'767'225'599'000}};
    said.wishes = "{\"form\":2}";
    CHECK(on.ask(http::post_pools{said}).status == 200);
    REQUIRE(on.sent.size() == 2);
    auto const& deed = std::get<peer_operation>(on.sent[0]).what;
    CHECK(deed.kind == operation_kind::balance);
    CHECK(deed.to == "web/app1");
    CHECK(deed.reason == "drain");
    CHECK(deed.by == "root");
    CHECK(deed.started_ms == 1'767'225'599'000);
    CHECK(on.front->past().find(deed.id) != nullptr);
    auto const& passed_on = std::get<peer_pools>(on.sent[1]).what;
    CHECK(passed_on.deeds.empty()); // they are told once
    CHECK(passed_on.wishes == said.wishes);
    CHECK(std::none_of(on.events.begin(), on.events.end(),
                       [](auto const& it) { return it.name == http::pools_event; }));

    CHECK(on.held.empty());

    on.front->told_by(b, peer_pools{passed_on});
    REQUIRE_FALSE(on.events.empty());
    CHECK(on.events.back().name == http::pools_event);
    auto const heard = http::parse_pools_report(on.events.back().data);
    REQUIRE(heard.has_value());
    CHECK(heard->wishes == said.wishes);
    CHECK(heard->node == "b");
    on.now.now += std::chrono::seconds{7};
    CHECK(on.ask(http::post_pools{said}).status == 200);
    auto const pools = on.document(http::get_status{}).at("pools").as_array();
    REQUIRE(pools.size() == 2);
    for (auto const& pool : pools)
        CHECK(pool.at("trouble") ==
              (pool.at("node") == "a" ? "" : "the load balancer of b has said nothing for 7 s"));
}

TEST_CASE("desk: what balancers have left on a master that closes is told to the lease thread",
          "[agent][desk]") {
    played on;
    http::pools_report said;
    said.held = {{"db", 4, 7}};
    CHECK(on.ask(http::post_pools{said}).status == 200);
    on.front->told_by(b, peer_pools{said});
    REQUIRE(on.held.size() == 2);
    CHECK(on.held[0] == std::pair{a, said.held});
    CHECK(on.held[1] == std::pair{b, said.held});
}

TEST_CASE("desk: why shows the decisions of that group only", "[agent][desk]") {
    played on;
    for (auto const* name : {"db", "web", "db"})
        on.front->decided(
            {group_named(name), "standby -> claiming", "holder_silent", epoch{2}, ""});
    CHECK(on.document(http::get_why{"db"}).at("decisions").as_array().size() == 2);
    CHECK(on.document(http::get_why{"web"}).at("decisions").as_array().size() == 1);
    CHECK(on.ask(http::get_why{"none"}).status == 404);
}
