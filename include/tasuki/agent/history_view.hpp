#pragma once
// What the history adds to the view: the operation under way and the last one of each group, who
// paused it or took a node out and why, and how long a failover would take, going by the last one.
// Pure; whatever the history does not know stays empty.

#include "tasuki/agent/history.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/http/views.hpp"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace tasuki::agent {

void add_history(http::cluster_view&, history const&, node_settings const&);

/// Failovers and switchovers that ended while this agent ran.
class failover_counter {
  public:
    void count(operation const& ended);
    [[nodiscard]] std::vector<http::failover_count> view() const;

  private:
    std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> counts_;
};

} // namespace tasuki::agent
