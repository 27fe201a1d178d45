#include "golden.hpp"
#include "performed.hpp"
#include "scripted_agent.hpp"

#include "tasuki/ctl/key_text.hpp"
#include "tasuki/ctl/operation_text.hpp"
#include "tasuki/ctl/verbs_io.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <sstream>

using namespace tasuki;
using namespace tasuki::ctl;

namespace {

std::string half_done() {
    return boost::json::serialize(golden_document("keys_half_done"));
}

} // namespace

TEST_CASE("the status of the keys reads as written down", "[ctl][keys]") {
    check_golden("keys_half_done", "keys_half_done",
                 [](reading document) { return format_keys(document, false); });
    CHECK_FALSE(keys_are_settled(reading{golden_document("keys_half_done")}));
    CHECK_FALSE(format_keys({}, false).empty());
}

TEST_CASE("the status of the keys ends with 1 while a rotation is half done", "[ctl][keys]") {
    scripted_agent const agent{[](auto const&...) { return http_answer(200, half_done()); }};
    CHECK(run(agent.path, {"key", "status"}).code == 1);
    CHECK(run(agent.path, {"key", "status", "--json"}).out == half_done() + "\n");
    auto whole = golden_document("keys_half_done");
    whole.at("rotation").at("state") = "complete";
    scripted_agent const settled{
        [&](auto const&...) { return http_answer(200, boost::json::serialize(whole)); }};
    CHECK(run(settled.path, {"key", "status"}).code == 0);
}

TEST_CASE("a rotation is planned first, and begun with --yes only", "[ctl][keys]") {
    std::string const plan =
        R"({"schema":1,"plan":{"kind":"key_rotation","before":[{"node":"shop"}],)"
        R"("after":[{"node":"shop"}],"steps":[{"name":"accept key 2","detail":"db1, db2"}]}})";
    scripted_agent const agent{[&](std::string const& line, std::string const& body) {
        if (line.find("/load") != std::string::npos)
            return http_answer(409, R"({"schema":1,"error":{"code":"not_understood","reason":)"
                                    R"("db1 signs with key 2, which db2 does not accept",)"
                                    R"("next_command":"tasuki key load --force"}})");
        return http_answer(
            body.find("dry_run") != std::string::npos ? 200 : 202,
            body.find("dry_run") != std::string::npos ? plan : R"({"schema":1,"message":"begun"})");
    }};
    CHECK(run(agent.path, {"key", "rotate"}, {}, false).code == 8);
    auto const shown = run(agent.path, {"key", "rotate", "--dry-run"});
    CHECK(shown.code == 0);
    CHECK(shown.out.find("accept key 2") != std::string::npos);
    CHECK(shown.out.find("Nothing stops meanwhile") != std::string::npos);
    CHECK(run(agent.path, {"key", "rotate", "--yes"}).code == 0);
    auto const refused = run(agent.path, {"key", "load"});
    CHECK(refused.code == 3);
    CHECK(refused.err.find("--force") != std::string::npos);
    CHECK(agent.asked() == std::vector<std::string>{R"(POST /api/v1/keys/rotate {"dry_run":true})",
                                                    R"(POST /api/v1/keys/rotate {"dry_run":true})",
                                                    "POST /api/v1/keys/rotate {}",
                                                    R"(POST /api/v1/keys/load {"force":false})"});
}

TEST_CASE("an operation on no group is told without one", "[ctl][keys]") {
    auto const document = boost::json::parse(
        R"({"kind":"key_rotation","id":7,"group":"","from":"key 1","to":"key 2","state":"done"})");
    CHECK(format_ending(reading{document}, false) == "key_rotation #7 key 1 -> key 2 done\n");
}
