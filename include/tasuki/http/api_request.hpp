#pragma once
// What the HTTP API can be asked, as values: first what reads, then what changes something.

#include "tasuki/http/checks.hpp"
#include "tasuki/http/pools_report.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

namespace tasuki::http {

struct get_status {};
struct get_page {}; ///< "/", for a person
struct get_history {
    std::size_t limit = 50;
};
struct get_operation {
    std::uint64_t id = 0;
};
struct get_why {
    std::string group;
};
struct get_check {};
struct get_metrics {};
struct get_keys {}; ///< ids and fingerprints, never a secret
/// Of the load balancer; the agent has none.
struct get_pools {};
struct get_sessions {
    std::string pool;
    std::string backend; ///< empty: all
};
/// A stream of server-sent events: everything, or the progress of one operation.
struct get_events {
    std::optional<std::uint64_t> operation;
    bool of_standings = false; ///< those, and nothing else
};
struct post_switchover {
    std::string group;
    std::string to; ///< empty: the agent chooses
    bool dry_run = false;
    std::string reason;
};
struct post_failover {
    std::string group;
    std::string to;
    bool allow_loss = false;
    bool dry_run = false;
    std::string reason;
};
struct post_pause {
    std::string group; ///< empty: all
    std::optional<milliseconds> lasting;
    std::string reason;
};
struct post_resume {
    std::string group; ///< empty: all
};
struct post_standby {
    std::string node;
    std::optional<milliseconds> lasting;
    std::string reason;
};
struct post_activate {
    std::string node;
};
struct post_vip_announce {
    std::string group; ///< empty: all
};
struct post_reload {};
struct post_key_rotate {
    bool dry_run = false;
};
/// Reads the key file of this node again.
struct post_key_load {
    bool force = false; ///< also if a node would not be understood any more
};
struct post_voters {
    std::string add;    ///< empty: none
    std::string remove; ///< empty: none
    std::string reason;
};
struct post_bootstrap {
    std::map<std::string, std::string> masters; ///< group -> node
};

/// What is not named stays as it is.
struct post_backend {
    std::string pool;
    std::string backend;
    std::string administration; ///< ready, drain, maintenance; empty: as it is
    std::optional<unsigned> weight;
    std::optional<milliseconds> deadline; ///< of a drain
    bool dry_run = false;
};
struct post_backend_add {
    std::string pool;
    std::string backend;
    std::string address;
    std::optional<unsigned> weight;
};
struct post_backend_remove {
    std::string pool;
    std::string backend;
};

/// The load balancer tells the agent of its node.
struct post_pools {
    pools_report report;
};

using api_request =
    std::variant<get_status, get_page, get_history, get_operation, get_why, get_check, get_metrics,
                 get_events, get_keys, get_pools, get_sessions, check_query, post_switchover,
                 post_failover, post_pause, post_resume, post_standby, post_activate,
                 post_vip_announce, post_reload, post_bootstrap, post_voters, post_key_rotate,
                 post_key_load, post_backend, post_backend_add, post_backend_remove, post_pools>;

/// What only a load balancer answers.
template<class Request>
inline constexpr bool is_of_pools =
    std::is_same_v<Request, get_pools> || std::is_same_v<Request, get_sessions> ||
    std::is_same_v<Request, post_backend> || std::is_same_v<Request, post_backend_add> ||
    std::is_same_v<Request, post_backend_remove>;

[[nodiscard]] bool changes_something(api_request const&);

} // namespace tasuki::http
