// The balancer stands still, and leaves all it has; and begins with what another process has left.

#include "tasuki/balancer/balancer_io.hpp"

#include "pool_io.hpp"

#include <iterator>
#include <utility>

namespace tasuki::balancer {

std::size_t balancer::on_their_way() {
    checks_rest_ = true;
    auto out = programs_.running(); // whose ends only this process hears
    for (auto const& worker : workers_)
        out += worker->on_their_way();
    return out;
}

void balancer::resume_checks() {
    checks_rest_ = false;
    arm();
}

void balancer::wait_for_workers() {
    for (auto const& worker : workers_)
        (void)worker->on_their_way();
}

estate balancer::freeze() {
    estate out;
    for (auto const& [name, it] : pools_)
        for (auto const& one : it->open)
            out.doors.push_back({one->at, one->socket.get()});
    for (auto const& [name, it] : pools_)
        out.rosters.push_back(it->roster.estate());
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

/// The pools first, with all that is known of their backends: a session whose backend may not be
/// used is cut. What is told of them afterwards counts the sessions.
result<void> balancer::inherit(estate from, std::vector<lb::pool_settings> const& pools) {
    for (auto const& one : from.doors)
        inherited_.push_back(
            std::make_shared<lb::listener const>(lb::listener{one.at, unique_fd{one.socket}}));
    rosters_left_ = std::move(from.rosters);
    auto const begun = configure(pools);
    inherited_.clear();
    rosters_left_.clear();
    if (!begun)
        return begun;
    std::size_t turn = 0;
    for (auto& one : from.sessions)
        workers_[turn++ % workers_.size()]->adopt(std::move(one));
    wait_for_workers();
    return {};
}

} // namespace tasuki::balancer
