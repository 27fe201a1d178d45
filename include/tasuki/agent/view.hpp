#pragma once
// A node's state as the documents of the HTTP API: names instead of ids, ages instead of instants.
//
// Pure translation, room by room; it decides nothing. `conditions` holds what only the edge knows.

#include "tasuki/agent/node.hpp"
#include "tasuki/http/operations.hpp"
#include "tasuki/http/views.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::agent {

/// In the place of a rung of enforcement, for a node that carries no virtual IP.
inline constexpr std::string_view no_enforcement = "none";
/// Its addresses are moved by a program, and nothing below the agent takes them away.
inline constexpr std::string_view by_program = "program";

/// What the edge knows and the pure core does not.
struct conditions {
    std::string version;
    std::string enforcement;
    std::string enforcement_reason;    ///< why it is not a better one; empty for the best
    std::string guard_reason;          ///< why no guardian stands by; empty if one does
    std::vector<std::string> warnings; ///< of configuration and start
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    milliseconds longest_stall{};
    std::optional<double> clock_ppm;          ///< how far the clock is corrected; unset: not known
    std::map<group_id, std::string> carriers; ///< interface of each group's address here
};

/// What this node itself can know; `add_reports` adds what every node says of itself.
[[nodiscard]] http::cluster_view view_of(node const&, conditions const&, moment);
/// Of the whole view, reports included; nothing if there is no such group.
[[nodiscard]] std::optional<http::why_view> why_of(http::cluster_view const&,
                                                   std::string const& group);

} // namespace tasuki::agent
