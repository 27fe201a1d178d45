#include "tasuki/ctl/client_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <sys/un.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

namespace tasuki::ctl {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using local = asio::local::stream_protocol;
using local_stream = beast::basic_stream<local>;

problem connect_problem(beast::error_code error, std::string const& path,
                        std::string const& service) {
    auto cause = problem_of_errno(error.value(), "control socket " + path);
    switch (error.value()) {
    case ENOENT:
    case ECONNREFUSED:
        cause.kind = failure::unavailable;
        cause.text += " (nobody listens there: systemctl start " + service +
                      "; or name another socket with --socket)";
        break;
    case EACCES:
    case EPERM:
        cause.text += " (repeat the command with sudo)";
        break;
    default:
        cause.text += " (see: systemctl status " + service + ")";
    }
    return cause;
}

problem exchange_problem(beast::error_code error, std::string const& path, milliseconds deadline,
                         std::string const& service) {
    if (error == beast::error::timeout)
        return {failure::timed_out,
                fmt::format("control socket {}: no answer within {} ms (see: tasuki status, "
                            "journalctl -u {})",
                            path, deadline.count(), service)};
    return {failure::unavailable, fmt::format("control socket {}: {} (see: systemctl status {})",
                                              path, error.message(), service)};
}

http::request<http::string_body> make_request(std::string_view method, std::string_view target,
                                              std::string_view body) {
    http::request<http::string_body> out;
    out.method_string({method.data(), method.size()});
    out.target({target.data(), target.size()});
    out.version(11);
    out.set(http::field::host, "tasuki");
    out.keep_alive(false);
    if (method == "POST") {
        out.set(http::field::content_type, "application/json");
        out.body() = body;
    }
    out.prepare_payload();
    return out;
}

/// One connection with its own loop; every step is bounded by the stream's deadline.
struct link {
    link(std::string const& path, std::string const& its_service)
        : where(path)
        , service(its_service) {}

    result<void> connect(milliseconds limit) {
        if (where.size() >= sizeof sockaddr_un{}.sun_path)
            return problem{failure::invalid, "--socket " + where + ": the path is too long"};
        stream.expires_after(limit);
        beast::error_code outcome;
        stream.async_connect(local::endpoint{where},
                             [&outcome](beast::error_code error) { outcome = error; });
        run();
        if (outcome == beast::error::timeout)
            return exchange_problem(outcome, where, limit, service);
        if (outcome)
            return connect_problem(outcome, where, service);
        return {};
    }

    template<class Request>
    beast::error_code write(Request& request) {
        beast::error_code outcome;
        http::async_write(stream, request, [&outcome](beast::error_code error, std::size_t) {
            // The agent may answer and close before it has read everything.
            outcome = error == asio::error::broken_pipe ? beast::error_code{} : error;
        });
        run();
        return outcome;
    }

    void run() {
        context.restart();
        context.run();
    }

    std::string where;
    std::string service;
    asio::io_context context{1};
    local_stream stream{context};
    beast::flat_buffer buffer;
};

/// Reads events from a link whose header has been read.
class event_reader {
  public:
    event_reader(link& over, api_client::on_event on_event)
        : link_(over)
        , on_event_(std::move(on_event))
        , signals_(over.context, SIGINT) {}

    follow_end read_all() {
        if (!take(beast::buffers_to_string(link_.buffer.data())))
            return follow_end::told_to_stop;
        signals_.async_wait([this](beast::error_code error, int) {
            if (!error)
                finish(follow_end::interrupted);
        });
        read_some();
        link_.run();
        return end_.value_or(follow_end::stream_ended);
    }

  private:
    void read_some() {
        link_.stream.async_read_some(asio::buffer(bytes_),
                                     [this](beast::error_code error, std::size_t size) {
                                         if (error == beast::error::timeout)
                                             return finish(follow_end::timed_out);
                                         if (error)
                                             return finish(follow_end::stream_ended);
                                         if (!take({bytes_.data(), size}))
                                             return finish(follow_end::told_to_stop);
                                         read_some();
                                     });
    }

    bool take(std::string_view bytes) {
        for (auto const& event : parser_.feed(bytes))
            if (!on_event_(event))
                return false;
        return !parser_.failed();
    }

    void finish(follow_end how) {
        if (!end_)
            end_ = how;
        beast::error_code ignored;
        signals_.cancel(ignored);
        link_.stream.close();
    }

    link& link_;
    api_client::on_event on_event_;
    asio::signal_set signals_;
    event_parser parser_;
    std::array<char, 16 * 1024> bytes_{};
    std::optional<follow_end> end_;
};

} // namespace

api_client::api_client(std::string socket_path, milliseconds deadline, std::string service)
    : socket_path_(std::move(socket_path))
    , deadline_(deadline)
    , service_(std::move(service)) {}

result<api_answer> api_client::get(std::string_view target) const {
    return exchange("GET", target, {});
}

result<api_answer> api_client::post(std::string_view target, std::string_view body) const {
    return exchange("POST", target, body);
}

void api_client::pause(milliseconds how_long) const {
    asio::io_context context{1};
    asio::steady_timer timer{context, how_long};
    timer.async_wait([](beast::error_code) {});
    context.run();
}

result<api_answer> api_client::exchange(std::string_view method, std::string_view target,
                                        std::string_view body) const {
    link over{socket_path_, service_};
    if (auto const connected = over.connect(deadline_); !connected)
        return connected.error();
    auto request = make_request(method, target, body);
    if (auto const error = over.write(request); error)
        return exchange_problem(error, socket_path_, deadline_, service_);
    http::response_parser<http::string_body> parser;
    parser.body_limit(answer_bytes_max);
    beast::error_code outcome;
    http::async_read(over.stream, over.buffer, parser,
                     [&outcome](beast::error_code error, std::size_t) { outcome = error; });
    over.run();
    if (outcome)
        return exchange_problem(outcome, socket_path_, deadline_, service_);
    return api_answer{parser.get().result_int(), std::move(parser.get().body())};
}

result<follow_end> api_client::follow(std::string_view target, milliseconds limit,
                                      on_event each) const {
    link over{socket_path_, service_};
    if (auto const connected = over.connect(limit); !connected)
        return connected.error();
    auto request = make_request("GET", target, {});
    if (auto const error = over.write(request); error)
        return exchange_problem(error, socket_path_, limit, service_);
    http::response_parser<http::buffer_body> parser;
    beast::error_code outcome;
    http::async_read_header(over.stream, over.buffer, parser,
                            [&outcome](beast::error_code error, std::size_t) { outcome = error; });
    over.run();
    if (outcome)
        return exchange_problem(outcome, socket_path_, limit, service_);
    if (parser.get().result() != http::status::ok)
        return follow_end::refused;
    return event_reader{over, std::move(each)}.read_all();
}

} // namespace tasuki::ctl
