// What goes wrong, and when: drawn from the seed.
#include "world.hpp"

#include <algorithm>

namespace tasuki::sim {

namespace {

constexpr world_time longest_pause = 20 * second;

} // namespace

void world::choose_shape() {
    bool const five = dice_.chance(0.25);
    bool const fast = dice_.chance(0.5);
    voters_ = five ? 5 : 3;
    std::size_t const observers = dice_.chance(0.5) ? 1 : 0;
    double const drift = 0.005;

    agent::node_settings common;
    common.cluster = "simulated";
    common.interval = milliseconds{fast ? 100 : 200};
    common.terms = {milliseconds{fast ? 800 : 2500}, milliseconds{fast ? 100 : 300}, drift};
    agent::group_settings group{group_, "vip", {}, {"10.0.0.1"}, {}};
    for (std::size_t index = 0; index < voters_ + observers; ++index) {
        node_id const id = node_named("node" + std::to_string(index));
        common.names[id] = "node" + std::to_string(index);
        if (index < voters_)
            common.voters.push_back(id);
        bool const witness = index + 1 == voters_ && !five;
        if (!witness)
            group.members.push_back(id);
    }
    common.groups = {group};
    electorate_ = common.voters;
    election::record first;
    first.written_under = epoch{1};
    first.version = record_version{1};
    for (auto const& [id, name] : common.names) {
        machine one;
        one.settings = common;
        one.settings.self = id;
        for (auto const& [other, other_name] : common.names)
            if (other != id)
                one.settings.peers.push_back({other, 1});
        // Rates at both ends of the bound, and in between.
        one.rate = 1.0 + drift / 2 * (static_cast<double>(dice_.below(201)) / 100.0 - 1.0);
        one.offset = dice_.between(second, 1'000'000 * second);
        bool const votes =
            std::find(common.voters.begin(), common.voters.end(), id) != common.voters.end();
        if (votes)
            one.disk = election::durable_state{
                epoch{1}, {}, {}, first, election::voter_set_of(common.voters)};
        machines_.push_back(std::move(one));
    }
}

bool world::may_forget(std::size_t index) const {
    auto const blank = [&](std::size_t each) { return is_voter(each) && !machines_[each].disk; };
    std::size_t forgetful = 0;
    for (std::size_t each = 0; each < machines_.size(); ++each)
        forgetful += blank(each) ? 1U : 0U;
    return !blank(index) && forgetful + 1 <= (voters_ - 1) / 2;
}

void world::fault() {
    if (now_ >= options_.faults_until)
        return heal();
    ++figures_.faults;
    std::size_t const one = dice_.below(machines_.size());
    std::size_t const other = dice_.below(machines_.size());
    auto const which = dice_.below(21);
    if (which < 8)
        machine_fault(which, one);
    else if (which < 17)
        network_fault(which, one, other);
    else
        device_fault(which);
    operator_writes();
    // Mostly seconds apart; sometimes a burst within one lease.
    auto const pause = dice_.chance(0.3) ? dice_.between(millisecond, 300 * millisecond)
                                         : dice_.between(second / 2, 12 * second);
    schedule(now_ + pause, happening_at::kind::fault, 0);
}

void world::machine_fault(std::uint64_t which, std::size_t one) {
    auto& at = machines_[one];
    switch (which) {
    case 0:
    case 1: // an agent or a machine dies, with or without its state
        if (at.agent) {
            bool const reboot = dice_.chance(0.5);
            crash(one, reboot, reboot && may_forget(one) && dice_.chance(0.4));
        }
        break;
    case 2:
    case 3:
    case 4:
        for (std::size_t each = 0; each < machines_.size(); ++each)
            if (!machines_[each].agent && dice_.chance(0.7))
                boot(each);
        break;
    case 5: // a restart in the blink of an eye
        if (at.agent) {
            crash(one, dice_.chance(0.3), false);
            boot(one);
        }
        break;
    case 6: // the process stops and goes on
        at.paused_until = now_ + dice_.between(10 * millisecond, longest_pause);
        schedule(at.paused_until, happening_at::kind::resume, one);
        break;
    default:
        if (dice_.chance(0.5))
            mistake_file(one);
        else
            correct_files();
    }
}

/// A machine is started with a file that names other voters.
void world::mistake_file(std::size_t one) {
    auto& voters = machines_[one].settings.voters;
    voters.clear();
    for (auto const voter : electorate_)
        if (dice_.chance(0.5))
            voters.push_back(voter);
    if (voters.empty())
        voters.push_back(machines_[one].settings.self);
    say(std::to_string(one) + " is given a file with " + std::to_string(voters.size()) + " voters");
    if (machines_[one].agent)
        crash(one, dice_.chance(0.3), false);
    boot(one);
}

void world::correct_files() {
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        if (machines_[each].settings.voters == electorate_)
            continue;
        machines_[each].settings.voters = electorate_;
        if (machines_[each].agent) {
            crash(each, false, false);
            boot(each);
        }
    }
}

void world::network_fault(std::uint64_t which, std::size_t one, std::size_t other) {
    switch (which) {
    case 8: // one way only
        cut_[one][other] = one != other;
        break;
    case 9:
        cut_[one][other] = cut_[other][one] = one != other;
        break;
    case 10: // one node alone
        for (std::size_t each = 0; each < machines_.size(); ++each)
            cut_[one][each] = cut_[each][one] = each != one;
        break;
    case 11:
    case 12:
        cut_ = {};
        break;
    case 13:
        weather_.loss = dice_.chance(0.5) ? 0 : static_cast<double>(dice_.below(31)) / 100;
        weather_.duplication = dice_.chance(0.5) ? 0 : static_cast<double>(dice_.below(31)) / 100;
        weather_.long_delay = dice_.chance(0.5) ? 0 : static_cast<double>(dice_.below(61)) / 100;
        weather_.delay_most = dice_.between(millisecond, 150 * millisecond);
        break;
    default:
        stall(one);
    }
}

/// What a machine sends is queued on its way and comes late, as behind a port that renegotiates or
/// a tunnel that is set up anew; what is sent to it meanwhile is lost.
void world::stall(std::size_t one) {
    auto const until = now_ + dice_.between(second / 2, 8 * second);
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        if (each == one)
            continue;
        held_until_[one][each] = until;
        cut_[each][one] = true;
    }
    say(std::to_string(one) + " is heard late, until " + std::to_string(until / millisecond));
}

void world::device_fault(std::uint64_t which) {
    switch (which) {
    case 17:
    case 18:
        disk_slow_ = dice_.chance(0.5) ? 0 : 0.3;
        break;
    case 19:
        disk_full_ = dice_.chance(0.6) ? 0 : 0.5;
        disk_broken_ = dice_.chance(0.8) ? 0 : 0.02;
        break;
    default:
        removal_fails_ = dice_.chance(0.5) ? 0 : 0.7;
    }
}

void world::heal() {
    cut_ = {};
    held_until_ = {};
    weather_ = {};
    disk_slow_ = disk_full_ = disk_broken_ = removal_fails_ = 0;
    correct_files();
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        auto const& agent = machines_[each].agent;
        // A voter whose disk failed votes again when its agent is started anew.
        if (agent && agent->groups().at(group_)->election_state().vote.poisoned)
            crash(each, false, false);
        if (!agent)
            boot(each);
    }
    say("healed");
}

/// Marks the record with growing numbers; the newest number never leaves it.
void world::operator_writes() {
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        if (!runs(each) || !answers(each))
            continue;
        auto known = machines_[each].agent->groups().at(group_)->record().standby;
        std::sort(known.begin(), known.end());
        if (!known.empty())
            known.pop_back();
        node_id const fresh{static_cast<std::uint32_t>(marker_base + ++marker_)};
        happen(each,
               agent::operator_asked{marker_, {}, agent::ask_standby{group_, fresh, true, ""}});
        for (auto const old : known)
            if (machines_[each].agent)
                happen(each, agent::operator_asked{
                                 marker_, {}, agent::ask_standby{group_, old, false, ""}});
    }
}

} // namespace tasuki::sim
