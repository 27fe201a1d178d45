// The lease thread's part when the program is replaced: what is handed on, and what is taken over.
#include "tasuki/agent/lease_body_io.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

constexpr duration replace_limit = milliseconds{2'000};
constexpr auto replace_poll = std::chrono::milliseconds{2};

} // namespace

void lease_loop::body::replace(program by, std::function<void(problem)> failed) {
    asio::post(io_, [this, by = std::move(by), failed = std::move(failed)]() mutable {
        try_to_replace(std::move(by), std::move(failed), read_clocks().now + replace_limit);
    });
}

/// Nothing runs between the look at the node and the new program: grants and promises that were
/// given before are stamped or on disk, and none is given after.
void lease_loop::body::try_to_replace(program by, std::function<void(problem)> failed,
                                      instant until) {
    if (leaving_)
        return failed({failure::refused, "this agent is about to end"});
    auto left = hooks_->is_busy() ? std::nullopt : node_->bequeath();
    if (left) {
        estate what{std::move(*left), guard_->place()};
        if (what.guard.socket >= 0)
            what.guard.slots = slots_.all();
        return failed(replace_program(by, what));
    }
    if (read_clocks().now >= until)
        return failed(
            {failure::conflict, "an operation is under way: try again when it has ended"});
    replace_timer_.expires_after(replace_poll);
    replace_timer_.async_wait([this, by = std::move(by), failed = std::move(failed),
                               until](boost::system::error_code const& error) mutable {
        if (!error)
            try_to_replace(std::move(by), std::move(failed), until);
    });
}

void lease_loop::body::adopt_addresses() {
    if (!options_.inherited)
        return;
    for (auto const& group : settings_.groups) {
        auto const found = options_.inherited->left.groups.find(group.id);
        if (found == options_.inherited->left.groups.end() || !found->second.address_here ||
            !found->second.lease.held)
            continue;
        auto const& held = *found->second.lease.held;
        keeper_->adopt(group.id, held.under, held.until.hard);
    }
}

/// What the file names no more is swept from the links, and from the page.
void lease_loop::body::take_over_guard() {
    slots_.take_over(options_.inherited->guard.slots);
    guard_->take_over(options_.inherited->guard);
    for (auto const& [id, group] : options_.inherited->left.groups) {
        if (!group.address_here || !group.lease.held)
            continue;
        bool const stays = std::any_of(settings_.groups.begin(), settings_.groups.end(),
                                       [&, id = id](auto const& each) { return each.id == id; });
        // A slot that was seized stays so, and the first renewal is told.
        (void)guard_->open(slots_.of(id), group.lease.held->under, group.lease.held->until.hard);
        if (stays)
            continue;
        guard_->close(slots_.of(id));
        slots_.forget(id);
    }
}

} // namespace tasuki::agent
