#pragma once
// Checks by status code, for other people's balancers: 200 or 503, and nothing to parse.
//
// Decides from the view alone and never asks anybody. A value that is too old counts as "no": a
// check answers 200 only for what is known now. The words and their meaning follow Patroni's REST
// API (docs/rest_api.rst), so that an existing balancer configuration keeps working.

#include "tasuki/http/views.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tasuki::http {

enum class check_kind {
    active,    ///< this node is active in the group, and its lease holds
    standby,   ///< this node could take the group over
    primary,   ///< this node has the group's MySQL master (alias: master)
    replica,   ///< this node has a replica that runs, at most `lag_max` behind
    health,    ///< the cluster serves, degraded or not
    liveness,  ///< this agent's lease thread is alive
    readiness, ///< this node takes part as it should
};

[[nodiscard]] std::optional<check_kind> parse_check_kind(std::string_view name);
[[nodiscard]] std::string_view to_string(check_kind);

struct check_query {
    check_kind kind = check_kind::health;
    std::string group; ///< empty: the only one of this node
    std::optional<milliseconds> lag_max;
    friend bool operator==(check_query const&, check_query const&) = default;
};

struct check_answer {
    unsigned status = 503; ///< 200, 400, 404 or 503
    std::string body;      ///< one line that says why
    friend bool operator==(check_answer const&, check_answer const&) = default;
};

[[nodiscard]] check_answer evaluate(check_query const&, cluster_view const&);

/// "10s", "500ms", "2m"; nothing without a unit, nothing negative, at most a day.
[[nodiscard]] std::optional<milliseconds> parse_lag(std::string_view text);

} // namespace tasuki::http
