#pragma once
// One connection: reads a request, has it answered, writes the answer; or streams events.
// Private to the room's sources.
//
// Lives as long as its coroutine runs, on the one thread of the server's io_context. Every wait has
// a deadline. Whoever follows events and cannot keep up is dropped rather than waited for.

#include "tasuki/http/server_io.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

namespace tasuki::http {

/// Through which listener a connection came, and so what it may ask.
enum class door { api, checks, control };

class connection : public std::enable_shared_from_this<connection> {
  public:
    using socket = boost::asio::generic::stream_protocol::socket;

    connection(socket peer, door through, caller from, server_options const& options,
               http_server::handler const& handle);

    /// The life of a connection, from the first request to the end.
    static boost::asio::awaitable<void> run(std::shared_ptr<connection> self);

    [[nodiscard]] door through() const { return through_; }
    /// Takes the event if this connection follows it.
    void offer(stream_event const&);
    /// Ends whatever it is waiting for.
    void close();

  private:
    struct exchange { ///< what is known of a request once it was read
        bool keep_alive = false;
        bool head_only = false;
        unsigned version = 11;
    };

    boost::asio::awaitable<bool> serve_one();
    boost::asio::awaitable<bool> perform(api_request request, exchange how);
    boost::asio::awaitable<api_response> ask(api_request request);
    boost::asio::awaitable<bool> respond(api_response response, exchange how);
    boost::asio::awaitable<bool> open_stream(get_events wanted, exchange how);
    boost::asio::awaitable<void> stream_events(get_events wanted, exchange how);
    boost::asio::awaitable<bool> write_text(std::string text);
    boost::asio::awaitable<void> linger();
    void watch_for_hangup();
    [[nodiscard]] routed admit(std::string_view method, std::string_view target,
                               std::string_view body) const;

    boost::beast::basic_stream<boost::asio::generic::stream_protocol> stream_;
    boost::beast::flat_buffer buffer_;
    boost::asio::steady_timer wake_; ///< cancelled when there is an event to send
    door through_;
    caller from_;
    server_options const& options_;
    http_server::handler const& handle_;
    bool streaming_ = false;
    bool of_standings_ = false;
    bool closed_ = false;
    std::optional<std::uint64_t> followed_;
    std::deque<stream_event> outbox_;
};

} // namespace tasuki::http
