#pragma once
// The view as Prometheus text (exposition format 0.0.4), for `/metrics`.
//
// Names follow prometheus.io/docs/practices/naming: base units as suffix, `_total` for counters,
// states as 0/1 and never in a label that changes. `tasuki_group_active` speaks of this node only,
// so that sum by (group) over all nodes shows two active nodes at once. What is not known is left
// out rather than shown as zero.

#include "tasuki/http/views.hpp"

#include <string>

namespace tasuki::http {

[[nodiscard]] std::string to_prometheus(cluster_view const&);

} // namespace tasuki::http
