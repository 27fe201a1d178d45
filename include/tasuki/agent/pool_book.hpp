#pragma once
// What the load balancers of all nodes have told last, each by the agent beside it. Pure.
//
// A balancer tells on each change and once a second; one that is silent is shown as it was, with a
// trouble that says so.

#include "tasuki/agent/settings.hpp"
#include "tasuki/http/pools_report.hpp"
#include "tasuki/http/views.hpp"

#include <map>

namespace tasuki::agent {

class pool_book {
  public:
    void told(node_id by, http::pools_report, instant now);
    void add_to(http::cluster_view&, node_settings const&, instant now) const;

  private:
    struct page {
        http::pools_report said;
        instant at = long_ago;
    };
    std::map<node_id, page> pages_;
};

} // namespace tasuki::agent
