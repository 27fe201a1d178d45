// The desk: what operators ask of the cluster's keys, with the other nodes played.
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

key_report told(std::uint16_t signer) {
    key_report out;
    for (std::uint16_t id = 1; id <= signer; ++id)
        out.accepted.push_back({heartbeat::key_id{id}, heartbeat::key_print{id}});
    out.signer = heartbeat::key_id{signer};
    out.heard = {{b, heartbeat::key_id{1}, milliseconds{40}}};
    return out;
}

struct played {
    played() {
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        settings.cluster = "staged";
        settings.self = a;
        settings.names = {{a, "a"}, {b, "b"}};
        nodes = {{a, "a", told(1)}, {b, "b", told(1)}};
        desk_links links;
        links.look = [](auto const&) {};
        links.broadcast = [this](peer_message const& it) { sent.push_back(it); };
        links.publish = [](http::stream_event const&) {};
        links.warn = [](std::string const&) {};
        links.clocks = [this] { return now; };
        links.survey_keys = [this](auto const& done) { done(nodes); };
        links.plan_rotation = [this](auto const& done) { done(begun); };
        links.rotate_keys = [this](operation what, auto const& done) {
            asked.push_back(what);
            if (!begun.refused)
                front->rotated(what);
            done(begun);
        };
        links.load_keys = [this](bool force, auto const& done) {
            done(force ? std::nullopt : begun.refused);
        };
        auto file = history_file::open(folder);
        REQUIRE(file.has_value());
        front = std::make_unique<desk>(io, settings, std::move(*file), std::move(links));
    }
    ~played() {
        front.reset();
        std::filesystem::remove_all(folder);
    }
    played(played const&) = delete;
    played& operator=(played const&) = delete;

    std::pair<unsigned, json::value> ask(http::api_request request) {
        std::vector<http::api_response> got;
        front->serve({std::move(request), {true, 0, 0, 0}},
                     [&](http::api_response it) { got.push_back(std::move(it)); });
        REQUIRE(got.size() == 1);
        return {got[0].status, json::parse(got[0].body)};
    }

    boost::asio::io_context io{1};
    std::string folder = (std::filesystem::temp_directory_path() / "tasuki-desk-XXXXXX").string();
    node_settings settings;
    moment now{long_ago + std::chrono::hours{1}, 1'767'225'600'000};
    std::vector<node_keys> nodes;
    key_rotation::begun begun;
    std::vector<operation> asked;
    std::vector<peer_message> sent;
    std::unique_ptr<desk> front;
};

} // namespace

TEST_CASE("desk: keys are shown as told, and as told last by who is away", "[agent][desk][keys]") {
    played on;
    auto const all = on.ask(http::get_keys{}).second;
    CHECK(all.at("rotation").at("state") == "complete");
    CHECK(all.at("nodes").at(1).at("age_ms") == 0);
    CHECK(all.at("nodes").at(0).at("heard").at(0).at("from") == "b");
    CHECK(all.at("nodes").at(0).at("keys").at(0).at("signs") == true);
    on.now.now += std::chrono::seconds{3};
    on.nodes[1].told.reset();
    on.nodes[1].trouble = "no route";
    auto const later = on.ask(http::get_keys{}).second;
    CHECK(later.at("rotation").at("state") == "unclear");
    auto const& away = later.at("nodes").at(1);
    CHECK(away.at("reachable") == false);
    CHECK(away.at("trouble") == "no route");
    CHECK(away.at("age_ms") == 3000);
    CHECK(away.at("keys").at(0).at("fingerprint") == "0000000000000001");
}

TEST_CASE("desk: a rotation is an operation that every node hears of", "[agent][desk][keys]") {
    played on;
    on.begun.nodes = on.nodes;
    on.begun.drawn = heartbeat::key_id{2};
    on.begun.steps = {{key_verb::accept, {heartbeat::key_id{2}, {}}, {b}, a}};
    auto const plan = on.ask(http::post_key_rotate{true}).second.at("plan");
    CHECK(plan.at("kind") == "key_rotation");
    CHECK(plan.at("steps").at(0).at("name") == "draw key 2");
    CHECK(plan.at("steps").at(1).at("detail") == "b");
    CHECK(plan.at("after").at(2).at("role") == "accepts 1, 2");
    CHECK(on.asked.empty());
    auto const [status, document] = on.ask(http::post_key_rotate{});
    CHECK(status == 202);
    CHECK(document.at("operation").at("kind") == "key_rotation");
    CHECK(document.at("operation").at("by") == "root");
    REQUIRE(on.sent.size() == 1);
    auto ended = std::get<peer_operation>(on.sent[0]).what;
    ended.result = operation_result::failed;
    ended.detail = "b was not reached";
    on.front->rotated(ended);
    auto const shown = on.ask(http::get_operation{ended.id.value()}).second.at("operation");
    CHECK(shown.at("state") == "failed");
    CHECK(shown.at("next_command") == "tasuki key status, then tasuki key rotate");
}

TEST_CASE("desk: what may not be done with keys is refused with its reason",
          "[agent][desk][keys]") {
    played on;
    on.begun.refused = rotation_refusal{"node_away", "b cannot be asked", "tasuki key rotate"};
    for (auto const& request :
         {http::api_request{http::post_key_rotate{true}},
          http::api_request{http::post_key_rotate{}}, http::api_request{http::post_key_load{}}}) {
        auto const [status, document] = on.ask(request);
        CHECK(status == 409);
        CHECK(document.at("error").at("code") == "node_away");
        CHECK(document.at("error").at("next_command") == "tasuki key rotate");
    }
    CHECK(on.front->past().operations().empty());
    CHECK(on.ask(http::post_key_load{true}).first == 200);
}
