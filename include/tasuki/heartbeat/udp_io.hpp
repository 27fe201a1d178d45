#pragma once
// One UDP socket per network path, on the lease thread's io_context: receive, send, rebind.
//
// Sending never waits and never queues: a heartbeat that cannot leave now is worthless later, so it
// is counted by reason and dropped. A path whose address is missing is tried again each second
// while the others work. The caller's clock is asked once per wake-up. Single-threaded; nothing
// here looks into a datagram. See udp(7), ip(7).

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/heartbeat/reject.hpp"
#include "tasuki/heartbeat/source_limit.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace tasuki::heartbeat {

/// Why a datagram did not leave.
enum class send_failure : std::uint8_t {
    path_down,     ///< the path's address is not there, its socket is not open
    would_block,   ///< the socket's buffer is full
    unreachable,   ///< no route, network or host down
    not_permitted, ///< a local firewall rule dropped it
    exhausted,     ///< no memory or queue space in the kernel
    other,
};
inline constexpr std::size_t send_failure_count = static_cast<std::size_t>(send_failure::other) + 1;
[[nodiscard]] std::string_view to_string(send_failure);

struct datagram {
    std::uint8_t path;
    endpoint source;
    byte_view bytes; ///< valid during the callback only
    instant at;
};

/// A path came up (no trouble) or went down. Reported on change, not on every try.
struct path_report {
    std::uint8_t path;
    endpoint local;
    std::optional<problem> trouble;
};

/// Dropped unread: too many of one source, or too long. One report a reason and wake-up, with the
/// last source, so that a flood costs little.
struct refused_datagrams {
    reject why;
    endpoint source;
    std::uint64_t count = 1;
};

struct udp_options {
    std::vector<endpoint> local;           ///< by path; port 0 takes a free one
    std::vector<ip_address> known_sources; ///< all addresses of the other nodes
    source_rate rate;
    int receive_buffer_bytes = 1 << 20;
    milliseconds rebind_after{1000};
};

struct udp_callbacks {
    std::function<instant()> now;
    std::function<void(datagram const&)> on_datagram;
    std::function<void(path_report const&)> on_path;
    std::function<void(refused_datagrams const&)> on_refused{}; ///< may be empty
};

struct path_counters {
    std::uint64_t received = 0;
    std::uint64_t limited = 0;  ///< dropped by the rate limit of their source
    std::uint64_t too_long = 0; ///< longer than any message
    std::uint64_t receive_errors = 0;
    std::uint64_t sent = 0;
    std::array<std::uint64_t, send_failure_count> send_failures{};
};

class udp_paths {
  public:
    udp_paths(boost::asio::io_context&, udp_options, udp_callbacks);
    ~udp_paths();
    udp_paths(udp_paths const&) = delete;
    udp_paths& operator=(udp_paths const&) = delete;

    /// Opens what can be opened, now; the callbacks may run before it returns.
    void start();
    /// Closes all sockets. No callback runs after this.
    void stop();

    /// Nothing if it has left.
    std::optional<send_failure> send(std::uint8_t path, endpoint const& to, byte_view bytes);

    [[nodiscard]] bool is_open(std::uint8_t path) const;
    /// With the real port; the configured endpoint while the path is down.
    [[nodiscard]] endpoint local(std::uint8_t path) const;
    [[nodiscard]] path_counters const& counters(std::uint8_t path) const;

  private:
    struct impl;
    std::shared_ptr<impl> impl_; // shared with the handlers that Asio still holds
};

} // namespace tasuki::heartbeat
