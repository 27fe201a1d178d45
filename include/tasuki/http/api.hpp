#pragma once
// The requests of the HTTP API as values: what was asked, or why it cannot be.
//
// Decides what a method, target and body mean, and who may change something: changes are made by
// POST only, over the control socket only, by root or the agent's own user. Everything from outside
// is bounded and checked here: names, free text, durations, unknown keys. Never performs anything.

#include "tasuki/http/checks.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
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

using api_request =
    std::variant<get_status, get_page, get_history, get_operation, get_why, get_check, get_metrics,
                 get_events, get_keys, get_pools, get_sessions, check_query, post_switchover,
                 post_failover, post_pause, post_resume, post_standby, post_activate,
                 post_vip_announce, post_reload, post_bootstrap, post_voters, post_key_rotate,
                 post_key_load, post_backend, post_backend_add, post_backend_remove>;

/// What only a load balancer answers.
template<class Request>
inline constexpr bool is_of_pools =
    std::is_same_v<Request, get_pools> || std::is_same_v<Request, get_sessions> ||
    std::is_same_v<Request, post_backend> || std::is_same_v<Request, post_backend_add> ||
    std::is_same_v<Request, post_backend_remove>;

[[nodiscard]] bool changes_something(api_request const&);

struct api_error {
    unsigned status = 400; ///< of HTTP
    std::string code;      ///< a fixed word: bad_request, not_found, candidate_lag …
    std::string reason;
    std::string next_command;
    friend bool operator==(api_error const&, api_error const&) = default;
};

[[noreturn]] inline void throw_exception_from_error(api_error const& cause,
                                                    boost::source_location const&) {
    throw std::runtime_error(cause.reason);
}

using routed = boost::system::result<api_request, api_error>;

/// `target` is the request's path and query; `body` is JSON, or empty for "no options".
[[nodiscard]] routed route(std::string_view method, std::string_view target, std::string_view body);

/// Who asks. Over TCP nobody is known; over the control socket the kernel vouches for it.
struct caller {
    bool local = false;
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    std::int32_t process = 0;
};

struct api_call {
    api_request request;
    caller from;
};

/// Nothing, or why this caller may not do that; `owner` is the user the agent runs as.
[[nodiscard]] std::optional<api_error> forbidden(api_request const&, caller const&,
                                                 std::uint32_t owner);

struct api_response {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body;
    bool ends_stream = false; ///< nothing will follow: the operation has finished
};

[[nodiscard]] api_response json_response(std::string body, unsigned status = 200);
[[nodiscard]] api_response operation_response(answerer const&, operation_view const&,
                                              unsigned status = 200);
[[nodiscard]] api_response error_response(api_error const&);
[[nodiscard]] api_response check_response(check_answer const&);
[[nodiscard]] api_response metrics_response(std::string body);
[[nodiscard]] api_response page_response(std::string body);

/// The name of the events that only the load balancer of this machine follows: what it has to know
/// of the groups. Nobody else gets them.
inline constexpr std::string_view standings_event = "standings";

/// One server-sent event; `operation` limits it to those who follow that one (and those who follow
/// everything).
struct stream_event {
    std::string name; ///< "status", "operation"
    std::string data; ///< JSON
    std::optional<std::uint64_t> operation;
    bool last = false; ///< the operation has finished
};
[[nodiscard]] stream_event operation_event(answerer const&, operation_view const&);
/// As it goes over the wire; line breaks in the data would end the event and are split.
[[nodiscard]] std::string to_wire(stream_event const&);

} // namespace tasuki::http
