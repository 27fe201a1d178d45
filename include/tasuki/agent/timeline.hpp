#pragma once
// The lines of an operation, written on several nodes, put together into one entry of the history,
// and that entry as the API shows it. Pure.

#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/history.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/http/operations.hpp"

namespace tasuki::agent {

/// `known` is the operation so far, or null. A line takes as long as it came after the one before.
[[nodiscard]] operation with_note(operation const* known, progress_note const&,
                                  node_settings const& names);
[[nodiscard]] http::operation_view view_of(operation const&);

} // namespace tasuki::agent
