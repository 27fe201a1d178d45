#include "tasuki/balancer/neighbours.hpp"

namespace tasuki::balancer {

namespace {

constexpr duration forgotten_after = std::chrono::hours{1};

} // namespace

void neighbours::told(std::vector<http::pool_view> const& pools, instant now) {
    std::erase_if(all_, [&](auto const& it) { return now - it.second.at > forgotten_after; });
    for (auto const& pool : pools)
        for (auto const& one : pool.backends)
            all_[{pool.name, one.name, pool.node}] = {one.administration, one.sessions, now};
}

void neighbours::add_to(std::vector<http::pool_view>& pools, instant now) const {
    for (auto& pool : pools)
        for (auto& one : pool.backends)
            for (auto each = all_.lower_bound({pool.name, one.name, {}});
                 each != all_.end() && std::get<0>(each->first) == pool.name &&
                 std::get<1>(each->first) == one.name;
                 ++each)
                one.elsewhere.push_back(
                    {std::get<2>(each->first), each->second.administration, each->second.sessions,
                     std::chrono::duration_cast<milliseconds>(now - each->second.at)});
}

} // namespace tasuki::balancer
