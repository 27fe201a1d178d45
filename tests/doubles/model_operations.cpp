// The operations of the model, as the agent performs them on a real server.

#include "model.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>

namespace tasuki::mysql::model {

namespace {

problem failed(failure kind, std::string text) {
    return {kind, std::move(text)};
}

} // namespace

cluster::done cluster::run(server& it, operation const& what) {
    return std::visit(
        overloaded{
            [&](survey const&) -> done { return {}; },
            [&](list_obstacles const&) -> done { return {}; },
            [&](settle const&) -> done { return settle_down(it); },
            [&](freeze const& it_is) -> done { return freeze_receiver(it, it_is); },
            [&](unfreeze const&) -> done { return thaw(it); },
            [&](drain const&) -> done { return drain_all(it); },
            [&](await_position const& order) -> done { return reach(it, order.position); },
            [&](follow const& order) -> done { return follow_master(it, order); },
            [&](set_acker const& order) -> done {
                if (!it.master)
                    return failed(failure::absent, "no master");
                if (!it.applier_runs)
                    return failed(failure::broken, "the applier is stopped");
                it.replica_semi_sync = order.on;
                return restart_receiver(it, order.on);
            },
            [&](arm const& order) -> done { return finish_replica(it, order); },
            [&](await_ackers const& order) -> done {
                if (ackers_of(it.who.node).size() >= order.count)
                    return {};
                return failed(failure::timed_out, "too few ackers");
            },
            [&](open_writes const&) -> done {
                if (it.master)
                    return failed(failure::refused, "it is a replica");
                it.read_only = false;
                return {};
            },
            [&](close_writes const&) -> done { return close(it); },
            [&](lock_account const& order) -> done {
                it.locked.insert(order.account);
                return {};
            },
            [&](unlock_account const& order) -> done {
                it.locked.erase(order.account);
                return {};
            },
            [&](probe_commit const&) -> done { return probe(it); },
            [&](repeat_ack const& order) -> done { return acknowledge_again(it, order); },
            [&](disable_semi_sync const&) -> done {
                let_go(it);
                it.source_semi_sync = false;
                return {};
            },
            [&](enable_semi_sync const&) -> done {
                it.source_semi_sync = true;
                return {};
            },
            [&](kill_server const&) -> done {
                crash(it.who.node);
                return {};
            },
        },
        what);
}

cluster::done cluster::settle_down(server& it) {
    it.blocked.reset();
    if (auto trouble = close(it))
        return trouble;
    it.source_semi_sync = it.replica_semi_sync = false;
    return stop_replica(it);
}

cluster::done cluster::thaw(server& it) {
    it.blocked.reset();
    if (!it.master)
        return failed(failure::absent, "no master");
    if (!it.receiver_runs)
        return restart_receiver(it, it.replica_semi_sync);
    return {};
}

cluster::done cluster::close(server& it) {
    if (!it.waiting.empty())
        return failed(failure::timed_out, "commits wait for an acknowledgement");
    it.read_only = true;
    return {};
}

/// Waiting commits are answered with success when semi-sync is switched off.
void cluster::let_go(server& it) {
    for (gtid const& each : it.waiting)
        acknowledged_.push_back({each, it.who.node});
    it.waiting.clear();
}

cluster::done cluster::drain_all(server& it) {
    if (!it.master)
        return failed(failure::absent, "no master");
    if (!it.received_known)
        return failed(failure::unavailable, "received is unknown");
    while (apply(it.who.node)) {
    }
    if (!it.relay.empty())
        return failed(failure::broken, "the applier does not run");
    return {};
}

cluster::done cluster::stop_replica(server& it) {
    if (it.master && it.received_known)
        if (auto trouble = drain_all(it))
            return trouble;
    it.receiver_runs = it.applier_runs = it.acknowledges = false;
    return {};
}

cluster::done cluster::freeze_receiver(server& it, freeze const& order) {
    if (!it.master)
        return failed(failure::absent, "no master");
    if (it.master != order.old_master)
        return failed(failure::conflict, "replicates from another");
    if (!it.applier_runs)
        return failed(failure::broken, "the applier does not run");
    it.blocked = order.old_master;
    it.receiver_runs = it.acknowledges = false;
    return {};
}

cluster::done cluster::restart_receiver(server& it, bool as_acker) {
    if (!it.applier_runs)
        it.relay.clear(); // both threads start: the relay log is dropped
    it.receiver_runs = it.applier_runs = true;
    it.receiver_errno = 0;
    it.acknowledges = as_acker;
    return {};
}

cluster::done cluster::follow_master(server& it, follow const& order) {
    if (!it.read_only)
        return failed(failure::refused, "it is open");
    if (!it.waiting.empty())
        return failed(failure::conflict, "commits wait");
    it.source_semi_sync = false;
    if (auto trouble = stop_replica(it))
        return trouble;
    if (order.adopt_binlog) {
        it.adopted = it.binlog.position();
        it.durable = it.binlog.size();
    }
    it.relay.clear();
    it.blocked.reset();
    it.master = order.master;
    it.replica_semi_sync = order.as_acker;
    it.received_known = true;
    return restart_receiver(it, order.as_acker);
}

cluster::done cluster::finish_replica(server& it, arm const& order) {
    if (it.master && it.receiver_runs)
        return failed(failure::conflict, "the receiver still runs");
    if (it.master)
        if (auto trouble = stop_replica(it))
            return trouble;
    it.master.reset();
    it.blocked.reset();
    it.source_semi_sync = order.semi_sync;
    it.replica_semi_sync = false;
    for (auto const& [node, each] : servers_)
        it.locked.insert(each.who.account);
    for (std::string const& account : order.accounts)
        it.locked.erase(account);
    return {};
}

cluster::done cluster::reach(server& it, gtid_list const& position) {
    while (receive(it.who.node) || apply(it.who.node)) {
    }
    auto const facts = facts_of(it.who.node);
    if (covers(facts.binlog_position, position) ||
        (facts.replica && covers(facts.replica->applied, position)))
        return {};
    if (!it.master)
        return failed(failure::absent, "no master");
    return failed(failure::timed_out, "not reached");
}

cluster::done cluster::probe(server& it) {
    if (it.read_only)
        return failed(failure::refused, "read-only");
    auto const before = it.waiting.size();
    auto const written = it.binlog.size();
    commit(it.who.node);
    if (it.binlog.size() == written)
        return failed(failure::timed_out, "not even written");
    for (auto& [node, each] : servers_)
        while (served_by(each) == &it && receive(node)) {
        }
    if (it.waiting.size() > before)
        return failed(failure::timed_out, "not acknowledged");
    return {};
}

cluster::done cluster::acknowledge_again(server& it, repeat_ack const& order) {
    while (apply(it.who.node)) {
    }
    auto const facts = facts_of(it.who.node);
    if (it.master != order.master || source_of(it) == nullptr || !it.acknowledges)
        return failed(failure::conflict, "it does not receive as an acker");
    if (!covers(facts.replica->applied, order.position))
        return failed(failure::timed_out, "not reached");
    for (gtid const& each : facts.replica->applied.entries())
        acknowledge(*served_by(it), each.sequence);
    return {};
}

} // namespace tasuki::mysql::model
