#pragma once
// A pool as it is configured: where it listens, and who may answer there.
//
// Values only; the defaults are those of the file. A limit of 0 is none, a time of 0 is no limit.

#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/lb/drain.hpp"
#include "tasuki/lb/follow.hpp"
#include "tasuki/lb/health.hpp"
#include "tasuki/lb/mysql_move.hpp"
#include "tasuki/lb/probe.hpp"
#include "tasuki/lb/schedule.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::lb {

enum class protocol : std::uint8_t { tcp, mysql };
[[nodiscard]] std::string_view to_string(protocol);

/// The PROXY protocol: who the client is, told in front of the connection. haproxy.org,
/// "proxy-protocol.txt".
enum class proxy_header : std::uint8_t { none, v1, v2 };
[[nodiscard]] std::string_view to_string(proxy_header);

struct backend_settings {
    std::string name;
    endpoint address;
    unsigned weight = 100;
    bool is_backup = false; ///< used while none of the others can be
    std::uint32_t sessions_max = 0;
    friend bool operator==(backend_settings const&, backend_settings const&) = default;
};

struct pool_limits {
    duration header = milliseconds{3000};  ///< until a client's PROXY header is there
    duration connect = milliseconds{3000}; ///< to one backend, of which two more are tried
    duration queue = milliseconds{5000};   ///< for a place on a backend
    duration login = milliseconds{10000};  ///< of a MySQL session
    duration idle{};                       ///< without a byte of either side
    std::uint32_t queue_max = 1000;        ///< who waits, on one thread
    std::uint32_t sessions_max = 20000;    ///< on one thread
    friend bool operator==(pool_limits const&, pool_limits const&) = default;
};

struct pool_settings {
    std::string name;
    std::vector<endpoint> listen;
    protocol speaks = protocol::tcp;
    balance how = balance::round_robin;
    bool accepts_header = false; ///< clients come through another proxy, and only through it
    proxy_header sends_header = proxy_header::none;
    pool_limits limits;
    bool logs_all = false; ///< each session, not only those that ended by a fault
    drain_rules drain;
    duration drain_deadline = milliseconds{60'000}; ///< unless the operator says another
    duration slow_start{};                          ///< a new backend's way to its whole weight
    health_rules health;
    check_settings check;
    std::vector<pool_user> users; ///< their sessions are moved rather than closed
    follow_settings follows;      ///< then new sessions wait while no backend can be used
    std::vector<backend_settings> backends;
    friend bool operator==(pool_settings const&, pool_settings const&) = default;
};

} // namespace tasuki::lb
