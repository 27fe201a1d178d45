#pragma once
// The connection that this node opens to one peer, and the requests that go over it. Inside of
// channel_io; nobody else needs it.
//
// A request waits for a connection until its deadline. One that was sent when the connection broke
// fails at once, as "not known": it is not sent twice. An answer that comes too late is dropped.

#include "tasuki/agent/channel_wire_io.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace tasuki::agent {

class channel_link : public std::enable_shared_from_this<channel_link> {
  public:
    channel_link(boost::asio::io_context& io, std::shared_ptr<channel_settings const> settings,
                 channel_peer peer);
    channel_link(channel_link const&) = delete;
    channel_link& operator=(channel_link const&) = delete;

    void start();
    void set_peer(channel_peer peer) { peer_ = std::move(peer); }
    /// Other keys: the connection is made anew when it can be, unless it is under the signer.
    void set_settings(std::shared_ptr<channel_settings const> settings);
    void keep_open(bool wanted);
    /// Without an `answer` it is a note: over once it is sent.
    void request(byte_string body, duration limit, peer_channel::answer_function answer);
    [[nodiscard]] channel_condition condition() const;
    /// Ends it; `tell`: open requests are answered with a problem.
    void stop(bool tell);

  private:
    struct open_request {
        byte_string body; ///< until it is sent
        bool sent = false;
        duration limit{};
        peer_channel::answer_function answer;
        std::unique_ptr<boost::asio::steady_timer> timer;
    };

    [[nodiscard]] boost::asio::awaitable<void> run();
    [[nodiscard]] boost::asio::awaitable<std::shared_ptr<channel_wire>> connect();
    [[nodiscard]] boost::asio::awaitable<void> read_answers(std::shared_ptr<channel_wire> wire);
    [[nodiscard]] boost::asio::awaitable<void> pause(duration length);
    void arm(std::uint64_t id, open_request& request);
    void send(std::uint64_t id);
    void send_waiting();
    void settle(channel_message message);
    void expire(std::uint64_t id);
    void finish(std::uint64_t id, result<byte_string> outcome);
    void fail_sent();
    void leave_stale_wire();
    [[nodiscard]] bool is_wanted() const;

    boost::asio::io_context& io_;
    std::shared_ptr<channel_settings const> settings_;
    channel_peer peer_;
    boost::asio::cancellation_signal end_;
    boost::asio::steady_timer wake_;
    boost::asio::steady_timer leaving_;
    std::shared_ptr<channel_wire> wire_; ///< while connected
    std::uint8_t wire_key_ = 0;
    std::map<std::uint64_t, open_request> open_;
    std::uint64_t last_id_ = 0;
    std::uint64_t opened_ = 0;
    endpoint path_;
    std::string trouble_;
    bool keep_open_ = false;
    bool stopped_ = false;
    bool silent_ = false; ///< stopped, and nobody may be called any more
};

/// For the end of a spawned coroutine: being cancelled is no failure, all else is a bug.
void end_of_room(std::exception_ptr thrown);

} // namespace tasuki::agent
