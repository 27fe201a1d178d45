// The acker's part of the operations: taking the role, giving it up, acknowledging again.

#include "tasuki/mysql/performer_io.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::mysql {

/// Only after everything was applied: the applier, too, passes over events of its own number.
result<void> performer::return_borrowed_number() {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->number_is_borrowed)
        return {};
    if (auto stopped = run(words_.stop_receiver()); !stopped)
        return stopped.error();
    if (auto drained = drain_received(true); !drained) {
        [[maybe_unused]] auto const started = run(words_.start_receiver());
        return drained.error();
    }
    if (auto set = run(words_.set_server_number(seen->facts.server_number)); !set)
        return set.error();
    return {};
}

result<void> performer::restart_receiver(bool acknowledging) {
    if (acknowledging)
        if (auto returned = return_borrowed_number(); !returned)
            return returned;
    if (auto set = run_all({words_.set_replica_semi_sync(acknowledging), words_.limit_silence()});
        !set)
        return set;
    if (auto stopped = run(words_.stop_receiver()); !stopped)
        return stopped.error();
    if (auto started = run(words_.start_receiver()); !started)
        return started.error();
    return {};
}

performer::done performer::run_one(set_acker const& what) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.replica)
        return problem{failure::absent, "no master is configured: it can acknowledge nobody"};
    replica_facts const& replica = *seen->facts.replica;
    bool const as_wanted =
        seen->facts.replica_semi_sync == what.on && seen->acknowledges_now == what.on;
    if (as_wanted && replica.receiver == thread_state::running)
        return std::string{};
    // With the applier stopped, a restart of the receiver drops the relay log.
    if (!replica.applier_runs)
        return applier_problem(replica);
    if (auto restarted = restart_receiver(what.on); !restarted)
        return restarted.error();
    // An acker that still acknowledges would be missing from the record: look again.
    auto const after = look();
    if (!after)
        return after.error();
    if (!what.on && after->facts.replica_semi_sync)
        return problem{failure::broken, "the acknowledging role is still on"};
    return std::string{};
}

/// Until the receiver that was just restarted is connected, as an acker, to the right master.
result<server_facts> performer::await_acker_role(endpoint const& master) {
    for (;;) {
        auto const seen = look();
        if (!seen)
            return seen.error();
        if (!seen->facts.replica || seen->facts.replica->master != master)
            return problem{failure::conflict,
                           fmt::format("does not replicate from {}", master.to_string())};
        replica_facts const& replica = *seen->facts.replica;
        if (!seen->facts.replica_semi_sync || replica.receiver == thread_state::stopped)
            return problem{failure::conflict, "is not receiving as an acker"};
        if (replica.receiver == thread_state::running && !replica.master_log_file.empty())
            return seen->facts;
        pause(milliseconds{5});
    }
}

performer::done performer::run_one(repeat_ack const& what) {
    // Applied, not only received: what a server says it has received may be of its former life.
    if (auto reached = run_one(await_position{what.position}); !reached)
        return reached.error();
    auto const acker = await_acker_role(what.master);
    if (!acker)
        return acker.error();
    connect_options connect;
    connect.host = what.master.address.to_string();
    connect.port = what.master.port;
    connect.user = what.account;
    connect.password = options_.replication_password;
    connect.limit = std::max(left(), milliseconds{1});
    auto opened = connection::open(connect);
    if (!opened)
        return explain(opened.error(), "connecting to acknowledge again");
    auto const& replica = *acker->replica;
    auto const said = opened->acknowledge(replica.master_log_file, replica.master_log_position,
                                          acker->server_number | repeating_number,
                                          std::max(left(), milliseconds{1}));
    if (!said)
        return explain(said.error(), "acknowledging again");
    return std::string{};
}

} // namespace tasuki::mysql
