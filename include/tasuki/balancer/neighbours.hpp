#pragma once
// What the balancers of other nodes have of our backends, as they told last: whoever takes a
// backend out of service has to know of all its sessions, and of whom he knows nothing. Pure.

#include "tasuki/core/time.hpp"
#include "tasuki/http/pools_view.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tasuki::balancer {

class neighbours {
  public:
    /// By the configuration: the other nodes that serve each pool.
    void expect(std::map<std::string, std::vector<std::string>> nodes_by_pool);
    /// All that the balancer of that node serves.
    void told(std::string const& node, std::vector<http::pool_view> const&, instant now);
    void add_to(std::vector<http::pool_view>&, instant now) const;

  private:
    struct has {
        std::string administration;
        std::uint32_t sessions = 0;
    };
    struct neighbour {
        instant at = long_ago;
        std::map<std::pair<std::string, std::string>, has> backends; ///< by pool and name
        std::set<std::string> partial;                               ///< pools told in part
    };
    [[nodiscard]] http::elsewhere_view of(std::string const& node, std::string const& pool,
                                          std::string const& backend, instant now) const;

    std::map<std::string, std::vector<std::string>> expected_;
    std::map<std::string, neighbour> all_; ///< by node
};

} // namespace tasuki::balancer
