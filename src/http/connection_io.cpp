#include "connection_io.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <array>

namespace tasuki::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

auto const completion = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t linger_bytes_max = 1024 * 1024;
constexpr milliseconds linger_max{1'000};

/// An answer that is awaited: set once, on the connection's thread.
struct pending {
    explicit pending(asio::any_io_executor const& where)
        : timer(where) {}
    asio::steady_timer timer;
    std::optional<api_response> response;
};

/// Why a request could not be read; nothing if nobody is there to be told.
std::optional<api_error> unreadable(beast::error_code error, server_options const& options,
                                    std::size_t body_bytes_max) {
    namespace http = beast::http;
    if (error == http::error::header_limit)
        return api_error{431, "header_too_large",
                         fmt::format("the header exceeds {} bytes", options.header_bytes_max), ""};
    if (error == http::error::body_limit)
        return api_error{413, "body_too_large",
                         fmt::format("the body exceeds {} bytes", body_bytes_max), ""};
    if (error == http::error::end_of_stream || error == http::error::partial_message)
        return std::nullopt;
    if (error.category() == make_error_code(http::error::bad_method).category())
        return api_error{400, "bad_request", "this is no HTTP: " + error.message(), ""};
    return std::nullopt;
}

template<class Body>
beast::http::response<Body> head_of(api_response const& response, unsigned version,
                                    bool keep_alive) {
    namespace http = beast::http;
    http::response<Body> out;
    out.result(response.status);
    out.version(version);
    out.set(http::field::server, "tasuki");
    out.set(http::field::content_type, response.content_type);
    out.set(http::field::cache_control, "no-store");
    out.set("X-Content-Type-Options", "nosniff");
    out.keep_alive(keep_alive);
    return out;
}

} // namespace

connection::connection(socket peer, door through, caller from, server_options const& options,
                       http_server::handler const& handle)
    : stream_(std::move(peer))
    , wake_(stream_.get_executor())
    , through_(through)
    , from_(from)
    , options_(options)
    , handle_(handle) {}

asio::awaitable<void> connection::run(std::shared_ptr<connection> self) {
    while (!self->closed_) {
        bool const again = co_await self->serve_one();
        if (!again)
            break;
    }
    if (!self->closed_)
        co_await self->linger();
}

void connection::close() {
    closed_ = true;
    wake_.cancel();
    stream_.cancel();
    stream_.close();
}

void connection::offer(stream_event const& event) {
    if (!streaming_ || closed_ || (followed_ && event.operation != followed_) ||
        of_standings_ != (event.name == standings_event || event.name == pools_event))
        return;
    // Only the newest status matters: a reader that is behind needs no older one.
    if (event.name == "status" || event.name == standings_event)
        std::erase_if(outbox_, [&](stream_event const& one) { return one.name == event.name; });
    if (outbox_.size() >= options_.events_max) {
        close();
        return;
    }
    outbox_.push_back(event);
    wake_.cancel();
}

routed connection::admit(std::string_view method, std::string_view target,
                         std::string_view body) const {
    auto asked = route(method, target, body);
    if (!asked)
        return asked;
    if (through_ == door::checks && !std::holds_alternative<check_query>(*asked))
        return api_error{404, "not_found",
                         "this address answers checks by status code only: /active /standby "
                         "/primary /replica /health /liveness /readiness",
                         "use the address of [http] listen"};
    if (auto const refusal = forbidden(*asked, from_, options_.owner))
        return *refusal;
    return asked;
}

asio::awaitable<bool> connection::serve_one() {
    namespace http = beast::http;
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.header_bytes_max));
    auto const body_bytes_max =
        through_ == door::control ? options_.control_body_bytes_max : options_.body_bytes_max;
    parser.body_limit(body_bytes_max);
    stream_.expires_after(options_.request_deadline);
    auto const [error, size] = co_await http::async_read(stream_, buffer_, parser, completion);
    if (closed_)
        co_return false;
    if (error) {
        auto const told = unreadable(error, options_, body_bytes_max);
        if (told) {
            auto answer = error_response(*told);
            exchange const how;
            co_await respond(std::move(answer), how);
        }
        closed_ = !told;
        co_return false;
    }
    auto const& message = parser.get();
    exchange how;
    how.keep_alive = message.keep_alive();
    how.version = message.version();
    how.head_only = message.method() == http::verb::head || message.method() == http::verb::options;
    auto asked = admit(message.method_string(), message.target(), message.body());
    if (asked) {
        bool const again = co_await perform(std::move(*asked), how);
        co_return again;
    }
    auto answer = error_response(asked.error());
    bool const again = co_await respond(std::move(answer), how);
    co_return again;
}

asio::awaitable<bool> connection::perform(api_request request, exchange how) {
    if (auto const* wanted = std::get_if<get_events>(&request); wanted != nullptr) {
        if (how.head_only) {
            auto refusal = error_response({405, "wrong_method", "a stream is read by GET", ""});
            bool const again = co_await respond(std::move(refusal), how);
            co_return again;
        }
        get_events const copy = *wanted;
        co_await stream_events(copy, how);
        co_return false;
    }
    auto answer = co_await ask(std::move(request));
    if (closed_)
        co_return false;
    bool const again = co_await respond(std::move(answer), how);
    co_return again;
}

asio::awaitable<api_response> connection::ask(api_request request) {
    auto const waiting = std::make_shared<pending>(stream_.get_executor());
    std::weak_ptr<pending> const weak = waiting;
    auto const executor = stream_.get_executor();
    http_server::answer answer = [weak, executor](api_response response) {
        asio::post(executor, [weak, answered = std::move(response)]() mutable {
            auto const still = weak.lock();
            if (!still || still->response)
                return;
            still->response = std::move(answered);
            still->timer.cancel();
        });
    };
    waiting->timer.expires_after(options_.answer_deadline);
    api_call call{std::move(request), from_};
    handle_(std::move(call), std::move(answer));
    co_await waiting->timer.async_wait(completion);
    if (waiting->response)
        co_return std::move(*waiting->response);
    api_error const late{
        504, "no_answer",
        fmt::format("the agent did not answer within {} ms", options_.answer_deadline.count()),
        "tasuki status"};
    co_return error_response(late);
}

asio::awaitable<bool> connection::respond(api_response response, exchange how) {
    namespace http = beast::http;
    stream_.expires_after(options_.write_deadline);
    beast::error_code failed;
    if (how.head_only) {
        auto message = head_of<http::empty_body>(response, how.version, how.keep_alive);
        message.content_length(response.body.size());
        auto const [error, size] = co_await http::async_write(stream_, message, completion);
        failed = error;
    } else {
        auto message = head_of<http::string_body>(response, how.version, how.keep_alive);
        message.body() = std::move(response.body);
        message.prepare_payload();
        auto const [error, size] = co_await http::async_write(stream_, message, completion);
        failed = error;
    }
    closed_ = closed_ || failed;
    co_return !closed_ && how.keep_alive;
}

void connection::watch_for_hangup() {
    stream_.socket().async_wait(socket::wait_read,
                                [weak = weak_from_this()](beast::error_code const&) {
                                    if (auto const self = weak.lock()) {
                                        self->closed_ = true;
                                        self->wake_.cancel();
                                    }
                                });
}

/// The head and the first event, where there is one; false if nothing follows.
asio::awaitable<bool> connection::open_stream(get_events wanted, exchange how) {
    std::string text = fmt::format("HTTP/1.1 200 OK\r\nServer: tasuki\r\n"
                                   "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                                   "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
    bool last = false;
    if (!wanted.of_standings) {
        api_request const question = wanted.operation
                                         ? api_request{get_operation{*wanted.operation}}
                                         : api_request{get_status{}};
        auto first = co_await ask(question);
        if (closed_)
            co_return false;
        if (first.status != 200) {
            how.keep_alive = false;
            co_await respond(std::move(first), how);
            co_return false;
        }
        last = wanted.operation && first.ends_stream;
        stream_event const opening_event{wanted.operation ? "operation" : "status",
                                         std::move(first.body), wanted.operation, last};
        text += to_wire(opening_event);
    }
    bool const written = co_await write_text(std::move(text));
    co_return written && !last;
}

asio::awaitable<void> connection::stream_events(get_events wanted, exchange how) {
    // Subscribed before the first answer is asked for, so that nothing falls in between.
    streaming_ = true;
    of_standings_ = wanted.of_standings;
    followed_ = wanted.operation;
    bool written = co_await open_stream(wanted, how);
    bool last = false;
    if (written)
        watch_for_hangup();
    while (written && !last && !closed_) {
        if (outbox_.empty()) {
            wake_.expires_after(options_.event_pause_max);
            co_await wake_.async_wait(completion);
            if (closed_)
                break;
        }
        std::string text = outbox_.empty() ? std::string{": still here\n\n"} : std::string{};
        while (!outbox_.empty() && !last) {
            text += to_wire(outbox_.front());
            last = followed_.has_value() && outbox_.front().last;
            outbox_.pop_front();
        }
        written = co_await write_text(std::move(text));
    }
    streaming_ = false;
}

asio::awaitable<bool> connection::write_text(std::string text) {
    stream_.expires_after(options_.write_deadline);
    auto const buffer = asio::buffer(text);
    auto const [error, size] = co_await asio::async_write(stream_, buffer, completion);
    closed_ = closed_ || error;
    co_return !error;
}

/// Closing with unread bytes would reset the connection and lose the answer on its way.
asio::awaitable<void> connection::linger() {
    beast::error_code ignored;
    stream_.socket().shutdown(socket::shutdown_send, ignored);
    std::array<char, 4096> scrap{};
    std::size_t seen = 0;
    stream_.expires_after(linger_max);
    while (seen < linger_bytes_max) {
        auto const buffer = asio::buffer(scrap);
        auto const [error, size] = co_await stream_.async_read_some(buffer, completion);
        seen += size;
        if (error)
            break;
    }
}

} // namespace tasuki::http
