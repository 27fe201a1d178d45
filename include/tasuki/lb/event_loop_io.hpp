#pragma once
// The loop of one thread of the data path: epoll(7), edge-triggered, and timers.
//
// Not Asio's: waiting there for readability alone costs one epoll_ctl each time, and a proxied
// answer is made of few calls. Here a socket is registered once, for both directions, and tells its
// handler of each edge; a handler reads and writes until the kernel says EAGAIN, or remembers what
// it left. Everything but `post` and `stop` belongs to the loop's own thread.

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

struct epoll_event;

namespace tasuki::lb {

struct edges {
    bool readable = false; ///< bytes, the end of the stream, or an error: reading tells which
    bool writable = false;
    bool ends = false; ///< the peer sends no more: the end is to be read, and no edge tells of it
};

class event_handler {
  public:
    event_handler() = default;
    event_handler(event_handler const&) = delete;
    event_handler& operator=(event_handler const&) = delete;
    virtual ~event_handler() = default;
    virtual void happened(edges) = 0;
};

class event_loop {
  public:
    [[nodiscard]] static result<std::unique_ptr<event_loop>> make();
    ~event_loop();
    event_loop(event_loop const&) = delete;
    event_loop& operator=(event_loop const&) = delete;

    /// The handler outlives its registration; closing the descriptor ends that, too.
    [[nodiscard]] result<void> add(int descriptor, event_handler&);
    /// Of a socket that many loops wait for: one of them is woken for each connection, again as
    /// long as some wait.
    [[nodiscard]] result<void> add_listener(int descriptor, event_handler&);
    /// No event reaches the handler after this, not even one that was already fetched.
    void remove(int descriptor, event_handler&);
    /// The same for a descriptor that is closed right after, and that nobody else has open: the
    /// kernel forgets it then, which saves a call.
    void forget(event_handler&);

    using task = std::function<void()>;
    using timer = std::uint64_t;
    timer at(instant, task);
    void cancel(timer);

    /// From any thread; carried out in order.
    void post(task);
    /// Ends one `run`, after the tasks and events of its round; from any thread.
    void stop();
    void run();
    [[nodiscard]] static instant now();
    /// When this round's events were fetched: good enough for "silent for so long", and free.
    [[nodiscard]] instant const& round() const;

  private:
    event_loop() = default;
    void carry_out_posted();
    void carry_out_due();
    [[nodiscard]] int patience() const;

    class body;
    std::unique_ptr<body> body_;
};

} // namespace tasuki::lb
