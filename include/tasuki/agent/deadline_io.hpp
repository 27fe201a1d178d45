#pragma once
// Two ways to wait for the first of several things, for coroutines on one io_context. Both end when
// the first has *finished*, well or badly; `||` of awaitable operators waits for the first success,
// so that a refused connection would surface as a timeout.
//
// The losers are cancelled, and awaited: nothing goes on behind the caller's back.

#include "tasuki/core/time.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <tuple>
#include <utility>

namespace tasuki::agent {

/// The operation's own error, or `timed_out` if `limit` passes first. `operation` was started with
/// `asio::deferred` and completes with an error_code first; what else it yields is dropped, so let
/// it fill a buffer whole.
template<class Operation>
boost::asio::awaitable<boost::system::error_code> with_deadline(Operation operation,
                                                                duration limit) {
    namespace asio = boost::asio;
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer timer{executor, limit};
    auto both = asio::experimental::make_parallel_group(std::move(operation),
                                                        timer.async_wait(asio::deferred));
    auto const finished = co_await both.async_wait(asio::experimental::wait_for_one(),
                                                   asio::as_tuple(asio::use_awaitable));
    // Cancelled from above, both end with operation_aborted: that travels up untouched.
    bool const expired = std::get<0>(finished)[0] == 1 &&
                         !std::get<std::tuple_size_v<decltype(finished)> - 1>(finished);
    if (expired)
        co_return asio::error::timed_out;
    co_return std::get<1>(finished);
}

/// Runs the rooms side by side until the first returns or throws, cancels and awaits the others,
/// and throws what the first threw.
template<class... Rooms>
boost::asio::awaitable<void> run_until_first_exit(Rooms... rooms) {
    namespace asio = boost::asio;
    auto const executor = co_await asio::this_coro::executor;
    auto all = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, std::move(rooms), asio::deferred)...);
    auto const finished = co_await all.async_wait(asio::experimental::wait_for_one(),
                                                  asio::as_tuple(asio::use_awaitable));
    auto const failures = std::apply(
        [](auto const&, auto const&... thrown) {
            return std::array<std::exception_ptr, sizeof...(Rooms)>{thrown...};
        },
        finished);
    if (auto const& first = failures[std::get<0>(finished)[0]])
        std::rethrow_exception(first);
}

} // namespace tasuki::agent
