// What the staged nodes want, done: the network, the disk, the address, the servers, the answers.
#include "cluster.hpp"

#include <algorithm>

namespace tasuki::agent::stage {

namespace {

constexpr duration network_delay = milliseconds{1};
constexpr duration disk_delay = milliseconds{2};
constexpr duration nothing_to_do = milliseconds{1};
constexpr duration server_delay = milliseconds{1};
constexpr duration fence_takes = milliseconds{1000};
constexpr duration facts_pause = milliseconds{100};
constexpr duration patience = std::chrono::seconds{20};

bool holds(std::vector<std::string> const& names, std::string const& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

void cluster::say(std::string line) {
    trace_.push_back(std::to_string(ms()) + " ms  " + std::move(line));
}

std::string cluster::epoch_text(epoch under) const {
    return "epoch " + std::to_string(under.value());
}

void cluster::tell(std::string const& name, happening const& what) {
    happen(at(name), what);
    check();
}

void cluster::happen(machine& it, happening const& what) {
    bool const was_blank = it.agent->groups().at(id)->election_state().vote.blank;
    auto effects = it.agent->handle(what, time());
    auto const& after = it.agent->groups().at(id)->election_state().vote;
    if (was_blank && !after.blank && after.votes)
        say(it.name + ": has a state to vote with: promised " + epoch_text(after.memory.promised));
    carry_out(it, effects);
}

void cluster::carry_out(machine& it, std::vector<effect>& effects) {
    for (auto& each : effects)
        std::visit([&](auto& wanted) { on_effect(it, wanted); }, each);
}

void cluster::on_effect(machine& it, transmit& what) {
    std::pair const way{it.settings.self, what.header.to};
    check_release(it, what);
    if (cut_.contains(way))
        return;
    auto& target = machine_of(what.header.to);
    auto const known = slow_.find(way);
    later_at(target, known == slow_.end() ? network_delay : known->second,
             [this, sent = std::move(what)](machine& there) {
                 heard arrived{sent.header, sent.path};
                 arrived.what.payload = sent.payload;
                 happen(there, arrived);
             });
}

/// Whoever gives the lease up has given the address up before, and closed its server: at the end of
/// the lease it is over anyway.
void cluster::check_release(machine const& it, transmit const& what) {
    bool const open = servers_ && holds(shape_.members, it.name) && now_ < it.hard &&
                      servers_->can_acknowledge(it.settings.self);
    if ((!it.address && !open) || what.payload.empty())
        return;
    auto const entries = election::decode_entries(what.payload);
    for (auto const& each : *entries)
        if (each.group == id && std::holds_alternative<election::release>(each.what))
            violations_.push_back(std::to_string(ms()) + " ms: " + it.name +
                                  " releases and still has the address or takes writes");
}

void cluster::on_effect(machine& it, store_state& what) {
    later_at(it, disk_delay,
             [this, of = what.group, wanted = std::move(what.what)](machine& there) {
                 auto const outcome = there.disk_trouble.value_or(election::store_outcome::stored);
                 if (outcome == election::store_outcome::stored)
                     (of == voters_group ? there.roll : there.disk) = wanted.content;
                 happen(there, state_stored{of, {wanted.ticket, outcome}});
             });
}

void cluster::on_effect(machine& it, stamp_grant& what) {
    (what.group == id ? it.stamp : it.roll_stamp) = what.what;
}

void cluster::on_effect(machine& it, open_address& what) {
    later_at(it, it.address_takes, [this, under = what.under, until = what.until](machine& there) {
        if (there.address_trouble)
            return happen(there, address_changed{id, under, false, there.address_trouble});
        there.address = true;
        there.gate_shut = false;
        there.hard = std::max(there.hard, until.hard);
        say(there.name + ": the address is here, " + epoch_text(under));
        happen(there, address_changed{id, under, true, {}});
    });
}

void cluster::on_effect(machine& it, extend_address& what) {
    it.hard = what.until.hard;
    it.gate_shut = false;
}

void cluster::on_effect(machine& it, close_address& what) {
    auto const takes = it.address ? it.address_takes : nothing_to_do;
    later_at(it, takes, [this, under = what.under](machine& there) {
        if (there.release_trouble)
            return happen(there, address_changed{id, under, false, there.release_trouble});
        if (there.address)
            say(there.name + ": the address is gone, " + epoch_text(under));
        there.address = false;
        happen(there, address_changed{id, under, false, {}});
    });
}

void cluster::on_effect(machine& it, submit_order& what) {
    perform(it, it, what.what, server_delay);
}

void cluster::on_effect(machine& it, ask_peer& what) {
    perform(it, machine_of(what.node), what.what, network_delay + server_delay);
}

void cluster::perform(machine& asker, machine& target, mysql::order const& what, duration way) {
    bool const reachable = target.agent && now_ >= target.paused_until &&
                           !cut_.contains({asker.settings.self, target.settings.self}) &&
                           !cut_.contains({target.settings.self, asker.settings.self});
    if (!reachable) {
        mysql::answer lost;
        lost.ticket = what.ticket;
        lost.kind = failure::unavailable;
        lost.detail = target.name + " does not answer";
        return later_at(asker, way, [this, lost](machine& there) {
            happen(there, order_answered{id, lost});
        });
    }
    auto const asked_by = asker.name;
    later_at(target, way, [this, what, way, asked_by](machine& there) {
        orders_.push_back({there.name, what});
        if (swallows && swallows(there.name, what))
            return;
        bool const was_up = servers_->at(there.settings.self).up;
        auto const answer = servers_->perform(there.settings.self, what);
        if (was_up && !servers_->at(there.settings.self).up)
            announce_server_death(there);
        later_at(at(asked_by), way, [this, answer](machine& back) {
            happen(back, order_answered{id, answer});
        });
    });
}

void cluster::on_effect(machine& it, transition& what) {
    std::string line = it.name + ": " + what.change;
    if (!what.why.empty() && what.why != "none")
        line += ", " + what.why;
    if (what.under.is_set())
        line += ", " + epoch_text(what.under);
    say(line + (what.detail.empty() ? "" : ": " + what.detail));
}

void cluster::on_effect(machine& it, progress_note& what) {
    say(it.name + ": [" + what.kind + "] " +
        (what.result.empty() ? what.step : "ends as " + what.result) +
        (what.text.empty() ? "" : ": " + what.text));
    notes_.push_back(what);
}

void cluster::on_effect(machine&, answer_operator& what) {
    auto const asked = posted_.find(what.request);
    if (asked != posted_.end())
        pass_on(what, asked->second);
    answers_[what.request] = std::move(what);
}

void cluster::pass_on(answer_operator const& got, operator_asked const& asked) {
    if (got.forward_to.is_set()) {
        auto& target = machine_of(got.forward_to);
        say("operator: is sent on to " + target.name);
        return later_at(target, network_delay,
                        [this, asked](machine& there) { happen(there, asked); });
    }
    if (got.accepted)
        say("operator: accepted" + (got.text.empty() ? std::string{} : ": " + got.text));
    else
        say("operator: refused, " + got.code + ": " + got.text +
            (got.next_command.empty() ? "" : "; next: " + got.next_command));
}

/// It does not need the network of the heartbeats.
void cluster::on_effect(machine& it, fence_peer& what) {
    later_at(it, fence_takes, [this, what](machine& there) {
        if (there.fence_fails)
            return happen(there, fence_ended{what.ticket, false, "ended with exit code 1"});
        auto& target = machine_of(what.node);
        say("fence: " + target.name + " is off");
        crash(target.name);
        happen(there, fence_ended{what.ticket, true, "ended with exit code 0"});
    });
}

void cluster::on_effect(machine& it, wake& what) {
    if (what.when == never || what.when == it.wake)
        return;
    it.wake = std::max(what.when, now_);
    later_at(it, it.wake - now_, [this, when = it.wake](machine& there) {
        if (there.wake != when)
            return; // another wish has taken its place
        there.wake = never;
        happen(there, woke{});
    });
}

answer_operator cluster::ask(std::string const& name, operator_wish wish) {
    auto const request = ++requests_;
    tell(name, operator_asked{request, operation_id{9000 + request}, std::move(wish)});
    (void)run_until([&] { return answers_.contains(request); }, patience);
    return answers_.contains(request) ? answers_[request] : answer_operator{.text = "no answer"};
}

void cluster::post(std::string const& name, operator_wish wish) {
    auto const request = ++requests_;
    operator_asked const asked{request, operation_id{9000 + request}, std::move(wish)};
    posted_[request] = asked;
    tell(name, asked);
}

mysql::server_facts cluster::facts_of(machine const& it) const {
    auto facts = servers_->facts_of(it.settings.self);
    facts.read_at = now_;
    if (it.health)
        facts.condition = *it.health;
    return facts;
}

/// Each agent reads its own server and tells the others what it read.
void cluster::spread_facts() {
    for (auto const& name : shape_.members) {
        auto& it = at(name);
        if (!it.agent || now_ < it.paused_until)
            continue;
        server_facts_read const read{id, it.settings.self, facts_of(it)};
        happen(it, read);
        for (auto& other : machines_)
            if (&other != &it && other.agent &&
                !cut_.contains({it.settings.self, other.settings.self}))
                later_at(other, network_delay,
                         [this, read](machine& there) { happen(there, read); });
    }
    later(facts_pause, [this] { spread_facts(); });
}

std::size_t cluster::count_orders(std::string const& node, std::string const& name) const {
    return static_cast<std::size_t>(
        std::count_if(orders_.begin(), orders_.end(), [&](performed const& each) {
            return each.node == node && name_of(each.what.what) == name;
        }));
}

std::size_t cluster::count_trace(std::string const& part) const {
    return static_cast<std::size_t>(
        std::count_if(trace_.begin(), trace_.end(), [&](std::string const& line) {
            return line.find(part) != std::string::npos;
        }));
}

} // namespace tasuki::agent::stage
