// The sessions of a pool on one thread, as they are left to another process and taken from one.

#include "local_pool_io.hpp"
#include "session_io.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::lb {

void local_pool::leave(sessions_left& to) const {
    for (auto const& one : sessions_)
        if (!one->is_on_its_way())
            to.all.push_back(one->estate());
}

std::size_t local_pool::on_their_way() const {
    return static_cast<std::size_t>(std::count_if(
        sessions_.begin(), sessions_.end(), [](auto const& one) { return one->is_on_its_way(); }));
}

void local_pool::adopt(session_estate from) {
    unique_fd client{from.client};
    put_in(std::move(client), from.from, from.to).resume(std::move(from));
}

/// One that the pool has no more is left as in a drain, as if it had just been taken out.
std::shared_ptr<local_backend> local_pool::take_back(std::string const& backend,
                                                     endpoint const& at) {
    auto const is_it = [&](auto const& one) {
        return one->now.settings.name == backend && one->now.settings.address == at;
    };
    auto found = std::find_if(backends_.begin(), backends_.end(), is_it);
    if (found == backends_.end()) {
        found = std::find_if(former_.begin(), former_.end(), is_it);
        if (found == former_.end()) {
            local_backend gone;
            gone.now.settings.name = backend;
            gone.now.settings.address = at;
            gone.now.counts = std::make_shared<backend_counts>();
            auto const now = event_loop::now();
            gone.now.leaving = draining{now, now + settings().drain_deadline};
            found = former_.insert(former_.end(), std::make_shared<local_backend>(std::move(gone)));
        }
    }
    (*found)->now.counts->sessions.fetch_add(1, std::memory_order_relaxed);
    return *found;
}

} // namespace tasuki::lb
