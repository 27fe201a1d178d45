#pragma once
// The peer channel between agents, beside the heartbeat: requests and answers over TCP, encrypted
// and authenticated (channel.hpp). It carries plan steps, forwarded commands and history, never the
// lease. All of it runs on one io_context, on one thread.
//
// Each node calls its peers for its own requests; what it answers goes over the connections that
// they opened. Connections are kept and reopened, so that a failover pays no handshake. Everything
// is bounded; each peer has its own queue, so a slow or dead one holds up nobody else.
// What became of a request: `unavailable`, `exhausted`, `invalid`, `absent` = it was not carried
// out; `timed_out` = not known.

#include "tasuki/agent/channel.hpp"
#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace tasuki::agent {

struct channel_settings {
    channel_cluster cluster{};
    node_id self;
    std::map<std::uint8_t, channel_key> keys; ///< by id: all that are accepted
    std::uint8_t signing_key = 1;             ///< id of the one that calls are made with
    /// So long may a peer still use a connection that was made under a key dropped since.
    duration retired_after = std::chrono::seconds{5};

    duration connect_limit = std::chrono::milliseconds{300}; ///< for each path of a peer
    duration greeting_limit = std::chrono::seconds{1};       ///< for each step of the handshake
    duration dead_after = std::chrono::seconds{1};           ///< data not acknowledged (tcp(7))
    duration retry_first = std::chrono::milliseconds{20};    ///< doubled up to `retry_longest`
    duration retry_longest = std::chrono::milliseconds{500};
    std::size_t open_requests_max = 1024;             ///< for each peer and direction
    std::size_t queued_bytes_max = 8UL * 1024 * 1024; ///< for each connection
    std::size_t greetings_max = 32;                   ///< connections not yet authenticated
    std::size_t connections_per_peer = 2;             ///< incoming; the oldest gives way
};

struct channel_peer {
    node_id id;
    std::string name;            ///< for messages to the operator
    std::vector<endpoint> paths; ///< tried in this order
};

/// How the connection that we opened to a peer is, for `status`.
struct channel_condition {
    node_id peer;
    bool connected = false;
    endpoint path;            ///< in use, if connected
    std::uint8_t key = 0;     ///< id of the one it was made under, if connected
    std::string trouble;      ///< why it is not connected; empty if it was not wanted yet
    std::size_t open = 0;     ///< requests without an answer
    std::uint64_t opened = 0; ///< how often a connection was made
};

class peer_channel {
  public:
    using answer_function = std::function<void(result<byte_string>)>;
    /// Callable from any thread while the io_context lives. The caller takes the first answer and
    /// ignores later ones; without any it waits until its deadline.
    using reply_function = std::function<void(byte_string)>;
    using request_handler =
        std::function<void(node_id from, byte_string body, reply_function reply)>;

    peer_channel(boost::asio::io_context& io, channel_settings settings, request_handler handler);
    peer_channel(peer_channel const&) = delete;
    peer_channel& operator=(peer_channel const&) = delete;
    /// As `stop`, but open requests get no answer any more.
    ~peer_channel();

    /// Once for each endpoint; an address that is not there yet is fine. Port 0: any free one.
    [[nodiscard]] result<void> listen(endpoint const& at);
    /// The ports that `listen` got, in its order.
    [[nodiscard]] std::vector<std::uint16_t> ports() const;

    /// Replaces the keys, without losing a request: connections that we made under another key than
    /// the new signer give way to new ones as soon as nothing is open on them.
    void set_keys(std::map<std::uint8_t, channel_key> keys, std::uint8_t signing_key);

    /// Replaces the peers: new paths serve the next connection, those of the gone are closed.
    void set_peers(std::vector<channel_peer> const& peers);
    /// Connects to each now and whenever it is lost; the others are called on demand.
    void keep_open(std::vector<node_id> const& peers);

    /// `answer` is called once, on the io_context's thread, never inside this call.
    void request(node_id to, byte_string body, duration limit, answer_function answer);

    /// Without an answer: lost if there is no connection within the limit, or when it breaks.
    void tell(node_id to, byte_string body, duration limit);

    [[nodiscard]] std::vector<channel_condition> conditions() const;
    /// How many incoming connections were refused, and why.
    [[nodiscard]] std::map<channel_refusal, std::uint64_t> const& refusals() const;

    /// Closes all; open requests are answered with a problem, inside this call.
    void stop();

  private:
    class room;
    std::shared_ptr<room> room_;
};

} // namespace tasuki::agent
