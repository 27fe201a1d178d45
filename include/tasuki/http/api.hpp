#pragma once
// The requests of the HTTP API: what was asked, or why it cannot be.
//
// Decides what a method, target and body mean, and who may change something: changes are made by
// POST only, over the control socket only, by root or the agent's own user. Everything from outside
// is bounded and checked here: names, free text, durations, unknown keys. Never performs anything.

#include "tasuki/http/api_request.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tasuki::http {

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

/// The names of the events that only the load balancer of this machine follows: what it has to
/// know of the groups, and what another node's balancer reports. Nobody else gets them.
inline constexpr std::string_view standings_event = "standings";
inline constexpr std::string_view pools_event = "pools";

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
