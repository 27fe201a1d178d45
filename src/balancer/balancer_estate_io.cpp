// The balancer stands still, and leaves all it has; and begins with what another process has left.

#include "tasuki/balancer/balancer_io.hpp"

#include "pool_io.hpp"
#include "tasuki/lb/standing_text.hpp"

#include <iterator>
#include <utility>

namespace tasuki::balancer {

estate balancer::freeze() {
    estate out;
    for (auto const& [name, it] : pools_)
        for (auto const& one : it->open)
            out.doors.push_back({one->at, one->socket.get()});
    out.standings = lb::to_text(standings_);
    out.on_their_way = programs_.running(); // whose ends only this process hears
    for (auto const& worker : workers_) {
        auto left = worker->freeze();
        out.on_their_way += left.on_their_way;
        out.sessions.insert(out.sessions.end(), std::make_move_iterator(left.all.begin()),
                            std::make_move_iterator(left.all.end()));
    }
    return out;
}

void balancer::thaw() {
    for (auto const& worker : workers_)
        worker->thaw();
}

/// The pools first, with what is known of the masters they follow: a session whose backend may not
/// be used is cut.
result<void> balancer::inherit(estate from, std::vector<lb::pool_settings> const& pools) {
    for (auto const& one : from.doors)
        inherited_.push_back(
            std::make_shared<lb::listener const>(lb::listener{one.at, unique_fd{one.socket}}));
    auto const begun = configure(pools);
    inherited_.clear();
    if (!begun)
        return begun;
    if (auto const known = lb::parse_standings(from.standings); known && !known->empty())
        follow(*known);
    std::size_t turn = 0;
    for (auto& one : from.sessions)
        workers_[turn++ % workers_.size()]->adopt(std::move(one));
    return {};
}

} // namespace tasuki::balancer
