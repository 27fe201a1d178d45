// Groups whose addresses a program moves: what the lease thread has to do with that.
#include "tasuki/agent/lease_body_io.hpp"
#include "tasuki/agent/repeated_line.hpp"

#include <fmt/format.h>

namespace tasuki::agent {

namespace {

/// What is tried again and again is not told each time.
address_changed change_of(group_id group, hook_report const& told, repeated_line& lines) {
    bool const taken = told.wish.what == hook_action::acquire;
    address_changed what{group, told.wish.under, taken && told.done, {}};
    if (!told.text.empty()) {
        what.told =
            fmt::format("{} by the program: it {}", taken ? "taken" : "given up", told.text);
        if (!told.done)
            what.told =
                lines.admit(fmt::format("not {}", what.told), read_clocks().now).value_or("");
    }
    if (told.done)
        lines.reset();
    if (!told.done)
        what.trouble = problem{failure::refused, fmt::format("the program for {} {}",
                                                             to_string(told.wish.what), told.text)};
    return what;
}

} // namespace

void lease_loop::body::open_hooks() {
    std::set<group_id> held;
    if (options_.inherited)
        for (auto const& [id, group] : options_.inherited->left.groups)
            if (group.address_here && group.lease.held)
                held.insert(id);
    address_hooks::callbacks to;
    to.on_report = [this, lines = std::map<group_id, repeated_line>{}](
                       group_id group, hook_report const& told) mutable {
        turns_.happen(change_of(group, told, lines[group]));
    };
    to.on_fitness = [this, lines = std::map<group_id, repeated_line>{}](
                        group_id group, std::string const& trouble) mutable {
        if (!trouble.empty())
            if (auto const line = lines[group].admit(trouble, read_clocks().now))
                depart(remark{true, *line});
        turns_.happen(link_changed{group, trouble.empty(), trouble});
    };
    hooks_ = std::make_unique<address_hooks>(io_, options_.from, options_.node, held, to);
    asio::post(io_, [this] { // the thread has nothing to do before
        for (auto const& group : settings_.groups)
            if (hooks_->moves(group.id) && !hooks_->is_swept(group.id))
                turns_.happen(
                    link_changed{group.id, false,
                                 "the program has not yet given up what may have been left here"});
        hooks_->start();
    });
}

/// The gate opens before the program runs, which may have to announce the address.
void lease_loop::body::open_by_hook(open_address const& it) {
    if (!guard_->open(slots_.of(it.group), it.under, it.until.hard))
        return turns_.found(
            address_changed{it.group, it.under, false,
                            problem{failure::refused, "the guardian has ended this epoch here"}});
    if (auto const done = keeper_->want(it.group, it.under, true, it.until.hard); !done)
        return turns_.found(address_changed{it.group, it.under, false, done.error()});
    keep_guard_equipped();
    hooks_->want(it.group, {hook_action::acquire, it.under});
}

/// The gate closes before the program runs: nothing of ours answers while it takes its time. While
/// the lease is held for that, it is not said to be given up before the gate has accepted it. Once
/// the lease is lost the program waits for nothing, and the gate closes by itself.
void lease_loop::body::close_by_hook(close_address const& it) {
    auto const done = keeper_->want(it.group, it.under, false, long_ago);
    bool const held =
        node_->groups().at(it.group)->election_state().now_role == election::role::active;
    if (!done && held)
        return turns_.found(address_changed{it.group, it.under, false, done.error()});
    if (!done)
        depart(remark{true, done.error().text});
    if (slots_.leave(*node_->groups().at(it.group)))
        guard_->close(slots_.of(it.group));
    keep_guard_equipped();
    hooks_->want(it.group, {hook_action::release, it.under});
}

} // namespace tasuki::agent
