// What happens in the world of the walk: faults, operators, returns, and whole eras of them.
#include "walk.hpp"

#include <algorithm>

namespace tasuki::mysql::walk {

constexpr int stray_most = 200; // ticks of service

void world::let_something_happen(bool faults) {
    for (std::uint64_t left = below(6); left > 0; --left) {
        node_id const node = any_node();
        switch (below(3)) {
        case 0:
            servers.commit(node);
            check("commit");
            break;
        case 1:
            for (int i = 0; i < 4; ++i)
                servers.receive(node, chance(0.02));
            check("receive");
            break;
        default:
            for (int i = 0; i < 4; ++i)
                servers.apply(node);
        }
    }
    if (faults && chance(0.02))
        fault();
}

void world::fault() {
    node_id const node = any_node();
    if (node == record.now.master)
        return;
    auto const who = name_of(members_, node);
    switch (below(4)) {
    case 0:
        note_down(who + " crashes");
        crash(node);
        break;
    case 1:
        note_down(who + " boots");
        servers.boot(node);
        break;
    case 2:
        if (gone_.erase(node) == 0)
            gone_.insert(node);
        note_down(who + (gone_.contains(node) ? " is gone" : " is back"));
        if (keeper_) {
            keeper_->now = now_;
            obey(keeper_, keeper_->take(ackers::presence{node, !gone_.contains(node), false}),
                 ignored_);
        }
        break;
    default: {
        bool const is_cut = chance(0.5);
        note_down(who + (is_cut ? " is cut off from the master" : " is connected"));
        servers.cut(node, record.now.master, is_cut);
    }
    }
}

/// With the end of its binlog that recovery cuts off.
void world::crash(node_id node) {
    servers.crash(node, below(4));
}

void world::serve(int ticks) {
    ackers::policy rules;
    rules.degrade_without_acker = options_.degrade;
    rules.loss_grace = milliseconds{100};
    healed_ = false;
    stray_for_ = 0;
    keeper_ = std::make_shared<keeper>(rules);
    keeper_->now = now_;
    for (node_id const node : gone_)
        obey(keeper_, keeper_->take(ackers::presence{node, false, false}), ignored_);
    obey(keeper_, keeper_->take(ackers::begin{epoch_, record.now.master, members_, record}),
         ignored_);
    for (int i = 0; i < ticks && violation.empty(); ++i) {
        let_something_happen(true);
        pass(milliseconds{10});
        keeper_->now = now_;
        obey(keeper_, keeper_->hear(tick{}), ignored_);
        look_for_strays();
        if (i % 40 == 39)
            look_after_returning();
    }
}

/// Somebody who acknowledges and is not recorded is found, and recorded or silenced.
void world::look_for_strays() {
    bool stray = false;
    for (node_id const node : servers.ackers_of(record.now.master))
        stray = stray || (!record.now.degraded && !is_acker(record.now, node));
    stray_for_ = stray ? stray_for_ + 1 : 0;
    if (stray_for_ > stray_most && violation.empty())
        violation = "a server acknowledges for long and is not recorded: " +
                    to_string(record.now, members_);
}

void world::look_after_returning() {
    endpoint const master = servers.at(record.now.master).who.server;
    for (member const& who : members_) {
        if (who.node == record.now.master || gone_.contains(who.node) || !servers.at(who.node).up)
            continue;
        if (!servers.at(who.node).read_only) { // its agent has seen the newer epoch
            servers.crash(who.node);
            servers.boot(who.node);
        }
        if (!rejoin::needs_rejoin(servers.facts_of(who.node), master))
            continue;
        auto const one = std::make_shared<returner>(rejoin::policy{});
        one->state.book.next_ticket = 1'000'000 + sequence_ * 100;
        one->now = now_;
        rejoin::begin input{epoch_, record.now.master,        who, members_,
                            record, former_[who.node.value()]};
        auto const verdict = drive(one, one->take(input), 400);
        bool const done = verdict && verdict->how == conclusion::done;
        seen.rejoins += done ? 1 : 0;
        for (gtid const& each : servers.at(who.node).binlog)
            if (done && !servers.has(record.now.master, each) && violation.empty())
                violation = who.name + " follows the master with " +
                            gtid_list::of({each}).to_string() + ", which that lacks";
        if (verdict && verdict->how == conclusion::quarantined) {
            ++seen.quarantines;
            rebuild(who.node, record.now.master);
        }
        return; // one at a time
    }
}

void world::rebuild(node_id node, node_id from) {
    note_down(name_of(members_, node) + " is rebuilt from a copy");
    servers.crash(node);
    servers.boot(node);
    model::server& it = servers.at(node);
    it.binlog = servers.at(from).binlog;
    it.adopted = {};
    it.master.reset();
    it.blocked.reset();
}

bool world::promote(node_id holder, int ticks, bool allow_loss) {
    std::set<node_id> frozen_before;
    for (member const& who : members_)
        if (servers.at(who.node).blocked)
            frozen_before.insert(who.node);
    epoch_ = next(epoch_);
    failover::policy rules;
    rules.on_no_acker = options_.degrade ? failover::no_acker::degrade : failover::no_acker::block;
    auto const one = std::make_shared<promoter>(rules);
    one->state.book.next_ticket = epoch_.value() * 10'000;
    one->now = now_;
    failover::begin input;
    if (!record.now.master.is_set())
        input.wish = failover::kind::start;
    input.under = epoch_;
    input.self = holder;
    input.members = members_;
    input.recorded = record;
    input.silent = silent();
    input.allow_loss = allow_loss;
    node_id const before = record.now.master;
    note_down("--- " + name_of(members_, holder) + " holds the lease of epoch " +
              std::to_string(epoch_.value()));
    auto const verdict = drive(one, one->take(input), ticks);
    if (!verdict)
        note_down("--- " + name_of(members_, holder) + " dies while promoting");
    bool const done = verdict && verdict->how == conclusion::done;
    blocked_ = !verdict && !options_.degrade;
    successor_ = verdict ? verdict->successor : std::nullopt;
    cut_off_ = verdict && verdict->text.find("does not have any more") != std::string::npos;
    if (verdict && verdict->how == conclusion::refused) {
        ++seen.refusals;
        bool const told_to_stay = verdict->text.find("stay frozen") != std::string::npos ||
                                  verdict->text.find("no answer to unfreeze") != std::string::npos;
        for (member const& who : members_)
            if (servers.at(who.node).blocked && servers.at(who.node).up && !told_to_stay &&
                !frozen_before.contains(who.node) && violation.empty() &&
                input.recorded.reached != milestone::choose &&
                input.recorded.reached != milestone::fence)
                violation = who.name + " was left frozen by a refusal: " + verdict->text;
    }
    if (done && before != record.now.master) {
        former_[before.value()] = true;
        former_[record.now.master.value()] = false;
        ++seen.promotions;
    }
    if (done && record.now.master != holder && violation.empty())
        violation = "done, but the record names another master";
    if (done && !servers.at(holder).read_only && violation.empty())
        check("done");
    return done;
}

bool world::switch_over() {
    auto const one = std::make_shared<switcher>(switchover::policy{});
    one->state.book.next_ticket = 500'000 + epoch_.value() * 10'000;
    one->now = now_;
    switchover::begin input;
    input.under = epoch_;
    input.self = record.now.master;
    input.members = members_;
    input.recorded = record;
    input.silent = silent();
    auto const verdict = drive(one, one->take(input), 2000);
    bool const handed = verdict && verdict->how == conclusion::hand_over;
    if (handed) {
        auto const facts = servers.facts_of(*verdict->successor);
        auto const applied = facts.replica ? facts.replica->applied : facts.binlog_position;
        if (!covers(applied, record.promotion) && violation.empty())
            violation = "handed over to " + name_of(members_, *verdict->successor) +
                        ", which lacks something up to " + record.promotion.to_string();
    }
    bool const careless = handed && options_.careless > 0 && chance(options_.careless);
    if (careless)
        start_writable(record.now.master);
    if (handed && promote(*verdict->successor, 4000)) {
        ++seen.switchovers;
        return true;
    }
    if (careless) // what it has told since, it alone holds
        return promote(record.now.master, 6000);
    return verdict && !handed && verdict->how == conclusion::refused;
}

void world::heal() {
    healed_ = true;
    gone_.clear();
    for (member const& left : members_) {
        for (member const& right : members_)
            servers.cut(left.node, right.node, false);
        servers.boot(left.node);
    }
}

/// Attempts with whoever may hold the lease, until one is done; the operator does what a refusal
/// tells him, and must not lose anything by it. What cannot be proven is refused:
/// if servers forget, that is an end, too.
bool world::recover() {
    for (int attempt = 0; attempt < 12 && violation.empty(); ++attempt) {
        node_id holder = any_node();
        if (attempt >= 5) {
            heal();
            bool const told = successor_ && attempt % 2 == 1;
            holder = told ? *successor_ : record.now.master;
            if (told && cut_off_ && attempt > 6 && promote(holder, 6000, true))
                return true;
        }
        if (holder.value() == 4 || gone_.contains(holder))
            continue;
        bool const dies = attempt < 5 && chance(0.4);
        if (promote(holder, dies ? static_cast<int>(below(30)) : 6000))
            return true;
        if (record.now.master == holder && attempt < 5)
            servers.boot(holder);
    }
    if (violation.empty() && options_.keeps_answers && !blocked_)
        violation = "nobody became the master, though all servers are back";
    return false;
}

/// The first server is to be the master, and nothing is recorded yet. The second takes writes, too.
void world::begin_unfounded() {
    record = {};
    model::server& first = servers.at(members_.front().node);
    first.read_only = true;
    first.source_semi_sync = false;
    model::server& forgotten = servers.at(members_[1].node);
    forgotten.master.reset();
    forgotten.read_only = forgotten.receiver_runs = forgotten.applier_runs = false;
    forgotten.replica_semi_sync = forgotten.acknowledges = false;
}

/// The operator does what a refusal tells him.
bool world::found_cluster() {
    node_id const first = members_.front().node;
    for (int attempt = 0; attempt < 12 && violation.empty(); ++attempt) {
        if (promote(first, 6000))
            return true;
        rebuild(members_[1].node, first);
    }
    if (violation.empty())
        violation = "the cluster could not be founded";
    return false;
}

void world::lose_master() {
    if (options_.errant > 0 && chance(options_.errant))
        write_past_read_only();
    node_id const master = record.now.master;
    switch (below(3)) {
    case 0:
        note_down("the master " + name_of(members_, master) + " crashes");
        crash(master);
        break;
    case 1:
        note_down("the master " + name_of(members_, master) + " and its agent are gone");
        crash(master);
        gone_.insert(master);
        break;
    default:
        note_down("the agent of " + name_of(members_, master) + " is gone, its server goes on");
        gone_.insert(master);
    }
    if (options_.another == 0 || !chance(options_.another))
        return;
    node_id const other = any_node();
    note_down(name_of(members_, other) + " is lost, too");
    if (other != master && chance(0.5))
        crash(other);
    gone_.insert(other);
}

/// Some accounts are not held back by read_only.
void world::write_past_read_only() {
    auto const tempted = std::find_if(members_.begin(), members_.end(), [&](member const& who) {
        auto const& it = servers.at(who.node);
        return who.node != record.now.master && it.up && it.relay.empty();
    });
    if (tempted == members_.end())
        return;
    node_id const node = tempted->node;
    model::server& it = servers.at(node);
    auto const last = it.binlog.position().entries();
    std::uint64_t const sequence = last.empty() ? 0 : last.front().sequence;
    it.binlog.push_back({0, it.number, sequence + 1});
    note_down("somebody writes on the replica " + name_of(members_, node));
}

/// The file of the server does not say read_only, against the advice of `tasuki check`.
void world::start_writable(node_id node) {
    note_down(name_of(members_, node) + " is started again, and takes writes");
    servers.crash(node);
    servers.boot(node);
    servers.at(node).read_only = false;
}

void world::run(int eras) {
    if (options_.founding && !found_cluster())
        return;
    for (int era = 0; era < eras && violation.empty(); ++era) {
        serve(static_cast<int>(100 + below(600)));
        keeper_.reset();
        if (!violation.empty())
            return;
        if (chance(options_.hand_overs) && switch_over())
            continue;
        if (!violation.empty())
            return;
        lose_master();
        if (!recover())
            return;
    }
}

} // namespace tasuki::mysql::walk
