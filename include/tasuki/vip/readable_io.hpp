#pragma once
// Tells when a non-blocking descriptor has something to read, on the caller's io_context.
//
// Owns the descriptor. The callback reads until it would block, or as much as it finds fair; it is
// called again while more is there. After destruction it is never called. Not thread-safe: one
// io_context, one thread.

#include "tasuki/core/unique_fd_io.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>

namespace tasuki::vip {

class readable {
  public:
    readable(boost::asio::io_context&, unique_fd descriptor, std::function<void()> on_readable);
    readable(readable const&) = delete;
    readable& operator=(readable const&) = delete;
    ~readable();

    [[nodiscard]] int descriptor() const;

  private:
    struct state; // outlives us while the reactor holds a completed wait
    std::shared_ptr<state> state_;
};

} // namespace tasuki::vip
