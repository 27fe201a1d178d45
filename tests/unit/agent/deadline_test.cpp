#include "tasuki/agent/deadline_io.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

using namespace tasuki;
using namespace tasuki::agent;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using error_code = boost::system::error_code;

struct timed {
    std::optional<error_code> error;
    std::chrono::steady_clock::duration took{};
};

asio::awaitable<void> connect_to(tcp::endpoint target, timed& out) {
    auto const executor = co_await asio::this_coro::executor;
    tcp::socket socket{executor};
    auto const began = std::chrono::steady_clock::now();
    auto connecting = socket.async_connect(target, asio::deferred);
    auto const error = co_await with_deadline(std::move(connecting), 5s);
    out.error = error;
    out.took = std::chrono::steady_clock::now() - began;
}

asio::awaitable<void> read_from_silence(tcp::socket& socket, timed& out) {
    char byte = 0;
    auto const began = std::chrono::steady_clock::now();
    auto reading = socket.async_read_some(asio::buffer(&byte, 1), asio::deferred);
    auto const error = co_await with_deadline(std::move(reading), 60ms);
    out.error = error;
    out.took = std::chrono::steady_clock::now() - began;
}

asio::awaitable<void> wait_for_ever(bool& ended) {
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer timer{executor, asio::steady_timer::time_point::max()};
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    ended = true;
}

asio::awaitable<void> leave_at_once() {
    co_return;
}

asio::awaitable<void> throw_soon() {
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer timer{executor, 5ms};
    co_await timer.async_wait(asio::use_awaitable);
    throw std::runtime_error{"the room burns"};
}

asio::awaitable<void> run_with_thrower(bool& ended) {
    auto patient = wait_for_ever(ended);
    auto thrower = throw_soon();
    co_await run_until_first_exit(std::move(patient), std::move(thrower));
}

asio::awaitable<void> run_with_leaver(bool& ended) {
    auto patient = wait_for_ever(ended);
    auto leaver = leave_at_once();
    co_await run_until_first_exit(std::move(patient), std::move(leaver));
}

std::string what_it_threw(asio::io_context& io, asio::awaitable<void> room) {
    std::string out = "did not end";
    asio::co_spawn(io, std::move(room), [&](std::exception_ptr thrown) {
        out = "nothing";
        try {
            if (thrown)
                std::rethrow_exception(thrown);
        } catch (std::exception const& caught) {
            out = caught.what();
        }
    });
    io.run_for(10s);
    return out;
}

} // namespace

TEST_CASE("deadline: a refused connect is an error at once, not a timeout", "[agent][deadline]") {
    asio::io_context io;
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    auto const target = acceptor.local_endpoint();
    acceptor.close();
    timed out;
    asio::co_spawn(io, connect_to(target, out), asio::detached);
    io.run_for(10s);
    REQUIRE(out.error);
    CHECK(*out.error == asio::error::connection_refused);
    CHECK(out.took < 2s);
}

TEST_CASE("deadline: an operation that does not end is cut off at its limit", "[agent][deadline]") {
    asio::io_context io;
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    tcp::socket socket{io};
    socket.connect(acceptor.local_endpoint());
    timed out;
    asio::co_spawn(io, read_from_silence(socket, out), asio::detached);
    io.run_for(10s);
    REQUIRE(out.error);
    CHECK(*out.error == asio::error::timed_out);
    CHECK(out.took >= 60ms);
    CHECK(out.took < 2s);
}

TEST_CASE("deadline: the first room that returns ends the others", "[agent][deadline]") {
    asio::io_context io;
    bool ended = false;
    CHECK(what_it_threw(io, run_with_leaver(ended)) == "nothing");
    CHECK(ended);
}

TEST_CASE("deadline: what the first room throws comes out, and the others are ended",
          "[agent][deadline]") {
    asio::io_context io;
    bool ended = false;
    CHECK(what_it_threw(io, run_with_thrower(ended)) == "the room burns");
    CHECK(ended);
}
