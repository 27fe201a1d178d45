#pragma once
// The deeds of the guardian, each ready before it is needed: nothing here allocates when it acts.

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/guard/orders.hpp"

#include <map>
#include <vector>

#include <sys/types.h>

namespace tasuki::guard {

[[nodiscard]] instant boottime_now();

/// A process by its descriptor: its number may belong to another one later.
class held_process {
  public:
    held_process() = default;
    explicit held_process(unique_fd descriptor)
        : descriptor_(std::move(descriptor)) {}
    /// Whoever is at the other end of a connected socket.
    [[nodiscard]] static result<held_process> at_end_of(int socket);
    explicit operator bool() const { return static_cast<bool>(descriptor_); }
    [[nodiscard]] int descriptor() const { return descriptor_.get(); }
    /// SIGKILL. True if it is gone within the limit, or was not there.
    [[nodiscard]] bool end(milliseconds limit) const;

  private:
    unique_fd descriptor_;
};

/// Netlink requests, sent as they are.
class requests_ready {
  public:
    struct outcome {
        std::size_t done = 0;   ///< an address that was here
        std::size_t failed = 0; ///< for another reason than that there was none
        int error = 0;          ///< of the last that failed
    };
    [[nodiscard]] static result<requests_ready> open();
    void prepare(std::vector<byte_string> const& requests);
    void send() const;
    /// What the kernel answered; to be read after `send`, when there is time.
    [[nodiscard]] outcome answers() const;

  private:
    unique_fd socket_;
    std::vector<byte_string> batches_;
};

/// Questions for connections, each of which is reset when it is named (sock_diag(7)).
class connections_ready {
  public:
    /// Without them, and where the kernel has no such thing, nothing is ever found.
    [[nodiscard]] static connections_ready open();
    void prepare(std::vector<byte_string> listings) { listings_ = std::move(listings); }
    /// The number that was reset before the limit.
    std::size_t reset(duration limit) const;

  private:
    unique_fd asking_;
    unique_fd resetting_;
    std::vector<byte_string> listings_;
};

/// Datagrams with a socket for each local address.
class datagrams_ready {
  public:
    void prepare(std::vector<datagram> const& datagrams);
    /// The number that left.
    std::size_t send() const;

  private:
    [[nodiscard]] int socket_of(ip_address const& local);

    std::map<ip_address, unique_fd> sockets_;
    std::vector<datagram> datagrams_;
    std::vector<int> through_;
};

} // namespace tasuki::guard
