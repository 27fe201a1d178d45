// The replica's half of the operations: settle, freeze, drain, follow and what belongs to them.

#include "tasuki/mysql/performer_io.hpp"

#include "tasuki/core/require.hpp"
#include "tasuki/mysql/route_io.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::mysql {
namespace {

constexpr milliseconds slice{200};

bool is_known(endpoint const& master) {
    return master.address != ip_address{};
}

/// Asked again, a replica that does what it should is left alone.
bool follows_already(reading const& seen, follow const& what) {
    if (!seen.facts.replica || what.adopt_binlog || seen.facts.source_semi_sync)
        return false;
    replica_facts const& replica = *seen.facts.replica;
    return replica.master == what.master && replica.receiver == thread_state::running &&
           replica.applier_runs && seen.facts.replica_semi_sync == what.as_acker &&
           seen.acknowledges_now == what.as_acker;
}

bool is_drained(replica_facts const& replica) {
    return replica.received && covers(replica.applied, *replica.received);
}

} // namespace

problem performer::applier_problem(replica_facts const& replica) {
    return {failure::broken,
            fmt::format("the applier does not run ({}): what was received cannot be applied; "
                        "repair it with START SLAVE SQL_THREAD only while the receiver runs, or "
                        "the relay log is lost",
                        replica.last_error.empty() ? "it was stopped" : replica.last_error)};
}

result<void> performer::unblock_masters() {
    auto const removed = unblock_all();
    if (!removed)
        return removed.error();
    return {};
}

result<void> performer::source_semi_sync_off_if_idle() {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.source_semi_sync)
        return {};
    if (seen->facts.waiting_for_ack > 0)
        return problem{failure::conflict,
                       fmt::format("{} sessions wait for an acknowledgement, and would be answered "
                                   "without one: kill_server, or restore an acker",
                                   seen->facts.waiting_for_ack)};
    if (auto off = run(words_.set_source_semi_sync(false)); !off)
        return off.error();
    return {};
}

/// Applies what was received, in slices, and reads the applier's error between two of them.
result<void> performer::drain_received(bool receiver_must_be_stopped) {
    for (;;) {
        auto const seen = look();
        if (!seen)
            return seen.error();
        if (!seen->facts.replica)
            return problem{failure::absent, "no master is configured: nothing to drain"};
        replica_facts const& replica = *seen->facts.replica;
        if (!replica.received)
            return problem{failure::unavailable,
                           "the received position is unknown (the receiver has not run in this "
                           "life of mysqld): it must not be taken for drained"};
        if (receiver_must_be_stopped && replica.receiver != thread_state::stopped)
            return problem{failure::conflict, "the receiver still runs: freeze first"};
        if (is_drained(replica))
            return {};
        if (!replica.applier_runs)
            return applier_problem(replica);
        if (seen->facts.source_semi_sync) {
            // Its applier would wait for an acknowledgement that nobody gives.
            if (auto off = run(words_.set_source_semi_sync(false)); !off)
                return off.error();
        }
        if (auto waited = run(words_.wait_applied(*replica.received, std::min(slice, left())));
            !waited)
            return waited.error();
    }
}

performer::done performer::run_one(drain const&) {
    if (auto drained = drain_received(false); !drained)
        return drained.error();
    return std::string{};
}

performer::done performer::run_one(await_position const& what) {
    for (;;) {
        auto const seen = look();
        if (!seen)
            return seen.error();
        if (covers(seen->facts.binlog_position, what.position))
            return std::string{};
        if (!seen->facts.replica)
            return problem{failure::absent,
                           fmt::format("{} was not reached and no master is configured",
                                       what.position.to_string())};
        if (covers(seen->facts.replica->applied, what.position))
            return std::string{};
        if (!seen->facts.replica->applier_runs)
            return applier_problem(*seen->facts.replica);
        auto const waited = run(words_.wait_applied(what.position, std::min(slice, left())));
        if (!waited)
            return waited.error();
        if (waited->text(0, "waited") == "0")
            pause(milliseconds{2});
    }
}

/// Before the receiver is stopped: with both threads stopped, whatever starts first drops the relay
/// log. While the receiver runs, an applier that was merely stopped is started without loss.
result<void> performer::start_stopped_applier(replica_facts const& replica) {
    if (replica.applier_runs)
        return {};
    if (replica.receiver == thread_state::stopped || replica.applier_errno != 0)
        return applier_problem(replica);
    if (auto started = run(words_.start_applier()); !started)
        return started.error();
    auto const after = look();
    if (!after)
        return after.error();
    if (!after->facts.replica || !after->facts.replica->applier_runs)
        return applier_problem(after->facts.replica.value_or(replica));
    return {};
}

result<void> performer::stop_frozen_receiver(endpoint const& old_master) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.replica)
        return problem{failure::absent, "no master is configured: nothing to freeze"};
    replica_facts const& replica = *seen->facts.replica;
    if (is_known(replica.master) && replica.master != old_master)
        return problem{failure::conflict,
                       fmt::format("replicates from {}, not from {}", replica.master.to_string(),
                                   old_master.to_string())};
    if (auto started = start_stopped_applier(replica); !started)
        return started;
    if (auto stopped = run(words_.stop_receiver()); !stopped)
        return stopped.error();
    auto const after = look();
    if (!after)
        return after.error();
    if (!after->facts.replica || after->facts.replica->receiver != thread_state::stopped)
        return problem{failure::broken, "the receiver still runs after STOP SLAVE IO_THREAD"};
    if (!after->facts.replica->applier_runs)
        return applier_problem(*after->facts.replica);
    return {};
}

performer::done performer::run_one(freeze const& what) {
    if (auto blocked = block_master(what.old_master); !blocked)
        return blocked.error();
    if (auto stopped = stop_frozen_receiver(what.old_master); !stopped) {
        // It may still acknowledge, so it has to be able to: half a freeze is none.
        if (auto const undone = unblock_master(what.old_master); !undone)
            return problem{stopped.error().kind, stopped.error().text + "; " + undone.error().text};
        return stopped.error();
    }
    return std::string{};
}

performer::done performer::run_one(unfreeze const&) {
    if (auto unblocked = unblock_masters(); !unblocked)
        return unblocked.error();
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.replica)
        return problem{failure::absent, "no master is configured: nothing to unfreeze"};
    replica_facts const& replica = *seen->facts.replica;
    if (replica.receiver != thread_state::stopped)
        return std::string{};
    // Started with both threads stopped, a server drops its relay log and fetches it again.
    if (!replica.applier_runs && !is_drained(replica))
        return applier_problem(replica);
    auto const started =
        run(replica.applier_runs ? words_.start_receiver() : words_.start_replica());
    if (!started)
        return started.error();
    return std::string{};
}

/// Stops both threads, but never drops what was received and not applied. A master other than
/// `next_master` may be silent: it is made unreachable while the receiver says goodbye.
result<void> performer::stop_replica_role(std::optional<endpoint> const& next_master) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.replica)
        return {};
    replica_facts const& replica = *seen->facts.replica;
    if (replica.received && !is_drained(replica))
        if (auto started = start_stopped_applier(replica); !started)
            return problem{started.error().kind,
                           fmt::format("received but not applied, and the relay log would be "
                                       "dropped: {}",
                                       started.error().text)};
    if (replica.receiver != thread_state::stopped) {
        bool const shield = is_known(replica.master) && next_master != replica.master;
        if (shield)
            if (auto blocked = block_master(replica.master); !blocked)
                return blocked.error();
        auto const stopped = run(words_.stop_receiver());
        if (shield)
            if (auto unblocked = unblock_master(replica.master); !unblocked)
                return unblocked.error();
        if (!stopped)
            return stopped.error();
    }
    // Unknown means that the receiver has not run in this life: there is nothing of this life to
    // lose. Everything else has to be applied before the applier may stop.
    if (replica.received || replica.receiver != thread_state::stopped) {
        if (auto drained = drain_received(true);
            !drained && (drained.error().kind != failure::unavailable || replica.received))
            return problem{drained.error().kind,
                           fmt::format("received but not applied, and the relay log would be "
                                       "dropped: {}",
                                       drained.error().text)};
    }
    if (auto stopped = run(words_.stop_replica()); !stopped)
        return stopped.error();
    return {};
}

performer::done performer::run_one(settle const&) {
    hooks_.hold_probe(milliseconds{0});
    if (auto unblocked = unblock_masters(); !unblocked)
        return unblocked.error();
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.read_only)
        if (auto closed = read_only_bounded(); !closed)
            return closed.error();
    if (auto idle = source_semi_sync_off_if_idle(); !idle)
        return idle.error();
    if (auto stopped = stop_replica_role(std::nullopt); !stopped)
        return stopped.error();
    if (auto off = run(words_.set_replica_semi_sync(false)); !off)
        return off.error();
    return std::string{};
}

performer::done performer::run_one(follow const& what) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.read_only)
        return problem{failure::refused, "read_only is off: close_writes or settle first"};
    if (follows_already(*seen, what))
        return std::string{};
    if (auto idle = source_semi_sync_off_if_idle(); !idle)
        return idle.error();
    if (auto stopped = stop_replica_role(what.master); !stopped)
        return stopped.error();
    std::vector<std::string> steps;
    if (what.adopt_binlog) {
        if (seen->facts.replica)
            steps.push_back(words_.forget_source());
        steps.push_back(words_.adopt_binlog_position());
    }
    steps.push_back(words_.set_replica_semi_sync(what.as_acker));
    steps.push_back(words_.limit_silence());
    bool const borrows = what.adopt_binlog && !what.as_acker;
    steps.push_back(
        words_.set_server_number(seen->facts.server_number | (borrows ? borrowed_number : 0)));
    if (auto prepared = run_all(steps); !prepared)
        return prepared.error();
    if (auto unblocked = unblock_masters(); !unblocked)
        return unblocked.error();
    // The text holds a password: its failure must not repeat it.
    auto const changed =
        execute(words_.change_source({what.master, what.account, options_.replication_password}),
                deadline_);
    if (!changed)
        return explain(changed.error(),
                       fmt::format("CHANGE MASTER TO {}", what.master.to_string()));
    if (auto started = run(words_.start_replica()); !started)
        return started.error();
    return std::string{};
}

} // namespace tasuki::mysql
