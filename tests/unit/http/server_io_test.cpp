#include "sample_view.hpp"

#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/http/server_io.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace tasuki;
using namespace tasuki::http;

namespace {

/// A folder that goes away with the test.
struct scratch {
    scratch() {
        char pattern[] = "/tmp/tasuki-http-XXXXXX";
        path = ::mkdtemp(pattern);
    }
    ~scratch() { std::filesystem::remove_all(path); }
    std::string path;
};

/// A plain blocking client: what it sends is exactly what the test says.
class raw_client {
  public:
    explicit raw_client(std::uint16_t port)
        : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        start(reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    explicit raw_client(std::string const& path)
        : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, path.c_str());
        start(reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    void send(std::string_view text) {
        while (!text.empty()) {
            auto const sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0)
                return;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// Up to the text, or the end of the connection, or five seconds.
    std::string read_until(std::string_view text) {
        while (seen_.find(text) == std::string::npos) {
            char buffer[4096];
            auto const size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
            if (size <= 0)
                break;
            seen_.append(buffer, static_cast<std::size_t>(size));
        }
        return seen_;
    }
    std::string read_all() { return read_until("\x01never\x01"); }

  private:
    void start(sockaddr* address, socklen_t size) {
        timeval const limit{5, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        REQUIRE(::connect(socket_.get(), address, size) == 0);
    }
    unique_fd socket_;
    std::string seen_;
};

/// A server on a thread of its own, with a handler that answers by script.
struct running_server {
    explicit running_server(server_options options = {}, http_server::handler handle = {}) {
        options.socket_path = folder.path + "/control.sock";
        options.listen = {{*ip_address::parse("127.0.0.1"), 0}};
        options.checks = {{*ip_address::parse("127.0.0.1"), 0}};
        if (!handle)
            handle = [](api_call const& call, http_server::answer answer) {
                if (auto const* query = std::get_if<check_query>(&call.request))
                    return answer(check_response(evaluate(*query, sample_view())));
                if (changes_something(call.request))
                    return answer(
                        operation_response({"shop", "db1", noon}, sample_operation(), 202));
                answer(json_response("{\"pid\":" + std::to_string(call.from.process) + "}"));
            };
        path = options.socket_path;
        auto opened = http_server::open(context, options, std::move(handle));
        REQUIRE(opened.has_value());
        server = std::move(*opened);
        port = server->listening().at(0).port;
        checks_port = server->checks_listening().at(0).port;
        thread = std::thread{[this] { context.run(); }};
    }
    ~running_server() {
        context.stop();
        thread.join();
        server.reset();
    }
    scratch folder;
    boost::asio::io_context context{1};
    std::unique_ptr<http_server> server;
    std::string path;
    std::uint16_t port = 0;
    std::uint16_t checks_port = 0;
    std::thread thread;
};

std::string request(std::string_view method, std::string_view target, std::string_view body = {}) {
    return std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: x\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
           std::string{body};
}

template<class Where>
std::string ask(Where where, std::string_view method, std::string_view target,
                std::string_view body = {}) {
    raw_client client{where};
    client.send(request(method, target, body));
    return client.read_all();
}

std::string status_line(std::string const& answer) {
    return answer.substr(0, answer.find("\r\n"));
}

} // namespace

TEST_CASE("a request is answered over TCP and over the control socket", "[http]") {
    running_server const running;
    CHECK(status_line(ask(running.port, "GET", "/api/v1/status")) == "HTTP/1.1 200 OK");
    auto const local = ask(running.path, "GET", "/api/v1/status");
    CHECK(local.find("{\"pid\":" + std::to_string(::getpid()) + "}") != std::string::npos);
    CHECK(ask(running.port, "GET", "/api/v1/status").find("{\"pid\":0}") != std::string::npos);
}

TEST_CASE("changes pass over the control socket and are refused over TCP", "[http]") {
    running_server const running;
    auto const target = "/api/v1/groups/db/switchover";
    auto const refused = ask(running.port, "POST", target, "{}");
    CHECK(status_line(refused) == "HTTP/1.1 403 Forbidden");
    CHECK(refused.find("read_only_here") != std::string::npos);
    CHECK(status_line(ask(running.path, "POST", target, "{}")) == "HTTP/1.1 202 Accepted");
}

TEST_CASE("the listener for checks serves nothing else", "[http]") {
    running_server const running;
    CHECK(status_line(ask(running.checks_port, "GET", "/active")) == "HTTP/1.1 200 OK");
    CHECK(status_line(ask(running.checks_port, "GET", "/standby")) ==
          "HTTP/1.1 503 Service Unavailable");
    CHECK(status_line(ask(running.checks_port, "GET", "/api/v1/status")) ==
          "HTTP/1.1 404 Not Found");
    CHECK(status_line(ask(running.checks_port, "GET", "/metrics")) == "HTTP/1.1 404 Not Found");
}

TEST_CASE("HEAD is answered with the length and without the body", "[http]") {
    running_server const running;
    auto const answer = ask(running.port, "HEAD", "/active");
    CHECK(status_line(answer) == "HTTP/1.1 200 OK");
    CHECK(answer.find("Content-Length: 19") != std::string::npos);
    CHECK(answer.substr(answer.size() - 4) == "\r\n\r\n");
    CHECK(status_line(ask(running.port, "HEAD", "/api/v1/events")) ==
          "HTTP/1.1 405 Method Not Allowed");
}

TEST_CASE("one connection serves several requests", "[http]") {
    running_server const running;
    raw_client client{running.port};
    client.send("GET /active HTTP/1.1\r\nHost: x\r\n\r\n");
    client.read_until("epoch 7\n");
    client.send(request("GET", "/standby"));
    CHECK(client.read_all().find("503 Service Unavailable") != std::string::npos);
}

TEST_CASE("malformed and oversized requests are told why", "[http]") {
    running_server const running;
    {
        raw_client client{running.port};
        client.send("\x16\x03\x01 this is TLS\r\n\r\n");
        CHECK(status_line(client.read_all()) == "HTTP/1.1 400 Bad Request");
    }
    {
        raw_client client{running.port};
        client.send("GET /api/v1/status HTTP/1.1\r\nX: " + std::string(9'000, 'x') + "\r\n\r\n");
        CHECK(status_line(client.read_all()) == "HTTP/1.1 431 Request Header Fields Too Large");
    }
    // Over TCP little is taken; the load balancer's report comes over the control socket.
    std::string const much(70'000, 'x');
    auto const too_large = "HTTP/1.1 413 Payload Too Large";
    CHECK(status_line(ask(running.port, "POST", "/api/v1/reload", much)) == too_large);
    CHECK(status_line(ask(running.path, "POST", "/api/v1/reload", much)) ==
          "HTTP/1.1 400 Bad Request");
    std::string const more(1'100'000, 'x');
    CHECK(status_line(ask(running.path, "POST", "/api/v1/reload", more)) == too_large);
    {
        raw_client client{running.path};
        client.send("POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n");
        CHECK(status_line(client.read_all()) == "HTTP/1.1 400 Bad Request");
    }
    CHECK(status_line(ask(running.port, "GET", "/active")) == "HTTP/1.1 200 OK");
}

TEST_CASE("who sends too slowly is cut off, byte by byte or not at all", "[http]") {
    server_options options;
    options.request_deadline = milliseconds{200};
    running_server const running{options};
    raw_client silent{running.port};
    raw_client slow{running.port};
    auto const begin = std::chrono::steady_clock::now();
    for (int byte = 0; byte < 40; ++byte) {
        slow.send("G");
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    CHECK(silent.read_all().empty());
    CHECK(slow.read_all().empty());
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{3});
    CHECK(status_line(ask(running.port, "GET", "/active")) == "HTTP/1.1 200 OK");
}

TEST_CASE("an answer that does not come is a 504, and a late one is dropped", "[http]") {
    server_options options;
    options.answer_deadline = milliseconds{100};
    std::vector<http_server::answer> kept;
    running_server running{options, [&](api_call const&, http_server::answer answer) {
                               kept.push_back(std::move(answer));
                           }};
    CHECK(status_line(ask(running.port, "GET", "/api/v1/status")) ==
          "HTTP/1.1 504 Gateway Timeout");
    REQUIRE(kept.size() == 1);
    kept[0](json_response("{}"));
    CHECK(status_line(ask(running.port, "GET", "/api/v1/check")) == "HTTP/1.1 504 Gateway Timeout");
}

TEST_CASE("an answer may come from another thread", "[http]") {
    std::vector<std::thread> workers;
    running_server running{{}, [&](api_call const&, http_server::answer answer) {
                               workers.emplace_back([moved = std::move(answer)] {
                                   moved(json_response("{\"from\":\"a worker\"}"));
                               });
                           }};
    CHECK(ask(running.port, "GET", "/api/v1/status").find("a worker") != std::string::npos);
    for (auto& worker : workers)
        worker.join();
}

TEST_CASE("too many connections over TCP do not lock out the control socket", "[http]") {
    server_options options;
    options.connections_max = 3;
    running_server const running{options};
    std::vector<std::unique_ptr<raw_client>> crowd;
    for (int count = 0; count < 3; ++count)
        crowd.push_back(std::make_unique<raw_client>(running.port));
    for (auto const& one : crowd) {
        one->send("GET /active HTTP/1.1\r\nHost: x\r\n\r\n");
        REQUIRE(one->read_until("epoch 7\n").find("200 OK") != std::string::npos);
    }
    CHECK(status_line(raw_client{running.port}.read_all()) == "HTTP/1.1 503 Service Unavailable");
    CHECK(status_line(raw_client{running.checks_port}.read_all()) ==
          "HTTP/1.1 503 Service Unavailable");
    CHECK(status_line(ask(running.path, "GET", "/api/v1/status")) == "HTTP/1.1 200 OK");
    crowd.clear();
    std::string answer;
    for (int tries = 0; tries < 100 && answer.find("200 OK") == std::string::npos; ++tries)
        answer = ask(running.port, "GET", "/active");
    CHECK(status_line(answer) == "HTTP/1.1 200 OK");
}

TEST_CASE("who follows an operation gets its state at once and each change until its end",
          "[http]") {
    auto operation = sample_operation();
    answerer const who{"shop", "db1", noon};
    running_server running{{}, [&](api_call const& call, http_server::answer answer) {
                               if (auto const* asked = std::get_if<get_operation>(&call.request);
                                   asked != nullptr && asked->id != 42)
                                   return answer(error_response({404, "not_found", "no such", ""}));
                               answer(operation_response(who, sample_operation()));
                           }};
    raw_client client{running.path};
    client.send("GET /api/v1/operations/42/events HTTP/1.1\r\nHost: x\r\n\r\n");
    auto const head = client.read_until("\"outcome\":\"running\"");
    CHECK(head.find("Content-Type: text/event-stream") != std::string::npos);
    CHECK(head.find("event: operation\ndata: {\"schema\":1") != std::string::npos);
    auto other = operation;
    other.id = 41;
    other.reason = "somebody else's";
    running.server->publish(operation_event(who, other));
    operation.steps[1].outcome = "ok";
    running.server->publish(operation_event(who, operation));
    operation.state = "done";
    running.server->publish(operation_event(who, operation));
    auto const all = client.read_all();
    CHECK(all.find("somebody else's") == std::string::npos);
    CHECK(all.find("\"state\":\"done\"") != std::string::npos);
    CHECK(status_line(ask(running.path, "GET", "/api/v1/operations/7/events")) ==
          "HTTP/1.1 404 Not Found");
}

TEST_CASE("a stream without events shows that it lives, and a reader that lags is dropped",
          "[http]") {
    server_options options;
    options.event_pause_max = milliseconds{50};
    options.events_max = 4;
    running_server const running{options};
    raw_client patient{running.port};
    patient.send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(patient.read_until(": still here\n\n").find("event: status") != std::string::npos);
    std::string const big(1024 * 1024, 'x');
    for (int count = 0; count < 40; ++count)
        running.server->publish({"operation", big, 9U, false});
    auto const got = patient.read_all();
    CHECK(got.size() < 40 * big.size());
    CHECK(status_line(ask(running.port, "GET", "/active")) == "HTTP/1.1 200 OK");
}

TEST_CASE("who follows standings gets those and nothing else, and nobody else gets them",
          "[http]") {
    running_server const running;
    raw_client balancer{running.port};
    balancer.send("GET /api/v1/events?only=standings HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(balancer.read_until("\r\n\r\n").find("text/event-stream") != std::string::npos);
    raw_client person{running.port};
    person.send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(person.read_until("\n\n").find("event: status") != std::string::npos);
    running.server->publish({"operation", "{\"id\":9}", 9U, false});
    running.server->publish({std::string{standings_event}, "{\"groups\":[]}", {}, false});
    running.server->publish({"operation", "{\"id\":10}", 10U, false});
    auto const told = balancer.read_until("\n\n");
    CHECK(told.find("event: standings\ndata: {\"groups\":[]}") != std::string::npos);
    CHECK(told.find("operation") == std::string::npos);
    CHECK(person.read_until("\"id\":10}").find("standings") == std::string::npos);
}

TEST_CASE("a port in use is reported with its key and a remedy", "[http]") {
    running_server const running;
    boost::asio::io_context context;
    server_options options;
    options.listen = {{*ip_address::parse("127.0.0.1"), running.port}};
    auto const second = http_server::open(context, options, {});
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().kind == failure::conflict);
    CHECK(second.error().text.find("[http] listen = \"127.0.0.1:") == 0);
    CHECK(second.error().text.find("ss -ltnp") != std::string::npos);
}

TEST_CASE("a control socket is replaced only if nobody answers on it", "[http]") {
    scratch const folder;
    boost::asio::io_context context;
    server_options options;
    options.socket_path = folder.path + "/control.sock";
    {
        auto const first = http_server::open(context, options, {});
        REQUIRE(first.has_value());
        struct stat found {};
        REQUIRE(::stat(options.socket_path.c_str(), &found) == 0);
        CHECK((found.st_mode & 0777U) == 0660U);
        auto const second = http_server::open(context, options, {});
        REQUIRE_FALSE(second.has_value());
        CHECK(second.error().text.find("another agent answers") != std::string::npos);
        CHECK(::access(options.socket_path.c_str(), F_OK) == 0);
    }
    CHECK(::access(options.socket_path.c_str(), F_OK) != 0);
    {
        unique_fd const dead{::socket(AF_UNIX, SOCK_STREAM, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, options.socket_path.c_str());
        REQUIRE(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    CHECK(http_server::open(context, options, {}).has_value());
    std::ofstream{options.socket_path} << "not a socket";
    auto const third = http_server::open(context, options, {});
    REQUIRE_FALSE(third.has_value());
    CHECK(std::filesystem::file_size(options.socket_path) == 12);
    options.socket_path = folder.path + "/absent/control.sock";
    CHECK(http_server::open(context, options, {})
              .error()
              .text.find("does " + folder.path + "/absent exist") != std::string::npos);
    options.socket_path = "/tmp/" + std::string(200, 'x');
    CHECK(http_server::open(context, options, {}).error().kind == failure::invalid);
}
