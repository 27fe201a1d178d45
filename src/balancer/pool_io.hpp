#pragma once
// What a balancer keeps of one pool. Private to the room's sources.

#include "tasuki/balancer/balancer_io.hpp"
#include "tasuki/lb/event_loop_io.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tasuki::balancer {

inline instant clock_now() {
    return lb::event_loop::now();
}

struct balancer::pool {
    lb::roster roster;
    doors open;
    std::shared_ptr<lb::pool_counts> counts = std::make_shared<lb::pool_counts>();
    /// By name and address: who has another address is another backend.
    std::map<std::pair<std::string, endpoint>, std::shared_ptr<lb::backend_counts>> backends{};
    std::map<std::string, std::optional<lb::place>> places_said{}; ///< by name, in the log

    std::shared_ptr<lb::backend_counts> const& counts_of(lb::backend_settings const& one) {
        auto& out = backends[{one.name, one.address}];
        if (!out)
            out = std::make_shared<lb::backend_counts>();
        return out;
    }
};

} // namespace tasuki::balancer
