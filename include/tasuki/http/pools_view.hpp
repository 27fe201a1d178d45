#pragma once
// The pools of a load balancer as the API shows them.

#include "tasuki/http/operations.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::http {

/// What the load balancer of another node has of a backend.
struct elsewhere_view {
    std::string node;
    std::string administration; ///< empty: it does not have it
    std::uint32_t sessions = 0;
    std::optional<milliseconds> age; ///< of this knowledge; nothing: it was never heard
    friend bool operator==(elsewhere_view const&, elsewhere_view const&) = default;
};

struct backend_view {
    std::string name;
    std::string address;
    std::string administration; ///< ready, drain, maintenance
    std::string health;         ///< up, down, unknown
    unsigned configured_weight = 0;
    unsigned effective_weight = 0;
    bool is_backup = false;
    std::uint32_t sessions = 0;
    std::uint64_t connections = 0;
    std::uint64_t failed_connects = 0;
    std::uint64_t drained = 0;
    std::uint64_t moved = 0;
    std::uint64_t cut = 0;
    std::string reason;                     ///< why it gets none, or fewer, new connections
    std::optional<milliseconds> drain_left; ///< until the deadline of a drain
    std::vector<elsewhere_view> elsewhere;
    friend bool operator==(backend_view const&, backend_view const&) = default;
};

struct pool_view {
    std::string name;
    std::string node; ///< whose load balancer serves it
    std::string protocol;
    std::vector<std::string> listen;
    std::uint32_t sessions = 0;
    std::uint32_t queued = 0;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::string trouble; ///< of the pool as a whole
    std::vector<backend_view> backends;
    std::uint32_t untold = 0; ///< backends that are left out
    friend bool operator==(pool_view const&, pool_view const&) = default;
};
[[nodiscard]] std::string pools_json(answerer const&, std::vector<pool_view> const&);

struct session_view {
    std::string client;
    std::string backend;
    std::string state;
    milliseconds age{};
};
struct sessions_view {
    std::string pool;
    std::size_t total = 0; ///< those that are listed may be fewer
    std::vector<session_view> sessions;
};
[[nodiscard]] std::string sessions_json(answerer const&, sessions_view const&);

} // namespace tasuki::http
