#pragma once
// What the balancers of other nodes have of our backends, as they told last: whoever takes a
// backend out of service has to know of all its sessions. Pure.

#include "tasuki/core/time.hpp"
#include "tasuki/http/pools_view.hpp"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace tasuki::balancer {

class neighbours {
  public:
    void told(std::vector<http::pool_view> const&, instant now);
    void add_to(std::vector<http::pool_view>&, instant now) const;

  private:
    using place = std::tuple<std::string, std::string, std::string>; ///< pool, backend, node
    struct known {
        std::string administration;
        std::uint32_t sessions = 0;
        instant at = long_ago;
    };
    std::map<place, known> all_;
};

} // namespace tasuki::balancer
