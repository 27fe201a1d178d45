#pragma once
// The system calls of one heartbeat socket: open, send, receive, each without waiting.
//
// Marked CS6 (network control) and with the highest priority that needs no privilege, so that beats
// leave before bulk data where queues honour that. No SO_REUSEADDR: on UDP it would let another
// process take our datagrams. See ip(7), socket(7), RFC 4594 section 3.1.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <cstddef>
#include <span>

namespace tasuki::heartbeat {

struct bound_socket {
    unique_fd socket;
    endpoint local; ///< with the port that the kernel chose, if none was asked for
};

[[nodiscard]] result<bound_socket> open_datagram_socket(endpoint const& local,
                                                        int receive_buffer_bytes);

/// Zero, or the errno.
[[nodiscard]] int send_datagram(int socket, endpoint const& to, byte_view bytes);

struct received {
    int error = 0;        ///< zero, or the errno
    std::size_t size = 0; ///< of what fitted into the buffer
    endpoint source;
};
[[nodiscard]] received receive_datagram(int socket, std::span<std::byte> buffer);

} // namespace tasuki::heartbeat
