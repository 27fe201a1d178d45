#include "golden.hpp"
#include "performed.hpp"
#include "scripted_agent.hpp"

#include "tasuki/ctl/client_io.hpp"
#include "tasuki/ctl/verbs_io.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

using namespace tasuki;
using namespace tasuki::ctl;

namespace {

std::string text_of(std::string const& name) {
    return boost::json::serialize(golden_document(name));
}

std::string refusal(std::string const& code, std::string const& reason, std::string const& next) {
    return boost::json::serialize(boost::json::object{
        {"schema", 1}, {"error", {{"code", code}, {"reason", reason}, {"next_command", next}}}});
}

bool contains(std::string const& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// Plans, accepts and completes a switchover of db.
std::string obliging(std::string const& line, std::string const& body) {
    if (contains(line, "/events"))
        return event_answer({text_of("operation_done")});
    if (contains(body, "dry_run"))
        return http_answer(200, text_of("plan"));
    return http_answer(202, text_of("operation_done"));
}

} // namespace

TEST_CASE("without an agent every verb ends with 6 and says what to do", "[ctl]") {
    auto const missing = run("/tmp/tasuki-no-such-folder/control.sock", {"status"});
    CHECK(missing.code == 6);
    CHECK(missing.out.empty());
    CHECK(contains(missing.err, "systemctl start tasukid"));
    std::string dead;
    {
        scripted_agent const agent{obliging};
        dead = agent.path;
    }
    CHECK(run(dead, {"switchover", "db", "--yes"}).code == 6);
    CHECK(run("/tmp/" + std::string(200, 'x'), {"status"}).code == 6);
}

TEST_CASE("status ends with the health of the cluster", "[ctl]") {
    auto const status_of = [](std::string const& name) {
        scripted_agent const agent{[&](auto const&...) { return http_answer(200, text_of(name)); }};
        return run(agent.path, {"status"});
    };
    CHECK(status_of("status_healthy").code == 0);
    CHECK(status_of("status_troubled").code == 10);
    CHECK(status_of("status_down").code == 11);
    CHECK(contains(status_of("status_healthy").out, "shop: HEALTHY"));
}

TEST_CASE("the document itself is printed on request", "[ctl]") {
    auto const document = text_of("status_healthy");
    scripted_agent const agent{[&](auto const&...) { return http_answer(200, document); }};
    CHECK(run(agent.path, {"status", "-o", "json"}).out == document + "\n");
    CHECK(run(agent.path, {"names", "nodes"}).out == "db1\ndb2\ndb3\nwit\n");
    CHECK(run(agent.path, {"names", "groups"}).out == "db\n");
}

TEST_CASE("a switchover is planned, asked for, and followed to its end", "[ctl]") {
    scripted_agent const agent{obliging};
    auto const done =
        run(agent.path, {"switchover", "db", "--to", "db2", "--reason", "kernel update"}, "y\n");
    CHECK(done.code == 0);
    CHECK(contains(done.err, "From:\n  db1 (master, rw)\n   +--db2"));
    CHECK(contains(done.err, "[y/N]"));
    CHECK(contains(done.err, "[4] promote on db2"));
    CHECK(contains(done.out, "switchover #42 of db db1 -> db2 done in 1.9s"));
    std::string const change = "POST /api/v1/groups/db/switchover "
                               R"({"to":"db2","reason":"kernel update")";
    CHECK(agent.asked() == std::vector<std::string>{change + R"(,"dry_run":true})", change + "}",
                                                    "GET /api/v1/operations/42/events"});
}

TEST_CASE("no at the prompt, or silence, changes nothing", "[ctl]") {
    for (auto const* typed : {"n\n", "\n", "", "yess\n"}) {
        scripted_agent const agent{obliging};
        auto const answer = run(agent.path, {"switchover", "db"}, typed);
        CHECK(answer.code == 4);
        CHECK(contains(answer.err, "nothing was changed"));
        CHECK(agent.asked().size() == 1);
    }
}

TEST_CASE("without a terminal a change needs --yes, and nothing is even planned", "[ctl]") {
    scripted_agent const agent{obliging};
    CHECK(run(agent.path, {"switchover", "db"}, "y\n", false).code == 8);
    CHECK(run(agent.path, {"failover", "db", "--to", "db2"}, "y\n", false).code == 8);
    CHECK(run(agent.path, {"bootstrap"}, "y\n", false).code == 8);
    CHECK(agent.asked().empty());
    CHECK(run(agent.path, {"switchover", "db", "--yes"}, "", false).code == 0);
}

TEST_CASE("a dry run needs no terminal, prints the plan and asks nothing", "[ctl]") {
    scripted_agent const agent{obliging};
    auto const plan = run(agent.path, {"switchover", "db", "--dry-run"}, "", false);
    CHECK(plan.code == 0);
    CHECK(contains(plan.out, "To:\n  db2 (master, rw)"));
    CHECK(contains(plan.err, "nothing was changed"));
    CHECK(agent.asked().size() == 1);
}

TEST_CASE("accepting loss means typing the group's name", "[ctl]") {
    scripted_agent const agent{obliging};
    std::vector<std::string> const words{"failover", "db", "--to", "db2", "--allow-loss"};
    CHECK(run(agent.path, words, "y\n").code == 4);
    CHECK(run(agent.path, words, "db\n").code == 0);
}

TEST_CASE("each refusal has its exit code, its reason and the next command", "[ctl]") {
    auto const refused = [](int status, std::string const& code) {
        scripted_agent const agent{[&](auto const&...) {
            return http_answer(status, refusal(code, "db3 is 95 s behind", "tasuki why db"));
        }};
        return run(agent.path, {"switchover", "db", "--yes"});
    };
    auto const lag = refused(412, "candidate_lag");
    CHECK(lag.code == 3);
    CHECK(lag.err == "refused: db3 is 95 s behind\n  next: tasuki why db\nnothing was changed\n");
    CHECK(refused(400, "bad_request").code == 2);
    CHECK(refused(403, "not_permitted").code == 3);
    CHECK(refused(503, "no_quorum").code == 6);
    CHECK(refused(500, "broken").code == 1);
    CHECK(refused(422, "configuration_invalid").code == 7);
}

TEST_CASE("an operation that fails ends with 1, one that goes on with 5", "[ctl]") {
    auto const ended = [](std::string const& events) {
        scripted_agent const agent{[&](std::string const& line, std::string const&) {
            return contains(line, "/events") ? events : http_answer(202, text_of("operation_done"));
        }};
        return run(agent.path, {"activate", "db1"});
    };
    auto const failed = ended(event_answer({text_of("operation_failed")}));
    CHECK(failed.code == 1);
    CHECK(contains(failed.out, "duplicate key"));
    CHECK(contains(failed.out, "next: tasuki why db"));
    CHECK(ended(http_answer(404, "{}")).code == 5);
}

TEST_CASE("a stream that breaks is opened again, and no step is printed twice", "[ctl]") {
    auto running = golden_document("operation_done");
    running.at("operation").as_object()["state"] = "running";
    std::atomic<int> opened = 0;
    scripted_agent const agent{[&](std::string const& line, std::string const& body) {
        if (contains(line, "/events") && opened++ == 0)
            return event_answer({boost::json::serialize(running)});
        return obliging(line, body);
    }};
    auto const done = run(agent.path, {"switchover", "db", "--yes"});
    CHECK(done.code == 0);
    CHECK(opened == 2);
    auto const first = done.err.find("[1] ");
    CHECK(done.err.find("[1] ", first + 1) == std::string::npos);
}

TEST_CASE("watching ends after --wait, and says how to go on", "[ctl]") {
    auto running = golden_document("operation_done");
    running.at("operation").as_object()["state"] = "running";
    scripted_agent const agent{[&](std::string const& line, std::string const& body) {
        return contains(line, "/events") ? event_answer({boost::json::serialize(running)})
                                         : obliging(line, body);
    }};
    auto const late = run(agent.path, {"switchover", "db", "--yes", "--wait", "700ms"});
    CHECK(late.code == 5);
    CHECK(contains(late.err, "tasuki history 42"));
}

TEST_CASE("standby asks only when the node is active somewhere", "[ctl]") {
    scripted_agent const agent{[](std::string const& line, std::string const&) {
        return http_answer(200, contains(line, "status") ? text_of("status_healthy")
                                                         : R"({"schema":1,"message":"noted"})");
    }};
    auto const idle = run(agent.path, {"standby", "db2", "--reason", "disk", "--for", "30m"});
    CHECK(idle.code == 0);
    CHECK(idle.out == "noted\n");
    CHECK(agent.asked().back() ==
          R"(POST /api/v1/nodes/db2/standby {"reason":"disk","for_ms":1800000})");
    auto const busy = run(agent.path, {"standby", "db1", "--reason", "disk"}, "n\n");
    CHECK(busy.code == 4);
    CHECK(contains(busy.err, "db1 is active in db, which will be handed over"));
}

TEST_CASE("the hand-over that a standby asks for is watched to its end", "[ctl]") {
    auto moved = golden_document("status_healthy");
    moved.at("groups").at(0).as_object()["active"] = "db2";
    std::atomic<int> looks = 0;
    scripted_agent const agent{[&](std::string const& line, std::string const&) {
        if (!contains(line, "status"))
            return http_answer(200, R"({"schema":1,"message":"noted"})");
        return http_answer(200,
                           ++looks < 3 ? text_of("status_healthy") : boost::json::serialize(moved));
    }};
    auto const done = run(agent.path, {"standby", "db1", "--reason", "disk", "--yes"});
    CHECK(done.code == 0);
    CHECK(looks == 3); // before, while it goes on, and when it is over
    CHECK(contains(done.err, "db is active on db2 now"));
}

TEST_CASE("what a hung agent last knew is no answer", "[ctl]") {
    auto old = golden_document("status_down");
    old.at("reasons").as_array().push_back(
        {{"code", "stale"}, {"text", "the lease thread has not reported for 7.0 s"}});
    scripted_agent const agent{
        [&](auto const&...) { return http_answer(200, boost::json::serialize(old)); }};
    CHECK(run(agent.path, {"status"}).code == 6);
    scripted_agent const silent{
        [](auto const&...) { return http_answer(504, refusal("lease_thread_silent", "x", "y")); }};
    CHECK(run(silent.path, {"status"}).code == 6);
}

TEST_CASE("an agent that is frozen as a whole is not waited for", "[ctl]") {
    scripted_agent const silent{[](auto const&...) { return std::string{}; }};
    auto line = std::get<command_line>(parse_arguments({"status", "--socket", silent.path}));
    CHECK(line.answer_ms == 2'000);
    line.answer_ms = 50;
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    terminal where{in, out, err, false, false};
    CHECK(perform(line, where) == exit_code::unreachable);
    CHECK(contains(err.str(), "no answer within 50 ms"));
}

TEST_CASE("a change that only some groups took is no refusal", "[ctl]") {
    scripted_agent const agent{[](auto const&...) {
        return http_answer(409, refusal("partial", "done for db; refused for web: no", "y"));
    }};
    auto const answer = run(agent.path, {"pause", "--reason", "x"});
    CHECK(answer.code == 1);
    CHECK(contains(answer.err, "done for db; refused for web"));
    CHECK_FALSE(contains(answer.err, "nothing was changed"));
}

TEST_CASE("the other changes go where they belong", "[ctl]") {
    scripted_agent const agent{[](auto const&...) { return http_answer(200, R"({"schema":1})"); }};
    run(agent.path, {"pause", "--reason", "x"});
    run(agent.path, {"pause", "db", "--reason", "x", "--for", "2h"});
    run(agent.path, {"resume"});
    run(agent.path, {"resume", "db"});
    run(agent.path, {"vip", "announce", "db"});
    run(agent.path, {"reload"});
    run(agent.path, {"bootstrap", "--master", "db=db1", "--yes"});
    run(agent.path, {"failover", "d b", "--to", "db2", "--yes"});
    CHECK(agent.asked() == std::vector<std::string>{
                               R"(POST /api/v1/pause {"reason":"x"})",
                               R"(POST /api/v1/groups/db/pause {"reason":"x","for_ms":7200000})",
                               "POST /api/v1/resume {}", "POST /api/v1/groups/db/resume {}",
                               R"(POST /api/v1/vip/announce {"group":"db"})", "GET /api/v1/status",
                               "POST /api/v1/reload {}",
                               R"(POST /api/v1/bootstrap {"masters":{"db":"db1"}})",
                               "POST /api/v1/groups/d%20b/failover "
                               R"({"to":"db2","allow_loss":false,"dry_run":true})",
                               "POST /api/v1/groups/d%20b/failover "
                               R"({"to":"db2","allow_loss":false})"});
}

TEST_CASE("a reload that ends the connection is followed to the next program's status", "[ctl]") {
    auto const healthy = text_of("status_healthy");
    auto elsewhere = healthy;
    auto const place = elsewhere.find(R"("active":"db1")");
    REQUIRE(place != std::string::npos);
    elsewhere[place + 12] = '2';
    for (auto const& [after, code, said] :
         {std::tuple{healthy, 0, "what this node serves went on: db 7"},
          std::tuple{elsewhere, 1, "before it served db 7, now nothing"}}) {
        bool replaced = false;
        scripted_agent const agent{[&, after = after](std::string const& line, auto const&) {
            if (line.find("POST") != std::string::npos) {
                replaced = true;
                return std::string{"HTT"};
            }
            return http_answer(200, replaced ? after : healthy);
        }};
        auto const done = run(agent.path, {"reload"});
        CHECK(done.code == code);
        CHECK(contains(done.out, said));
    }
}

TEST_CASE("a refused reload says why", "[ctl]") {
    scripted_agent const agent{[&](std::string const& line, auto const&) {
        if (line.find("POST") == std::string::npos)
            return http_answer(200, text_of("status_healthy"));
        return http_answer(409, R"({"schema":1,"error":{"code":"not_valid","reason":"t.toml:3:1: )"
                                R"(unknown key","next_command":"tasuki config check FILE"}})");
    }};
    auto const refused = run(agent.path, {"reload"});
    CHECK(refused.code == 3);
    CHECK(contains(refused.err, "t.toml:3:1: unknown key"));
}

TEST_CASE("check ends with 1 if anything failed", "[ctl]") {
    scripted_agent const agent{[](auto const&...) { return http_answer(200, text_of("check")); }};
    auto const checked = run(agent.path, {"check"});
    CHECK(checked.code == 1);
    CHECK(contains(checked.out, "3 checks: 1 with a warning, 1 failed"));
}

TEST_CASE("an agent that says nothing, or nonsense, is reported and not waited for", "[ctl]") {
    {
        scripted_agent const silent{[](auto const&...) { return std::string{}; }};
        api_client const client{silent.path, milliseconds{100}};
        auto const answer = client.post("/api/v1/reload", "{}");
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().kind == failure::timed_out);
        auto const followed =
            client.follow("/api/v1/events", milliseconds{100}, [](auto const&) { return true; });
        REQUIRE_FALSE(followed.has_value());
        CHECK(followed.error().kind == failure::timed_out);
    }
    for (auto const& bytes : {std::string{"SSH-2.0-OpenSSH\r\n\r\n"}, http_answer(200, "no json"),
                              std::string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"},
                              std::string{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"},
                              "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')}) {
        scripted_agent const agent{[&](auto const&...) { return bytes; }};
        auto const answer = run(agent.path, {"status"});
        CHECK(answer.code == 6);
        CHECK(answer.out.empty());
        CHECK_FALSE(answer.err.empty());
    }
}

TEST_CASE("the completion is printed without an agent", "[ctl]") {
    CHECK(contains(run("/nowhere", {"completion", "bash"}).out, "complete -F _tasuki"));
}
