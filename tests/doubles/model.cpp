#include "model.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::mysql::model {

namespace {

problem failed(failure kind, std::string text) {
    return {kind, std::move(text)};
}

bool is_earlier(gtid const& left, gtid const& right) {
    return left.sequence < right.sequence;
}

gtid_list applied_of(server const& it) {
    return furthest(it.binlog.position(), it.adopted);
}

gtid_list received_of(server const& it) {
    auto const relayed = it.relay.empty() ? gtid_list{} : gtid_list::of({it.relay.back()});
    return furthest(applied_of(it), relayed);
}

} // namespace

transactions::transactions(std::initializer_list<gtid> all) {
    for (gtid const& each : all)
        push_back(each);
}

void transactions::push_back(gtid const& one) {
    all_.push_back(one);
    auto newest = state_.entries();
    auto const same = std::find_if(newest.begin(), newest.end(),
                                   [&](gtid const& each) { return each.server == one.server; });
    if (same == newest.end())
        newest.push_back(one);
    else
        *same = one;
    state_ = gtid_list::of(std::move(newest));
}

void transactions::truncate(std::size_t left) {
    auto const all = std::exchange(all_, {});
    state_ = {};
    for (std::size_t each = 0; each < left; ++each)
        push_back(all[each]);
}

bool transactions::contains(gtid const& what) const {
    auto const place = std::lower_bound(all_.begin(), all_.end(), what, is_earlier);
    return place != all_.end() && *place == what;
}

gtid_list transactions::position() const {
    return all_.empty() ? gtid_list{} : gtid_list::of({all_.back()});
}

cluster::cluster(std::vector<member> const& members) {
    std::uint32_t number = 0;
    for (member const& who : members) {
        server fresh;
        fresh.who = who;
        fresh.number = ++number;
        servers_[who.node] = fresh;
    }
}

void cluster::set_up(node_id master, std::set<node_id> const& ackers) {
    for (auto& [node, each] : servers_) {
        each.received_known = true;
        if (node == master) {
            each.read_only = false;
            each.source_semi_sync = true;
            continue;
        }
        each.master = at(master).who.server;
        each.receiver_runs = each.applier_runs = true;
        each.replica_semi_sync = each.acknowledges = ackers.contains(node);
    }
}

server& cluster::at(node_id node) {
    return servers_.at(node);
}

server const& cluster::at(node_id node) const {
    return servers_.at(node);
}

server* cluster::served_by(server const& replica) {
    for (auto& [node, each] : servers_)
        if (replica.master == each.who.server)
            return &each;
    return nullptr;
}

server const* cluster::served_by(server const& replica) const {
    for (auto const& [node, each] : servers_)
        if (replica.master == each.who.server)
            return &each;
    return nullptr;
}

server const* cluster::source_of(server const& replica) const {
    if (!replica.up || !replica.receiver_runs || replica.receiver_errno != 0)
        return nullptr;
    server const* const source = served_by(replica);
    bool const streams = source != nullptr && source != &replica && source->up &&
                         replica.blocked != replica.master &&
                         !source->locked.contains(replica.who.account) &&
                         !cut_.contains({std::min(replica.who.node, source->who.node),
                                         std::max(replica.who.node, source->who.node)});
    return streams ? source : nullptr;
}

std::vector<node_id> cluster::ackers_of(node_id node) const {
    std::vector<node_id> out;
    server const& source = at(node);
    for (auto const& [other, each] : servers_)
        if (acknowledges_to(each, source))
            out.push_back(other);
    return out;
}

void cluster::cut(node_id left, node_id right, bool is_cut) {
    std::pair const link{std::min(left, right), std::max(left, right)};
    if (is_cut)
        cut_.insert(link);
    else
        cut_.erase(link);
}

void cluster::commit(node_id node) {
    server& it = at(node);
    if (!it.up || it.read_only || it.waiting.size() >= waiting_max)
        return;
    auto const last = applied_of(it).entries();
    std::uint64_t const sequence = last.empty() ? 0 : last.front().sequence;
    gtid const written{0, it.number, sequence + 1};
    it.binlog.push_back(written);
    if (it.source_semi_sync)
        it.waiting.push_back(written);
    else
        acknowledged_.push_back({written, node});
}

bool cluster::receive(node_id node, bool acknowledgement_lost) {
    server& it = at(node);
    server* const source = source_of(it) != nullptr ? served_by(it) : nullptr;
    if (source == nullptr)
        return false;
    it.received_known = true;
    auto const have = received_of(it).entries();
    auto next = source->binlog.begin();
    if (!have.empty()) {
        auto const place = std::lower_bound(next, source->binlog.end(), have.front(), is_earlier);
        if (place == source->binlog.end() || *place != have.front()) {
            it.receiver_errno = 1236; // strict mode: the position is not in the master's binlog
            it.receiver_runs = false;
            return false;
        }
        next = place + 1;
    }
    if (next == source->binlog.end())
        return false;
    it.relay.push_back(*next);
    if (!it.acknowledges || !source->source_semi_sync || acknowledgement_lost)
        return true;
    acknowledge(*source, next->sequence);
    return true;
}

/// An acknowledgement is one of a position: it covers all before it.
void cluster::acknowledge(server& source, std::uint64_t sequence) {
    while (!source.waiting.empty() && source.waiting.front().sequence <= sequence) {
        acknowledged_.push_back({source.waiting.front(), source.who.node});
        source.waiting.erase(source.waiting.begin());
    }
}

bool cluster::apply(node_id node) {
    server& it = at(node);
    if (!it.up || !it.applier_runs || it.relay.empty())
        return false;
    it.binlog.push_back(it.relay.front());
    it.relay.erase(it.relay.begin());
    return true;
}

void cluster::crash(node_id node, std::size_t unflushed) {
    server& it = at(node);
    it.up = false;
    std::size_t const all = it.binlog.size();
    std::size_t const most = it.keeps_answers ? it.waiting.size() : all - std::min(all, it.durable);
    it.binlog.truncate(all - std::min(unflushed, most));
    it.waiting.clear(); // the clients get no answer
    it.relay.clear();
    it.received_known = false;
}

void cluster::boot(node_id node) {
    server& it = at(node);
    if (it.up)
        return;
    it.up = true;
    ++it.life;
    it.read_only = true;
    it.source_semi_sync = it.replica_semi_sync = it.acknowledges = false;
    it.receiver_runs = it.applier_runs = false;
    it.receiver_errno = it.applier_errno = 0;
}

server_facts cluster::facts_of(node_id node) const {
    server const& it = at(node);
    server_facts facts;
    facts.condition = it.up ? health::up : health::down;
    facts.life = server_incarnation{it.up ? it.number * 1000U + it.life : 0U};
    facts.server_number = it.number;
    facts.read_only = it.read_only;
    facts.source_semi_sync = it.source_semi_sync;
    facts.replica_semi_sync = it.replica_semi_sync;
    facts.keeps_answers = it.keeps_answers;
    facts.semi_sync_clients = static_cast<std::uint32_t>(ackers_of(node).size());
    facts.waiting_for_ack = static_cast<std::uint32_t>(it.waiting.size());
    facts.binlog_position = it.binlog.position();
    facts.binlog_state = it.binlog.state();
    facts.binlog_file = "binlog.000001";
    facts.binlog_offset = it.binlog.size() * 100;
    for (auto const& [other, each] : servers_)
        if (source_of(each) == &it)
            facts.connected_accounts.push_back(each.who.account);
    if (!it.master)
        return facts;
    replica_facts replica;
    replica.master = *it.master;
    replica.receiver = !it.receiver_runs          ? thread_state::stopped
                       : source_of(it) != nullptr ? thread_state::running
                                                  : thread_state::connecting;
    replica.applier_runs = it.applier_runs;
    if (it.received_known)
        replica.received = received_of(it);
    replica.applied = applied_of(it);
    replica.master_log_file = "binlog.000001";
    replica.master_log_position = (it.binlog.size() + it.relay.size()) * 100;
    server const* const source = served_by(it);
    bool const shut_out = source != nullptr && source->locked.contains(it.who.account);
    replica.receiver_errno = shut_out ? 4151 : it.receiver_errno;
    replica.applier_errno = it.applier_errno;
    facts.replica = std::move(replica);
    return facts;
}

bool cluster::can_acknowledge(node_id node) const {
    server const& it = at(node);
    return it.up && !it.read_only &&
           (!it.source_semi_sync ||
            std::any_of(servers_.begin(), servers_.end(),
                        [&](auto const& each) { return acknowledges_to(each.second, it); }));
}

bool cluster::has(node_id node, gtid const& what) const {
    return at(node).binlog.contains(what);
}

answer cluster::perform(node_id node, order const& what) {
    server& it = at(node);
    answer out;
    out.ticket = what.ticket;
    done trouble;
    // Whoever only reads need not be obeyed, and outdates nobody.
    bool const reads = std::holds_alternative<survey>(what.what) ||
                       std::holds_alternative<list_obstacles>(what.what);
    if (!reads && what.decided_under < it.seen && !planted(bug::older_order_obeyed))
        trouble = failed(failure::refused, "an older epoch");
    else if (!it.up && !std::holds_alternative<kill_server>(what.what)) {
        if (std::holds_alternative<unfreeze>(what.what))
            it.blocked.reset(); // the rule is the agent's, and the first thing that it takes back
        trouble = failed(failure::absent, "the server is down");
    }
    if (!reads)
        it.seen = std::max(it.seen, what.decided_under);
    if (!trouble)
        trouble = run(it, what.what);
    out.done = !trouble;
    if (trouble) {
        out.kind = trouble->kind;
        out.detail = trouble->text;
    }
    out.facts = facts_of(node);
    return out;
}

} // namespace tasuki::mysql::model
