#pragma once
// One authenticated connection of the peer channel: the handshake over a fresh socket, then sealed
// messages in both directions. Inside of channel_io; nobody else needs it.
//
// A wire does not know requests from answers: the link (calls) and the session (is called) do.

#include "tasuki/agent/channel.hpp"
#include "tasuki/agent/channel_io.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <set>

namespace tasuki::agent {

class channel_wire {
  public:
    channel_wire(boost::asio::ip::tcp::socket socket, channel_key const& outgoing,
                 channel_key const& incoming, std::size_t queued_bytes_max);
    channel_wire(channel_wire const&) = delete;
    channel_wire& operator=(channel_wire const&) = delete;

    /// False if too much waits already: then nothing was queued.
    [[nodiscard]] bool send(channel_message const& message);
    void close();
    /// Nothing waits to be written.
    [[nodiscard]] bool is_drained() const { return queued_bytes_ == 0; }

    /// A room: writes what is sent until the connection fails.
    [[nodiscard]] boost::asio::awaitable<void> write_queue();
    /// The next message, or why there will be none.
    [[nodiscard]] boost::asio::awaitable<result<channel_message>> read_message(std::string peer);

  private:
    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer work_; ///< never expires; cancelled when there is something to write
    frame_sealer sealer_;
    frame_opener opener_;
    std::deque<byte_string> queue_;
    std::size_t queued_bytes_ = 0;
    std::size_t queued_bytes_max_;
};

struct channel_greeting {
    std::shared_ptr<channel_wire> wire; ///< empty if it failed
    node_id peer;                       ///< set if authenticated
    problem trouble;
    std::optional<channel_refusal> refusal;
    std::uint8_t key_id = 0; ///< of the key that authenticated it
};

/// The handshake over a connected socket. `settings` outlives the coroutine.
[[nodiscard]] boost::asio::awaitable<channel_greeting>
greet_as_caller(boost::asio::ip::tcp::socket socket, channel_settings const& settings, node_id to,
                std::string peer);
/// `known`: the nodes that may call.
[[nodiscard]] boost::asio::awaitable<channel_greeting>
greet_as_listener(boost::asio::ip::tcp::socket socket, channel_settings const& settings,
                  std::set<node_id> known);

[[nodiscard]] boost::asio::ip::tcp::endpoint to_tcp(endpoint const& from);

} // namespace tasuki::agent
