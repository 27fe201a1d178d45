// Machines, faults and time of the staged cluster; what nodes want is done in cluster_effects.cpp.
#include "cluster.hpp"

#include <algorithm>
#include <stdexcept>

namespace tasuki::agent::stage {

namespace {

instant const beginning = instant{std::chrono::hours{1}};
constexpr std::uint64_t wall_beginning_ms = 1'767'225'600'000; // 2026-01-01T00:00:00Z
constexpr duration replication_pause = milliseconds{10};
constexpr duration facts_pause = milliseconds{100};
constexpr duration leaving_poll = milliseconds{5};
constexpr duration server_death_notice = milliseconds{1};

mysql::member member_of(std::string const& name, std::size_t place, bool never) {
    auto const server =
        ip_address::v4({std::byte{10}, std::byte{0}, std::byte{0}, static_cast<std::byte>(place)});
    return {node_named(name), name, endpoint{server, 3306}, "repl_" + name, never};
}

bool holds(std::vector<std::string> const& names, std::string const& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

node_settings common_settings(shape const& of) {
    node_settings out;
    out.cluster = "staged";
    out.safety = "safe";
    out.interval = of.interval;
    out.terms = of.terms;
    out.digest = 77;
    group_settings group{group_named(of.mysql ? "db" : "vip"), of.mysql ? "db" : "vip", {}, {}, {}};
    group.addresses = {"10.0.0.50"};
    group.by_hook = of.by_hook;
    if (of.mysql)
        group.mysql = mysql_settings{{}, true, of.promote_degraded};
    std::size_t place = 0;
    auto const add = [&](std::string const& name) {
        out.names[node_named(name)] = name;
        out.paths[node_named(name)] = {"10.0.0." + std::to_string(++place)};
    };
    for (auto const& name : of.members) {
        add(name);
        out.voters.push_back(node_named(name));
        group.members.push_back(node_named(name));
        if (group.mysql)
            group.mysql->members.push_back(member_of(name, place, holds(of.never_master, name)));
    }
    for (auto const& name : of.witnesses) {
        add(name);
        out.voters.push_back(node_named(name));
        out.witnesses.push_back(node_named(name));
    }
    for (auto const& name : of.observers)
        add(name);
    out.groups = {group};
    out.fence = of.fence;
    if (out.fence)
        out.fence->voters = out.voters;
    return out;
}

} // namespace

cluster::cluster(shape given)
    : id(group_named(given.mysql ? "db" : "vip"))
    , shape_(std::move(given))
    , now_(beginning) {
    auto const common = common_settings(shape_);
    for (auto const* list : {&shape_.members, &shape_.witnesses, &shape_.observers})
        for (auto const& name : *list) {
            machine one;
            one.name = name;
            one.settings = common;
            one.settings.self = node_named(name);
            for (auto const& [other, other_name] : common.names)
                if (other != one.settings.self)
                    one.settings.peers.push_back({other, 1});
            machines_.push_back(std::move(one));
        }
    if (!shape_.mysql)
        return;
    servers_ = std::make_unique<mysql::model::cluster>(common.groups.front().mysql->members);
    later(replication_pause, [this] { replicate(); });
    later(facts_pause, [this] { spread_facts(); });
}

void cluster::remember_first_record(std::string const& master) {
    election::record first;
    first.written_under = epoch{1};
    first.version = record_version{1};
    first.kind = election::operation_kind::start;
    first.master = node_named(master);
    for (auto& each : machines_) {
        auto const& voters = each.settings.voters;
        if (std::find(voters.begin(), voters.end(), each.settings.self) == voters.end())
            continue;
        each.disk =
            election::durable_state{epoch{1}, {}, {}, first, election::voter_set_of(voters)};
        each.stamp_known = true;
    }
    if (servers_)
        servers_->set_up(node_named(master), {});
}

void cluster::start(std::string const& name) {
    auto& it = at(name);
    ++it.lives;
    it.paused_until = long_ago;
    it.address = false; // leftovers are swept at the start
    bool const member = servers_ && holds(shape_.members, name);
    if (member && !servers_->at(it.settings.self).up)
        servers_->boot(it.settings.self);
    launch(it, {});
    // Only after its silence can it say that the page holds every grant of this boot.
    if (!it.stamp_known)
        later_at(it, election::longest_lease, [](machine& there) { there.stamp_known = true; });
}

void cluster::launch(machine& it, std::optional<inheritance> left) {
    node_start begin;
    auto const place = static_cast<std::uint64_t>(&it - machines_.data()) + 1;
    begin.life = left ? left->life : incarnation{place * 1000 + it.lives};
    begin.session = heartbeat::session_nonce{place * 1'000'000 + it.lives};
    begin.seed = place;
    begin.inherited = std::move(left);
    election::voter_start voter;
    voter.remembered = it.disk;
    if (it.stamp_known)
        voter.stamped = it.stamp.value_or(election::live_grant{});
    begin.voters[id] = voter;
    election::voter_start roll{it.roll, {}};
    if (it.stamp_known)
        roll.stamped = it.roll_stamp.value_or(election::live_grant{});
    begin.roll = roll_of(roll, !it.roll, begin.voters, it.settings.voters);
    it.agent = std::make_unique<node>(it.settings, begin, time());
    it.wake = now_;
    happen(it, woke{});
}

bool cluster::replace(std::string const& name, duration pause) {
    auto& it = at(name);
    auto left = it.agent->bequeath();
    if (!left)
        return false;
    kill_agent(name);
    auto const index = static_cast<std::size_t>(&it - machines_.data());
    // What crosses the gap is bytes.
    later(pause, [this, index, life = it.lives, bytes = encode(*left)] {
        auto& there = machines_[index];
        if (there.lives == life)
            launch(there, *decode_inheritance(bytes));
    });
    return true;
}

void cluster::start_all() {
    for (auto const& each : machines_)
        start(each.name);
}

void cluster::kill_agent(std::string const& name) {
    auto& it = at(name);
    ++it.lives;
    it.agent.reset();
    it.paused_until = long_ago;
}

void cluster::crash(std::string const& name) {
    kill_agent(name);
    auto& it = at(name);
    it.stamp.reset();
    it.roll_stamp.reset();
    it.stamp_known = false;
    it.address = false;
    if (servers_ && holds(shape_.members, name))
        servers_->crash(it.settings.self);
}

void cluster::forget(std::string const& name) {
    at(name).disk.reset();
    at(name).roll.reset();
}

void cluster::take_voter_out(std::string const& name, std::string const& voter) {
    std::erase(at(name).settings.voters, node_named(voter));
}

void cluster::copy_voters(std::string const& from, std::string const& to) {
    at(to).settings.voters = at(from).settings.voters;
}

void cluster::pause(std::string const& name, duration span) {
    auto& it = at(name);
    it.paused_until = now_ + span;
    later_at(it, span, [this](machine& back) { happen(back, woke{}); });
}

void cluster::cut(std::string const& from, std::string const& to, bool both_ways) {
    auto const left = at(from).settings.self;
    auto const right = at(to).settings.self;
    cut_.emplace(left, right);
    if (both_ways)
        cut_.emplace(right, left);
    if (servers_ && holds(shape_.members, from) && holds(shape_.members, to))
        servers_->cut(left, right, true);
}

void cluster::slow(std::string const& from, std::string const& to, duration way) {
    slow_[{at(from).settings.self, at(to).settings.self}] = way;
}

void cluster::heal() {
    for (auto const& [from, to] : std::exchange(cut_, {}))
        if (servers_)
            servers_->cut(from, to, false);
    slow_.clear();
}

void cluster::crash_server(std::string const& name) {
    auto& it = at(name);
    servers_->crash(it.settings.self);
    announce_server_death(it);
}

void cluster::announce_server_death(machine& it) {
    auto const& server = servers_->at(it.settings.self);
    server_incarnation const life{server.number * 1000U + server.life};
    later_at(it, server_death_notice, [this, life](machine& there) {
        happen(there, server_gone{id, life});
    });
}

void cluster::boot_server(std::string const& name) {
    servers_->boot(at(name).settings.self);
}

void cluster::link(std::string const& name, bool up) {
    tell(name, link_changed{id, up, up ? "" : "eth0 has no carrier: check the cable"});
}

void cluster::retire(std::string const& name) {
    auto& it = at(name);
    auto effects = it.agent->retire(time());
    carry_out(it, effects);
}

void cluster::stop(std::string const& name) {
    if (auto& it = at(name); !it.agent->is_idle()) {
        retire(name);
        return later_at(it, leaving_poll, [this](machine& there) { stop(there.name); });
    }
    std::vector<effect> last;
    for (auto& each : at(name).agent->goodbyes(now_))
        last.emplace_back(std::move(each));
    carry_out(at(name), last);
    kill_agent(name);
}

void cluster::abandon(std::string const& name) {
    auto& it = at(name);
    auto effects = it.agent->abandon(time());
    carry_out(it, effects);
}

void cluster::run(duration span) {
    instant const end = now_ + span;
    while (!queue_.empty() && queue_.top().when <= end) {
        auto const next = queue_.top();
        queue_.pop();
        shut_gates(next.when);
        now_ = next.when;
        next.act();
        check();
    }
    shut_gates(end);
    now_ = end;
}

bool cluster::run_until(std::function<bool()> const& reached, duration limit) {
    for (instant const end = now_ + limit; now_ < end && !reached();)
        run(milliseconds{1});
    return reached();
}

void cluster::later(duration span, std::function<void()> act) {
    queue_.push({now_ + span, ++order_, std::move(act)});
}

void cluster::later_at(machine& where, duration span, std::function<void(machine&)> act) {
    auto const index = static_cast<std::size_t>(&where - machines_.data());
    later(span, [this, index, life = where.lives, act = std::move(act)] {
        auto& it = machines_[index];
        if (it.lives != life || !it.agent)
            return;
        if (now_ < it.paused_until)
            later_at(it, it.paused_until - now_, act);
        else
            act(it);
    });
}

/// The kernel's part: an address whose deadline passes unextended answers no more.
void cluster::shut_gates(instant until) {
    for (;;) {
        machine* first = nullptr;
        for (auto& each : machines_)
            if (each.address && !each.gate_shut && each.hard <= until &&
                (first == nullptr || each.hard < first->hard))
                first = &each;
        if (first == nullptr)
            return;
        now_ = std::max(now_, first->hard);
        first->gate_shut = true;
        say(first->name + ": the gate shuts at the hard deadline");
    }
}

bool cluster::answers(machine const& it) const {
    return it.address && now_ < it.hard;
}

void cluster::check() {
    std::string held;
    for (auto const& each : machines_)
        if (answers(each))
            held += each.name;
    if (held.size() > 1)
        violations_.push_back(std::to_string(ms()) + " ms: the address is on " + held);
    if (!servers_)
        return;
    std::string open;
    for (auto const& name : shape_.members)
        if (servers_->can_acknowledge(node_named(name)))
            open += name;
    if (open.size() > 1)
        violations_.push_back(std::to_string(ms()) + " ms: commits are acknowledged by " + open);
}

std::int64_t cluster::ms() const {
    return to_ms(now_ - beginning);
}

moment cluster::time() const {
    return {now_, wall_beginning_ms + static_cast<std::uint64_t>(ms())};
}

machine& cluster::at(std::string const& name) {
    auto const found = std::find_if(machines_.begin(), machines_.end(),
                                    [&](auto const& each) { return each.name == name; });
    if (found == machines_.end())
        throw std::invalid_argument("there is no machine " + name);
    return *found;
}

machine& cluster::machine_of(node_id node) {
    return at(machines_.front().settings.name_of(node));
}

group const& cluster::group_of(std::string const& name) {
    return *at(name).agent->groups().at(id);
}

std::string cluster::unfit(std::string const& name) {
    std::string why;
    std::vector<effect> none;
    outbox letters;
    auto const eyes = at(name).agent->look(time(), none, letters);
    bool const eligible = group_of(name).suitability(eyes, &why).eligible;
    return eligible ? std::string{} : why;
}

bool cluster::is_active(std::string const& name) {
    return at(name).agent && election::may_serve(group_of(name).election_state(), now_);
}

std::string cluster::holder() const {
    for (auto const& each : machines_)
        if (answers(each))
            return each.name;
    return {};
}

void cluster::replicate() {
    for (auto const& name : shape_.members) {
        while (servers_->receive(node_named(name))) {
        }
        while (servers_->apply(node_named(name))) {
        }
    }
    later(replication_pause, [this] { replicate(); });
}

} // namespace tasuki::agent::stage
