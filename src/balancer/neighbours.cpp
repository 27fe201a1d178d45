#include "tasuki/balancer/neighbours.hpp"

#include <utility>

namespace tasuki::balancer {

void neighbours::expect(std::map<std::string, std::vector<std::string>> nodes_by_pool) {
    expected_ = std::move(nodes_by_pool);
}

void neighbours::told(std::string const& node, std::vector<http::pool_view> const& pools,
                      instant now) {
    neighbour it{now, {}, {}};
    for (auto const& pool : pools) {
        if (pool.untold > 0)
            it.partial.insert(pool.name);
        for (auto const& one : pool.backends)
            it.backends[{pool.name, one.name}] = {one.administration, one.sessions};
    }
    all_[node] = std::move(it);
}

http::elsewhere_view neighbours::of(std::string const& node, std::string const& pool,
                                    std::string const& backend, instant now) const {
    auto const known = all_.find(node);
    if (known == all_.end())
        return {node, {}, 0, {}};
    auto const& it = known->second;
    auto const age = std::chrono::duration_cast<milliseconds>(now - it.at);
    auto const found = it.backends.find({pool, backend});
    if (found != it.backends.end())
        return {node, found->second.administration, found->second.sessions, age};
    if (it.partial.contains(pool))
        return {node, {}, 0, {}};
    return {node, {}, 0, age}; // it does not have it
}

void neighbours::add_to(std::vector<http::pool_view>& pools, instant now) const {
    for (auto& pool : pools) {
        auto const nodes = expected_.find(pool.name);
        if (nodes == expected_.end())
            continue;
        for (auto& one : pool.backends)
            for (auto const& node : nodes->second)
                one.elsewhere.push_back(of(node, pool.name, one.name, now));
    }
}

} // namespace tasuki::balancer
