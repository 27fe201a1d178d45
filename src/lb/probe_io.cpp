#include "tasuki/lb/probe_io.hpp"

#include "tasuki/core/system_address_io.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tasuki::lb {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t header_max = 8 * 1024;
constexpr std::uint64_t body_max = 64 * 1024;

asio::ip::tcp::endpoint to_asio(endpoint const& at) {
    auto const address = to_system(at);
    asio::ip::tcp::endpoint out;
    out.resize(address.length);
    std::memcpy(out.data(), address.get(), address.length);
    return out;
}

class run : public std::enable_shared_from_this<run> {
  public:
    run(asio::io_context& io, endpoint const& at, check_settings wanted,
        std::function<void(check_result)> done)
        : stream_(io)
        , at_(at)
        , wanted_(std::move(wanted))
        , talk_(talk_of(wanted_))
        , done_(std::move(done)) {}

    void start() {
        stream_.expires_after(wanted_.timeout);
        stream_.async_connect(to_asio(at_), [self = shared_from_this()](auto const& error) {
            error ? self->fail("connecting", error) : self->connected();
        });
    }

  private:
    void connected() {
        if (wanted_.kind == check_kind::http)
            return ask_http();
        if (!talk_)
            return finish({true, {}});
        say({talk_->begin(), {}});
    }

    void ask_http() {
        request_.version(11);
        request_.method(http::verb::get);
        request_.target(wanted_.path);
        request_.set(http::field::host, wanted_.host.empty() ? at_.to_string() : wanted_.host);
        request_.set(http::field::user_agent, "tasuki-lb");
        request_.set(http::field::connection, "close");
        answer_.emplace();
        answer_->header_limit(header_max);
        answer_->body_limit(body_max);
        http::async_write(stream_, request_, [self = shared_from_this()](auto const& error, auto) {
            if (error)
                return self->fail("asking", error);
            http::async_read(
                self->stream_, self->buffer_, *self->answer_, [self](auto const& failed, auto) {
                    failed ? self->fail("waiting for an answer", failed) : self->judge();
                });
        });
    }

    void judge() {
        auto const& message = answer_->get();
        finish(judge_http(wanted_, message.result_int(), message.body()));
    }

    void hear() {
        stream_.async_read_some(
            asio::buffer(piece_), [self = shared_from_this()](auto const& error, std::size_t size) {
                if (error)
                    return self->fail("waiting for an answer", error);
                self->say(self->talk_->hear(byte_view{self->piece_}.first(size)));
            });
    }

    void say(check_talk::step step) {
        if (step.say.empty())
            return step.verdict ? finish(std::move(*step.verdict)) : hear();
        say_ = std::move(step.say);
        auto const next = [self = shared_from_this(),
                           verdict = std::move(step.verdict)](auto const& error, std::size_t) {
            if (error)
                return self->fail("answering", error);
            verdict ? self->finish(*verdict) : self->hear();
        };
        asio::async_write(stream_, asio::buffer(say_), next);
    }

    void fail(std::string_view doing, boost::system::error_code const& error) {
        if (error == beast::error::timeout)
            return finish(
                {false, fmt::format("{}: no answer within {} ms", doing, to_ms(wanted_.timeout))});
        finish({false, fmt::format("{}: {}", doing, error.message())});
    }

    void finish(check_result what) {
        boost::system::error_code ignored;
        stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
        stream_.close();
        done_(std::move(what));
    }

    beast::tcp_stream stream_;
    endpoint at_;
    check_settings wanted_;
    std::unique_ptr<check_talk> talk_;
    std::function<void(check_result)> done_;
    http::request<http::empty_body> request_;
    std::optional<http::response_parser<http::string_body>> answer_;
    beast::flat_buffer buffer_;
    std::array<std::byte, 2048> piece_{};
    byte_string say_;
};

} // namespace

void probe(asio::io_context& io, endpoint const& at, check_settings const& wanted,
           std::function<void(check_result)> done) {
    if (wanted.kind == check_kind::none)
        return asio::post(io, [done = std::move(done)] { done({true, {}}); });
    std::make_shared<run>(io, at, wanted, std::move(done))->start();
}

} // namespace tasuki::lb
