#pragma once
// Two connected sockets and all that passes between them, in both directions.
//
// Few calls, and little memory: what is read goes out at once from a buffer that the whole thread
// shares; only what a slow peer does not take is kept, in memory of its own, and nothing more is
// read for that peer meanwhile. An end of one direction is passed on as such (a half-closed
// connection stays useful); the relay is over when both directions have ended, or one socket
// failed.

#include "tasuki/core/bytes.hpp"
#include "tasuki/lb/event_loop_io.hpp"

#include <cstdint>
#include <functional>

namespace tasuki::lb {

/// Sees all bytes, in order, before they are passed on.
class relay_watcher {
  public:
    relay_watcher() = default;
    relay_watcher(relay_watcher const&) = delete;
    relay_watcher& operator=(relay_watcher const&) = delete;
    virtual ~relay_watcher() = default;
    virtual void from_client(byte_view) = 0;
    virtual void from_server(byte_view) = 0;
};

enum class relay_end : std::uint8_t {
    in_order,      ///< both sides have said that they send no more
    client_failed, ///< reset, or silent beyond what the kernel allows
    server_failed,
};

class relay {
  public:
    using ended = std::function<void(relay_end)>;

    /// Both sockets are connected and do not block. `over` is called once, and may destroy the
    /// relay.
    relay(event_loop&, unique_fd client, unique_fd server, relay_watcher*, ended over);
    relay(relay const&) = delete;
    relay& operator=(relay const&) = delete;
    ~relay();

    [[nodiscard]] result<void> start();
    [[nodiscard]] std::uint64_t to_server_bytes() const { return up_.passed; }
    [[nodiscard]] std::uint64_t to_client_bytes() const { return down_.passed; }

  private:
    class side final : public event_handler {
      public:
        void happened(edges) override;
        relay* owner = nullptr;
        unique_fd socket;
        bool readable = false;
        bool writable = false;
        bool ends = false;  ///< an end is to be read
        bool ended = false; ///< it was
    };
    struct direction {
        side& from;
        side& to;
        byte_string kept; ///< was read, and not taken yet
        std::size_t kept_from = 0;
        std::uint64_t passed = 0;
        bool told_end = false;
    };
    enum class progress : std::uint8_t { waits, more, failed_reading, failed_writing };

    void pump();
    [[nodiscard]] progress move(direction&);
    [[nodiscard]] progress send_kept(direction&);
    [[nodiscard]] progress read_and_send(direction&);
    void watch(direction const&, byte_view);
    void finish(relay_end);

    event_loop& loop_;
    relay_watcher* watcher_;
    ended over_;
    side client_;
    side server_;
    direction up_{client_, server_, {}, 0, 0, false};
    direction down_{server_, client_, {}, 0, 0, false};
    bool registered_ = false;
    event_loop::timer resumes_ = 0; ///< it has yielded to others
};

} // namespace tasuki::lb
