#pragma once
// Serves the API: over TCP to read, over a Unix socket with peer credentials to change.
//
// It decides nothing about the cluster: each request becomes a value and goes to the handler, whose
// answer may come later and from any thread. Bounds on everything: header, body, connections (the
// control socket has its own share, so that nobody can lock the operator out), time to send a
// request, time to answer, events waiting for a slow reader. Runs on one thread of one io_context.
// References: RFC 9112 (HTTP/1.1), WHATWG HTML "server-sent events", unix(7) SO_PEERCRED.

#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/http/api.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace tasuki::http {

struct server_options {
    std::vector<endpoint> listen; ///< `[http] listen`: everything that reads
    std::vector<endpoint> checks; ///< `[checks] listen`: checks by status code and nothing else
    std::string socket_path;      ///< the control socket; empty: none
    std::uint32_t owner = 0;      ///< the user the agent runs as
    std::size_t header_bytes_max = 8 * 1024;
    std::size_t body_bytes_max = 64 * 1024;
    std::size_t control_body_bytes_max = 1024 * 1024; ///< over the control socket
    std::size_t connections_max = 64;                 ///< over TCP, all listeners together
    std::size_t control_connections_max = 16;         ///< over the control socket
    std::size_t events_max = 256;          ///< waiting for one slow reader; then it is dropped
    milliseconds request_deadline{10'000}; ///< from the first byte awaited to the last received
    milliseconds answer_deadline{30'000};
    milliseconds write_deadline{10'000};
    milliseconds event_pause_max{10'000}; ///< a comment is sent after so long without an event
};

class server_core;

class http_server {
  public:
    /// May be called once, from any thread, as long as the io_context lives.
    using answer = std::function<void(api_response)>;
    /// Called on the io_context's thread. Streams ask through it for their first event
    /// (`get_status` or `get_operation`), so it never sees `get_events`.
    using handler = std::function<void(api_call, answer)>;

    [[nodiscard]] static result<std::unique_ptr<http_server>> open(boost::asio::io_context&,
                                                                   server_options, handler);

    http_server(http_server const&) = delete;
    http_server& operator=(http_server const&) = delete;
    /// Stops; on the io_context's thread, or when that no longer runs.
    ~http_server();

    /// Hands an event to everybody who follows it. From any thread.
    void publish(stream_event);

    /// Closes the listeners and every connection, and removes the control socket.
    void stop();

    /// The addresses in use, with the port that the kernel chose for port 0.
    [[nodiscard]] std::vector<endpoint> const& listening() const { return listening_; }
    [[nodiscard]] std::vector<endpoint> const& checks_listening() const {
        return checks_listening_;
    }

  private:
    explicit http_server(std::shared_ptr<server_core> core);

    std::shared_ptr<server_core> core_;
    std::vector<endpoint> listening_;
    std::vector<endpoint> checks_listening_;
};

} // namespace tasuki::http
