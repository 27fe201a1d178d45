// The databases of the simulated world: model servers, and what agents tell them and each other.
#include "world.hpp"

#include <algorithm>

namespace tasuki::sim {

namespace {

constexpr world_time gone_notice = millisecond;
/// A pause ends before its time where all is mended.
constexpr world_time looks_again = second / 10;

} // namespace

bool world::has_server(std::size_t index) const {
    return std::find(server_nodes_.begin(), server_nodes_.end(), index) != server_nodes_.end();
}

void world::data_event(due const& event) {
    auto& at = machines_[event.machine];
    bool const stale = event.life != at.life;
    auto const id = shape_.common.groups[*shape_.data].id;
    switch (event.what) {
    case due::kind::client:
        client();
        if (event.group > 1) // of a burst, which may be left
            schedule(now_ + dice_.between(0, 5 * millisecond), due::kind::client, 0,
                     event.group - 1U);
        else if (event.group == 0)
            schedule(now_ + dice_.between(millisecond, 2 * shape_.commit_pause), due::kind::client);
        break;
    case due::kind::replicate:
        replicating_ = false;
        replicate();
        break;
    case due::kind::read_facts:
        if (!stale)
            read_facts(event.machine);
        break;
    case due::kind::tell_facts: {
        auto read = news_.take(event.slot);
        if (runs(event.machine)) {
            read.facts.read_at = at.local(now_);
            happen(event.machine,
                   agent::server_facts_read{id, node_number(read.about), std::move(read.facts)});
        }
        break;
    }
    case due::kind::order:
        return perform(event);
    case due::kind::answer:
        return answered(event);
    case due::kind::server_gone:
        if (!stale && now_ < at.paused_until)
            return schedule(std::min(at.paused_until + 1, now_ + looks_again),
                            due::kind::server_gone, event.machine, 0, event.slot);
        if (!stale && at.agent)
            happen(event.machine, agent::server_gone{id, server_incarnation{event.slot}});
        break;
    default:
        if (!at.halted)
            boot_server(event.machine);
        break;
    }
    check_masters();
}

mysql::server_facts world::facts_of(std::size_t index) const {
    auto facts = servers_->facts_of(machines_[index].settings.self);
    facts.read_at = machines_[index].local(now_);
    return facts;
}

/// Each agent reads its own server and tells the others what it read.
void world::read_facts(std::size_t index) {
    auto& at = machines_[index];
    if (now_ < at.paused_until)
        return schedule(std::min(at.paused_until + 1, now_ + looks_again), due::kind::read_facts,
                        index);
    schedule(now_ + shape_.facts_pause, due::kind::read_facts, index);
    auto facts = facts_of(index);
    for (std::size_t other = 0; other < machines_.size(); ++other)
        if (other != index && machines_[other].agent && reachable(index, other))
            schedule(now_ + dice_.between(millisecond / 10, 5 * millisecond), due::kind::tell_facts,
                     other, 0, news_.put({index, facts}));
    happen(index, agent::server_facts_read{shape_.common.groups[*shape_.data].id, at.settings.self,
                                           std::move(facts)});
}

void world::client() {
    for (auto const index : server_nodes_)
        if (!machines_[index].halted)
            servers_->commit(machines_[index].settings.self);
    if (!replicating_) {
        replicating_ = true;
        schedule(now_ + dice_.between(millisecond / 10, 5 * millisecond), due::kind::replicate);
    }
}

/// As far as it comes for now; what is left comes a little later.
void world::replicate() {
    bool moved = false;
    for (auto const index : server_nodes_) {
        auto const node = machines_[index].settings.self;
        for (int left = 3; left > 0 && servers_->receive(node, dice_.chance(0.01)); --left)
            moved = true;
        check_masters();
        for (auto left = dice_.below(4); left > 0 && servers_->apply(node); --left)
            moved = true;
        moved = moved || !servers_->at(node).relay.empty();
    }
    if (moved && !replicating_) {
        replicating_ = true;
        schedule(now_ + dice_.between(millisecond, 20 * millisecond), due::kind::replicate);
    }
}

void world::order_to(std::size_t asker, std::size_t target, mysql::order what) {
    // A connection keeps the order of what is sent on it.
    auto const way = asker == target ? 2 * millisecond : delay_most_ + 2 * millisecond;
    last_order_[target] =
        std::max(last_order_[target] + 1, now_ + dice_.between(millisecond / 10, way));
    auto const begun_by = now_ + what.limit.count() + 2 * way;
    errand one{asker, machines_[asker].life, target, std::move(what), {}, begun_by};
    if (asker != target && (!reachable(asker, target) || !machines_[target].agent)) {
        if (dice_.chance(0.5))
            return; // nobody says that it was lost
        one.answer.ticket = one.what.ticket;
        one.answer.kind = failure::unavailable;
        one.answer.detail = "unreachable";
        return schedule(now_ + millisecond, due::kind::answer, asker, 0,
                        errands_.put(std::move(one)));
    }
    // What runs for long holds up whoever closes a server, but nobody who ends its process.
    bool const closes = std::holds_alternative<mysql::close_writes>(one.what.what);
    bool const kills = std::holds_alternative<mysql::kill_server>(one.what.what);
    bool const replaceable = shape_.common.groups[*shape_.data].mysql->promote_degraded;
    if (closes && dice_.chance(replaceable ? 0.5 : slow_disk_))
        last_order_[target] += dice_.between(second, 8 * second);
    auto const arrives = kills && asker == target ? now_ + millisecond : last_order_[target];
    schedule(arrives, due::kind::order, target, 0, errands_.put(std::move(one)));
}

void world::perform(due const& event) {
    auto& at = machines_[event.machine];
    auto one = errands_.take(event.slot);
    if (event.life != at.life)
        return;
    if (now_ < at.paused_until)
        return schedule(at.paused_until + 1, due::kind::order, event.machine, 0,
                        errands_.put(std::move(one)));
    if (one.asker != one.target && !reachable(one.asker, one.target))
        return;
    auto const node = at.settings.self;
    bool const was_up = servers_->at(node).up;
    bool const was_open = !servers_->at(node).read_only;
    if (now_ > one.begun_by) {
        one.answer.ticket = one.what.ticket;
        one.answer.kind = failure::timed_out;
        one.answer.detail = "its time ran out: it was not begun";
        one.answer.facts = servers_->facts_of(node);
    } else {
        one.answer = servers_->perform(node, one.what);
    }
    one.answer.facts.read_at = at.local(now_);
    say("server {}: {} under {} from {}: {}", one.target, mysql::name_of(one.what.what),
        one.what.decided_under.value(), one.asker, one.answer.done ? "done" : one.answer.detail);
    if (was_up && !servers_->at(node).up) {
        auto const& server = servers_->at(node);
        schedule(now_ + gone_notice, due::kind::server_gone, one.target, 0,
                 static_cast<std::uint32_t>(server.number * 1000U + server.life));
        schedule(now_ + dice_.between(second, 8 * second), due::kind::server_boot, one.target);
    }
    check_masters();
    if (!was_open && !servers_->at(node).read_only)
        check_opened(one.target);
    if (!replicating_) {
        replicating_ = true;
        schedule(now_ + dice_.between(millisecond / 10, 5 * millisecond), due::kind::replicate);
    }
    auto const asker = one.asker;
    schedule(now_ + dice_.between(millisecond / 10, 2 * millisecond), due::kind::answer, asker, 0,
             errands_.put(std::move(one)));
}

void world::answered(due const& event) {
    auto& at = machines_[event.machine];
    auto one = errands_.take(event.slot);
    if (at.life != one.asker_life || !at.agent)
        return;
    if (one.asker != one.target && !reachable(one.target, one.asker) &&
        one.answer.kind != failure::unavailable)
        return;
    if (now_ < at.paused_until)
        return schedule(at.paused_until + 1, due::kind::answer, event.machine, 0,
                        errands_.put(std::move(one)));
    if (one.asker != one.target)
        one.answer.facts.read_at = at.local(now_);
    happen(event.machine,
           agent::order_answered{shape_.common.groups[*shape_.data].id, std::move(one.answer)});
}

void world::crash_server(std::size_t index, std::size_t unflushed, bool unseen) {
    auto const node = machines_[index].settings.self;
    auto const& server = servers_->at(node);
    if (!server.up || machines_[index].halted)
        return;
    bool const was_open = !server.read_only;
    servers_->crash(node, unflushed);
    say("the server of {} crashes", index);
    if (unseen && was_open)
        return boot_server(index);
    schedule(now_ + gone_notice, due::kind::server_gone, index, 0,
             static_cast<std::uint32_t>(server.number * 1000U + server.life));
    schedule(now_ + dice_.between(second, 30 * second), due::kind::server_boot, index);
}

void world::boot_server(std::size_t index) {
    if (!machines_[index].agent || servers_->at(machines_[index].settings.self).up)
        return;
    servers_->boot(machines_[index].settings.self);
    say("the server of {} boots", index);
}

/// The links for replication follow those of the machines.
void world::relink() {
    for (auto const left : server_nodes_)
        for (auto const right : server_nodes_)
            if (left < right)
                servers_->cut(machines_[left].settings.self, machines_[right].settings.self,
                              !reachable(left, right));
}

/// What cannot come back by itself is built anew from a copy of the master.
void world::rebuild_quarantined() {
    for (auto const holder : server_nodes_) {
        auto const& at = machines_[holder];
        bool const stood_still =
            at.local(now_) < at.distrusted_until; // it may be no master any more
        if (!runs(holder) || !answers(holder, *shape_.data) || stood_still)
            continue;
        auto const& data = *group_of(holder, *shape_.data).data();
        for (auto const& [node, why] : data.quarantined()) {
            if (why.text.empty() || !servers_->at(node).up || index_of(node) == holder)
                continue;
            say("{} is built anew: {}", index_of(node), why.text);
            servers_->crash(node);
            servers_->boot(node);
            auto& it = servers_->at(node);
            it.binlog = servers_->at(machines_[holder].settings.self).binlog;
            it.adopted = {};
            it.master.reset();
            it.blocked.reset();
        }
    }
}

/// The record that a node knows can be older than the one that a majority has, and nobody tells it
/// while nobody holds the lease: a master that does not know that it is one does not stand, and the
/// others wait for it. The operator says so, without any permission to lose something.
void world::help_out() {
    auto const data = *shape_.data;
    if (!calm_ || now_ < healed_at_ + settle_limit / 4)
        return;
    election::record newest;
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        if (answers(each, data))
            return;
        if (runs(each) && group_of(each, data).record().order() > newest.order())
            newest = group_of(each, data).record();
    }
    auto const master = index_of(newest.master);
    if (master == machines_.size() || !runs(master) ||
        group_of(master, data).record().master == newest.master)
        return;
    ++figures_.helped;
    say("the operator: failover --to node{}", master);
    happen(master, agent::operator_asked{
                       3, operation_id{++order_},
                       agent::ask_failover{shape_.common.groups[data].id, newest.master, false,
                                           false, "it is the master and does not know"}});
}

/// A refusal says what the operator may do; once all is mended, he does it, and must not lose
/// anything by it.
void world::follow_advice() {
    if (!calm_)
        return;
    for (auto const asked : server_nodes_) {
        if (!runs(asked))
            continue;
        auto const& last = group_of(asked, *shape_.data).last_operation();
        bool const cut_off = last.result == "refused" &&
                             last.text.find("does not have any more") != std::string::npos;
        for (auto const other : server_nodes_) {
            auto const advice = fmt::format("failover --to node{} --allow-loss", other);
            if (!cut_off || last.text.find(advice) == std::string::npos || !runs(other))
                continue;
            auto const& group = shape_.common.groups[*shape_.data];
            say("the operator: {}", advice);
            return happen(
                other, agent::operator_asked{2, operation_id{++order_},
                                             agent::ask_failover{group.id, node_number(other), true,
                                                                 false, "as the refusal said"}});
        }
    }
}

} // namespace tasuki::sim
