// The faults of the simulated world as they come, and the operator, who means well.
#include "world.hpp"

#include <algorithm>

namespace tasuki::sim {

namespace {

/// Markers in the record are node ids from here on: no real node has such an id.
constexpr std::uint64_t marker_base = 1000;
constexpr std::int64_t commits_in_a_burst = 6;

bool holds(std::vector<node_id> const& list, node_id node) {
    return std::find(list.begin(), list.end(), node) != list.end();
}

} // namespace

void world::begin_fault() {
    auto it = script_[next_fault_++];
    if (names_machine(it.what) && it.with[0] >= holder_of)
        it.with[0] = holder(static_cast<std::size_t>(it.with[0] - holder_of));
    ++figures_.faults;
    calm_ = false;
    apply(it);
    for (std::size_t group = 0; group < known_.size(); ++group)
        mark_record(group);
    if (servers_ && dice_.chance(0.5))
        schedule(now_ + dice_.between(0, 20 * millisecond), due::kind::client, 0, 1);
    if (next_fault_ < script_.size())
        schedule(std::max(now_, script_[next_fault_].when), due::kind::fault);
}

/// Or any machine, if nobody answers.
std::int64_t world::holder(std::size_t group) {
    for (std::size_t each = 0; each < machines_.size(); ++each)
        if (group < known_.size() && answers(each, group))
            return static_cast<std::int64_t>(each);
    return static_cast<std::int64_t>(dice_.below(machines_.size()));
}

void world::apply(fault const& it) {
    auto const one = static_cast<std::size_t>(it.with[0]);
    switch (it.what) {
    case trouble::crash:
    case trouble::restart:
        if (machines_[one].agent)
            crash(one, it.with[1]);
        if (it.what == trouble::restart && !machines_[one].agent)
            boot(one);
        return;
    case trouble::boot:
        for (std::size_t each = 0; each < machines_.size(); ++each)
            if (!machines_[each].agent)
                boot(each);
        return;
    case trouble::retire:
        return retire(one);
    case trouble::replace:
        return replace(one, it.with[2]);
    case trouble::pause:
    case trouble::halt:
        return stop(one, it.with[2], it.what == trouble::halt);
    case trouble::replay:
        return replay(one, it.with[1]);
    case trouble::wrong_file:
    case trouble::wrong_terms:
        return start_with(one, [&](agent::node_settings& file) { change_file(file, it); });
    case trouble::right_files:
        return correct_files();
    case trouble::clock:
        return drift_off(one, it.with[1], it.with[2]);
    case trouble::move:
        return ask_to_move(one);
    case trouble::rotate:
        return rotate(one, it.with[1]);
    case trouble::voters:
        return change_voters(one, it.with[1], it.with[2]);
    case trouble::commits:
        return schedule(now_, due::kind::client, 0, commits_in_a_burst);
    case trouble::heal:
        heal();
        if (it.with[0] != 0)
            schedule(now_ + settle_limit / 6, due::kind::leave_down, 0, 0,
                     static_cast<std::uint32_t>(it.with[0]));
        return;
    case trouble::link:
    case trouble::slow_disk:
    case trouble::full_disk:
    case trouble::broken_disk:
    case trouble::no_removal:
    case trouble::server_crash:
    case trouble::server_boot:
        return trouble_device(it);
    default:
        return change_network(it);
    }
}

void world::change_file(agent::node_settings& file, fault const& it) const {
    if (it.what == trouble::wrong_terms) {
        file.terms.lease = milliseconds{it.with[1]};
        file.terms.step_down = file.terms.lease / 8;
        file.digest = 2;
        return;
    }
    file.voters.clear();
    for (std::size_t each = 0; each < shape_.voters; ++each)
        if ((it.with[1] >> each & 1) != 0)
            file.voters.push_back(node_number(each));
    file.digest = 1;
}

void world::ask_to_move(std::size_t group) {
    auto& marker = known_[group].marker;
    agent::ask_switchover wish{shape_.common.groups[group].id, {}, false, "the operator's wish"};
    for (std::size_t each = 0; each < machines_.size(); ++each)
        if (runs(each) && answers(each, group)) {
            ++marker;
            happen(each, agent::operator_asked{marker, operation_id{marker}, wish});
        }
}

/// The operator lets a node vote that did not, or no more if it did; or changes two for each other.
void world::change_voters(std::size_t by, std::int64_t one, std::int64_t other) {
    if (!runs(by))
        return;
    auto const& voters = machines_[by].agent->settings().voters;
    agent::ask_voters wish;
    for (auto const number : {one, other}) {
        auto const id = number < 0 ? node_id{} : node_number(static_cast<std::size_t>(number));
        bool const votes = std::find(voters.begin(), voters.end(), id) != voters.end();
        (votes ? wish.remove : wish.add) = id;
    }
    happen(by, agent::operator_asked{1, operation_id{1}, wish});
}

void world::trouble_device(fault const& it) {
    auto const one = static_cast<std::size_t>(it.with[0]);
    auto const percent = static_cast<double>(it.with[0]) / 100;
    switch (it.what) {
    case trouble::link:
        for (auto const& group : shape_.common.groups)
            if (runs(one))
                happen(one, agent::link_changed{group.id, it.with[1] != 0, "no carrier"});
        return;
    case trouble::slow_disk:
        slow_disk_ = percent;
        return;
    case trouble::full_disk:
        full_disk_ = percent;
        return;
    case trouble::broken_disk:
        broken_disk_ = percent;
        return;
    case trouble::no_removal:
        no_removal_ = percent;
        return;
    case trouble::server_crash:
        if (has_server(one))
            crash_server(one, static_cast<std::size_t>(it.with[1]), it.with[2] != 0);
        return;
    case trouble::server_boot:
        if (has_server(one) && machines_[one].agent)
            boot_server(one);
        return;
    default:
        return;
    }
}

void world::heal() {
    say("healed");
    note_deaf(machines_.size());
    cut_ = {};
    held_until_ = {};
    loss_ = duplication_ = long_delay_ = damage_ = 0;
    delay_most_ = 2 * millisecond;
    slow_disk_ = full_disk_ = broken_disk_ = no_removal_ = 0;
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        auto& at = machines_[each];
        if (now_ < at.paused_until) {
            if (at.halted)
                at.set_at = now_;
            at.paused_until = now_;
            resume(each);
        }
        if (at.clock_is_wrong)
            drift_off(each, 0, 0);
    }
    correct_files();
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        auto const& agent = machines_[each].agent;
        // A voter whose disk failed, or is about to, votes again when its agent is started anew.
        bool poisoned = false;
        for (std::size_t group = 0; group <= known_.size(); ++group) {
            auto const& side = machines_[each].side(group);
            poisoned = poisoned || (side.under_way &&
                                    side.under_way->outcome == election::store_outcome::poisoned);
        }
        if (agent)
            poisoned = poisoned || agent->roll().election_state().vote.poisoned;
        if (agent)
            for (auto const& [id, group] : agent->groups())
                poisoned = poisoned || group->election_state().vote.poisoned;
        if (poisoned)
            crash(each, 0);
        if (!machines_[each].agent)
            boot(each);
        else if (runs(each))
            for (auto const& group : shape_.common.groups)
                happen(each, agent::link_changed{group.id, true, ""});
        if (has_server(each))
            boot_server(each);
    }
    relink();
    calm_ = true;
    healed_at_ = now_;
    settled_ = false;
    for (auto& each : known_)
        each.settled.reset();
    schedule(now_ + settle_limit, due::kind::inspect);
}

/// The others have to do without it, unless one of them needs it to remember.
void world::leave_down(std::int64_t machine) {
    auto const dies = static_cast<std::size_t>(machine > holder_of ? holder(0) : machine - 1);
    auto const all = newest_roll();
    bool const votes = holds(all.voters, machines_[dies].settings.self);
    std::size_t able = 0; // of the others; voters that are being changed may be few
    bool blank = false;
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        if (!holds(all.voters, machines_[each].settings.self))
            continue;
        auto const& sides = machines_[each].groups;
        bool const remembers =
            std::all_of(sides.begin(), sides.end(), [](auto const& it) { return it.disk; });
        blank = blank || !remembers;
        able += remembers && each != dies ? 1U : 0U;
    }
    auto const& fence = machines_[dies].settings.fence;
    bool const fenced =
        fence && std::all_of(machines_.begin(), machines_.end(), [&](auto const& each) {
            return !holds(fence->voters, each.settings.self) ||
                   each.settings.self == machines_[dies].settings.self ||
                   (each.agent && each.agent->fence().may_begin());
        });
    bool const spared = !votes || fenced || able >= election::majority_of(all.voters.size());
    if (calm_ && !blank && spared && machines_[dies].agent)
        crash(dies, 0);
}

/// Every few seconds somebody looks after the cluster.
void world::operate() {
    for (std::size_t group = 0; group < known_.size(); ++group) {
        if (shape_.blank)
            bootstrap(group);
        mark_record(group);
    }
    if (servers_) {
        rebuild_quarantined();
        follow_advice();
        help_out();
    }
    schedule(now_ + dice_.between(2 * second, 15 * second), due::kind::operate);
}

void world::bootstrap(std::size_t group) {
    bool const founded = std::any_of(machines_.begin(), machines_.end(), [&](auto const& each) {
        return each.groups[group].disk.has_value();
    });
    if (founded || !runs(0) || machines_[0].settings.voters != shape_.common.voters)
        return; // once, on purpose
    auto const& it = shape_.common.groups[group];
    happen(0, agent::operator_asked{1, operation_id{1},
                                    agent::ask_bootstrap{it.id, it.members.front()}});
}

/// Marks the record with growing numbers; the newest number never leaves it.
void world::mark_record(std::size_t group) {
    auto const id = shape_.common.groups[group].id;
    auto& known = known_[group];
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        if (!runs(each) || !answers(each, group))
            continue;
        auto old = group_of(each, group).record().standby;
        std::sort(old.begin(), old.end());
        if (!old.empty())
            old.pop_back();
        node_id const fresh{static_cast<std::uint32_t>(marker_base + ++known.marker)};
        happen(each,
               agent::operator_asked{known.marker, {}, agent::ask_standby{id, fresh, true, ""}});
        for (auto const one : old)
            if (machines_[each].agent)
                happen(each, agent::operator_asked{
                                 known.marker, {}, agent::ask_standby{id, one, false, ""}});
    }
}

} // namespace tasuki::sim
