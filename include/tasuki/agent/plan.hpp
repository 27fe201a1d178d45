#pragma once
// The plan of a switchover in the words of the API: names instead of ids, trees as lists of rows.

#include "tasuki/agent/settings.hpp"
#include "tasuki/http/operations.hpp"
#include "tasuki/mysql/switchover.hpp"

namespace tasuki::agent {

[[nodiscard]] http::plan_view plan_of(node_settings const&, group_settings const&,
                                      mysql::switchover::plan const&, node_id from);

} // namespace tasuki::agent
