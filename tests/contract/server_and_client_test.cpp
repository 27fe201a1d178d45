#include "sample_view.hpp"

#include "tasuki/ctl/client_io.hpp"
#include "tasuki/ctl/verbs_io.hpp"
#include "tasuki/http/server_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

using namespace tasuki;
using namespace tasuki::http;

namespace {

answerer const who{"shop", "db1", noon};

/// An agent reduced to its answers: a switchover whose steps take a moment each.
class small_agent {
  public:
    small_agent() {
        char pattern[] = "/tmp/tasuki-contract-XXXXXX";
        folder_ = ::mkdtemp(pattern);
        server_options options;
        options.socket_path = folder_ + "/control.sock";
        options.owner = ::geteuid();
        path = options.socket_path;
        operation.steps.resize(1);
        auto opened = http_server::open(context_, options, [this](api_call call, auto answer) {
            handle(std::move(call.request), answer);
        });
        REQUIRE(opened.has_value());
        server_ = std::move(*opened);
        thread_ = std::thread{[this] { context_.run(); }};
    }
    ~small_agent() {
        context_.stop();
        thread_.join();
        server_.reset();
        std::filesystem::remove_all(folder_);
    }

    std::string path;
    operation_view operation = sample_operation();
    std::vector<std::string> started;

  private:
    void handle(api_request request, http_server::answer const& answer) {
        if (std::holds_alternative<get_status>(request))
            return answer(json_response(to_json(sample_view())));
        if (auto const* asked = std::get_if<get_operation>(&request))
            return answer(asked->id == operation.id
                              ? operation_response(who, operation)
                              : error_response({404, "not_found", "no such operation", ""}));
        if (auto const* asked = std::get_if<post_switchover>(&request)) {
            if (asked->to == "db3")
                return answer(error_response(
                    {412, "candidate_lag", "db3 is 95 s behind", "tasuki why " + asked->group}));
            if (asked->dry_run)
                return answer(json_response(plan_json(who, plan_view{})));
            started.push_back(asked->reason);
            begin_step();
            return answer(operation_response(who, operation, 202));
        }
        answer(error_response({500, "unexpected", "this agent cannot do that", ""}));
    }

    void begin_step() {
        timer_.expires_after(std::chrono::milliseconds{30});
        timer_.async_wait([this](boost::system::error_code error) {
            if (error)
                return;
            bool const last = operation.steps.size() == 3;
            operation.steps.push_back(
                {last ? "announce" : "step", "db2", milliseconds{30}, "ok", ""});
            operation.state = last ? "done" : "running";
            server_->publish(operation_event(who, operation));
            if (!last)
                begin_step();
        });
    }

    boost::asio::io_context context_{1};
    boost::asio::steady_timer timer_{context_};
    std::string folder_;
    std::unique_ptr<http_server> server_;
    std::thread thread_;
};

struct outcome {
    int code = 0;
    std::string out;
    std::string err;
};

outcome run(small_agent const& agent, std::vector<std::string> words) {
    words.insert(words.end(), {"--socket", agent.path});
    auto const line = std::get<ctl::command_line>(ctl::parse_arguments(words));
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    ctl::terminal where{in, out, err, false, false};
    auto const code = ctl::perform(line, where);
    return {static_cast<int>(code), out.str(), err.str()};
}

} // namespace

TEST_CASE("status comes from the view to the terminal", "[contract]") {
    small_agent const agent;
    auto const status = run(agent, {"status"});
    CHECK(status.code == 0);
    CHECK(status.err.empty());
    CHECK(status.out.find("shop: HEALTHY   quorum yes (3 of 3 voters, 2 needed)") == 0);
    CHECK(status.out.find("READY -> db2, lossless, in about 1.9s") != std::string::npos);
    CHECK(run(agent, {"names", "groups"}).out == "db\n");
    CHECK(run(agent, {"topology"}).out.find("+ db2 [acker, lag 0s") != std::string::npos);
}

TEST_CASE("the steps of a switchover arrive while it runs, each once", "[contract]") {
    small_agent agent;
    auto const done = run(agent, {"switchover", "db", "--yes", "--reason", "kernel update"});
    CHECK(done.code == 0);
    CHECK(agent.started == std::vector<std::string>{"kernel update"});
    std::size_t printed = 0;
    for (auto at = done.err.find("  ["); at != std::string::npos; at = done.err.find("  [", at + 1))
        ++printed;
    CHECK(printed == 4);
    CHECK(done.err.find("announce on db2") != std::string::npos);
    CHECK(done.out.find("switchover #42 of db db1 -> db2 done") == 0);
}

TEST_CASE("a refusal of the agent ends the command with 3", "[contract]") {
    small_agent agent;
    auto const refused = run(agent, {"switchover", "db", "--to", "db3", "--yes"});
    CHECK(refused.code == 3);
    CHECK(refused.err == "refused: db3 is 95 s behind\n  next: tasuki why db\n"
                         "nothing was changed\n");
    CHECK(agent.started.empty());
}

TEST_CASE("what the server finds wrong is usage, what the agent finds wrong is failure",
          "[contract]") {
    small_agent const agent;
    CHECK(run(agent, {"switchover", "db", "--yes", "--reason", std::string(400, 'x')}).code == 2);
    CHECK(run(agent, {"activate", "db/1"}).code == 3);
    CHECK(run(agent, {"reload"}).code == 1);
    CHECK(run(agent, {"history", "7"}).code == 3);
}

TEST_CASE("an answer as large as a status may get passes whole", "[contract]") {
    small_agent const agent;
    ctl::api_client const client{agent.path};
    for (int count = 0; count < 40; ++count) {
        auto const answer = client.get("/api/v1/status");
        REQUIRE(answer.has_value());
        CHECK(answer->body == to_json(sample_view()));
    }
}
