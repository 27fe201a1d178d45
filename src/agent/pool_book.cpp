#include "tasuki/agent/pool_book.hpp"

#include <fmt/format.h>

#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration silent_after = std::chrono::seconds{5};

} // namespace

void pool_book::told(node_id by, http::pools_report said, instant now) {
    pages_[by] = {std::move(said), now};
}

void pool_book::add_to(http::cluster_view& view, node_settings const& settings, instant now) const {
    for (auto const& [id, told] : pages_) {
        auto const name = settings.name_of(id);
        auto const age = now - told.at;
        if (name.empty())
            continue;
        for (auto pool : told.said.pools) {
            pool.node = name;
            if (age > silent_after)
                pool.trouble = fmt::format("the load balancer of {} has said nothing for {} s",
                                           name, to_ms(age) / 1000);
            view.pools.push_back(std::move(pool));
        }
    }
}

} // namespace tasuki::agent
