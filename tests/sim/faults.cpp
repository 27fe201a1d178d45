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
            one.disk = election::durable_state{epoch{1}, {}, {}, first};
        machines_.push_back(std::move(one));
    }
}

bool world::may_forget(std::size_t index) const {
    auto const blank = [&](std::size_t each) {
        auto const& at = machines_[each];
        auto const& voters = at.settings.voters;
        bool const votes =
            std::find(voters.begin(), voters.end(), at.settings.self) != voters.end();
        return votes && !at.disk;
    };
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
    switch (dice_.below(14)) {
    case 0:
    case 1: // an agent or a machine dies, with or without its state
        if (machines_[one].agent) {
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
        if (machines_[one].agent) {
            crash(one, dice_.chance(0.3), false);
            boot(one);
        }
        break;
    case 6: // one way only
        cut_[one][other] = one != other;
        break;
    case 7:
        cut_[one][other] = cut_[other][one] = one != other;
        break;
    case 8: // one node alone
        for (std::size_t each = 0; each < machines_.size(); ++each)
            cut_[one][each] = cut_[each][one] = each != one;
        break;
    case 9:
    case 10:
        cut_ = {};
        break;
    case 11: // the process stops and goes on
        machines_[one].paused_until = now_ + dice_.between(10 * millisecond, longest_pause);
        schedule(machines_[one].paused_until, happening_at::kind::resume, one);
        break;
    case 12:
        weather_.loss = dice_.chance(0.5) ? 0 : static_cast<double>(dice_.below(31)) / 100;
        weather_.duplication = dice_.chance(0.5) ? 0 : static_cast<double>(dice_.below(31)) / 100;
        weather_.long_delay = dice_.chance(0.5) ? 0 : static_cast<double>(dice_.below(61)) / 100;
        weather_.delay_most = dice_.between(millisecond, 150 * millisecond);
        break;
    default:
        disk_slow_ = dice_.chance(0.5) ? 0 : 0.3;
    }
    operator_writes();
    // Mostly seconds apart; sometimes a burst within one lease.
    auto const pause = dice_.chance(0.3) ? dice_.between(millisecond, 300 * millisecond)
                                         : dice_.between(second / 2, 12 * second);
    schedule(now_ + pause, happening_at::kind::fault, 0);
}

void world::heal() {
    cut_ = {};
    weather_ = {};
    disk_slow_ = 0;
    for (std::size_t each = 0; each < machines_.size(); ++each)
        if (!machines_[each].agent)
            boot(each);
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
