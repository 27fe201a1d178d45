#pragma once
// Two connected sockets and all that passes between them, in both directions.
//
// Few calls, and little memory: what is read goes out at once from a buffer that the whole thread
// shares; only what a slow peer does not take is kept, in memory of its own, and nothing more is
// read for that peer meanwhile. An end of one direction is passed on as such (a half-closed
// connection stays useful); the relay is over when both directions have ended, one socket failed,
// or its watcher said so.

#include "tasuki/core/bytes.hpp"
#include "tasuki/lb/event_loop_io.hpp"
#include "tasuki/lb/relay_watcher.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace tasuki::lb {

enum class relay_end : std::uint8_t {
    client_ended, ///< both sides have said that they send no more, this one first
    server_ended,
    client_failed, ///< reset, or silent beyond what the kernel allows
    server_failed,
    watcher,
};

/// What one process leaves to the next of a relay, but for its sockets.
struct relay_estate {
    struct direction {
        byte_string kept; ///< is to be passed on, and not taken yet
        byte_string held; ///< by the watcher
        std::uint64_t passed = 0;
        bool told_end = false;
        template<class Archive>
        void members(Archive& it) {
            it(kept, held, passed, told_end);
        }
    };
    direction up;
    direction down;
    bool client_ended = false;
    bool server_ended = false;
    bool client_first = false;
    std::uint64_t passed_before = 0;
    instant last_byte = long_ago;
    template<class Archive>
    void members(Archive& it) {
        it(up, down, client_ended, server_ended, client_first, passed_before, last_byte);
    }
};

class relay {
  public:
    using ended = std::function<void(relay_end)>;

    /// Neither socket blocks; that to the server may still be connecting. `over` may destroy the
    /// relay, or give it another server.
    relay(event_loop&, unique_fd client, unique_fd server, relay_watcher*, ended over);
    relay(relay const&) = delete;
    relay& operator=(relay const&) = delete;
    ~relay();

    [[nodiscard]] result<void> start();
    /// In the place of that: it goes on where another process has left it.
    [[nodiscard]] result<void> resume(relay_estate);
    [[nodiscard]] relay_estate estate() const;
    [[nodiscard]] int client() const { return client_.socket.get(); }
    [[nodiscard]] int server() const { return server_.socket.get(); }
    /// It goes on with another server, which gets what the former one has not taken.
    [[nodiscard]] result<void> replace_server(unique_fd);
    /// It waits for another server: only whether the client is still there is looked at.
    void drop_server();
    /// For good: what it has not taken is forgotten.
    void leave_server();
    /// What the server does is nothing to the client: the end of either is the end of the relay.
    void keep_server_private(bool is) { server_is_private_ = is; }
    /// Bytes of the proxy's own, behind all that was passed on.
    void put_to_server(byte_view);
    void put_to_client(byte_view);
    /// Shows the watcher again what it has held, of both directions.
    void show_held();
    /// Reads nothing more, and is over (by the watcher) as soon as what was read is passed on.
    void finish();
    [[nodiscard]] bool is_finishing() const { return finishing_; }

    /// The server has taken the connection.
    [[nodiscard]] bool is_connected() const {
        return server_.connected || up_.passed + down_.passed > passed_before_;
    }
    [[nodiscard]] std::uint64_t to_server_bytes() const { return up_.passed; }
    [[nodiscard]] std::uint64_t to_client_bytes() const { return down_.passed; }
    /// When bytes came last, of either side.
    [[nodiscard]] instant last_byte() const { return last_byte_; }

  private:
    class side final : public event_handler {
      public:
        void happened(edges) override;
        relay* owner = nullptr;
        unique_fd socket;
        bool readable = false;
        bool writable = false;
        bool connected = false;
        bool ends = false;  ///< an end is to be read
        bool ended = false; ///< it was
    };
    struct direction {
        side& from;
        side& to;
        byte_string kept; ///< is to be passed on, and not taken yet
        std::size_t kept_from = 0;
        byte_string held;   ///< by the watcher
        bool shows = false; ///< what is held, to the watcher
        std::uint64_t passed = 0;
        bool told_end = false;
    };
    enum class progress : std::uint8_t { waits, more, failed_reading, failed_writing };

    void pump();
    [[nodiscard]] bool ended_by(progress up, progress down);
    [[nodiscard]] progress move(direction&);
    [[nodiscard]] progress send_kept(direction&);
    [[nodiscard]] progress read_and_pass(direction&);
    [[nodiscard]] progress pass(direction&, std::span<std::byte>);
    [[nodiscard]] progress send(direction&, byte_view);
    void put(direction&, byte_view);

    event_loop& loop_;
    relay_watcher* watcher_;
    ended over_;
    side client_;
    side server_;
    direction up_{client_, server_, {}, 0, {}, false, 0, false};
    direction down_{server_, client_, {}, 0, {}, false, 0, false};
    instant last_byte_ = long_ago;
    bool client_first_ = false; ///< its end came before the server's
    bool finishing_ = false;
    bool server_is_private_ = false;
    std::uint64_t passed_before_ = 0; ///< with servers that were left
    bool registered_ = false;
    event_loop::timer resumes_ = 0; ///< it has yielded to others
};

} // namespace tasuki::lb
