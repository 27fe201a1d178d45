// The machines of the simulated world: starting, dying, stopping, and what their disks keep.
#include "world.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::sim {

namespace {

constexpr world_time retire_patience = 6 * second;
constexpr std::int64_t reboots = 1;
constexpr std::int64_t forgets = 2;
constexpr std::int64_t was_written = 4;

} // namespace

void world::boot(std::size_t index) {
    auto& at = machines_[index];
    unchanged_since_ = now_;
    ++at.life;
    at.ending = false;
    agent::node_start start;
    start.inherited = std::exchange(at.left, {});
    start.life = start.inherited ? start.inherited->life : incarnation{dice_.next() | 1U};
    start.session = heartbeat::session_nonce{dice_.next() | 1U};
    start.seed = dice_.next();
    for (std::size_t group = 0; group < at.groups.size(); ++group) {
        auto& side = at.groups[group];
        auto const id = shape_.common.groups[group].id;
        side.address = side.address && start.inherited &&
                       start.inherited->groups.at(id).address_here; // leftovers are swept at start
        side.under_way.reset();
        side.waiting.reset();
        election::voter_start voter;
        voter.remembered = side.disk;
        if (at.stamp_known)
            voter.stamped = side.stamp.value_or(election::live_grant{});
        start.voters[shape_.common.groups[group].id] = voter;
    }
    election::voter_start roll{at.roll.disk, {}};
    if (at.stamp_known)
        roll.stamped = at.roll.stamp.value_or(election::live_grant{});
    at.roll.under_way.reset();
    at.roll.waiting.reset();
    start.roll = agent::roll_of(roll, !at.roll.disk, start.voters, at.settings.voters);
    // Only after its silence can it say that the page holds every grant of this boot.
    if (!at.stamp_known)
        schedule(at.world_time_of(at.local(now_) + election::longest_lease), due::kind::vouch,
                 index);
    at.agent = std::make_unique<agent::node>(at.settings, start, moment_of(index));
    for (std::size_t group = 0; group < at.groups.size(); ++group)
        at.groups[group].runs = at.agent->groups().at(group_at(group)).get();
    at.wake = now_;
    if (at.clock_is_wrong)
        schedule(now_, due::kind::clock_read, index);
    if (has_server(index)) {
        boot_server(index);
        schedule(now_ + dice_.between(0, shape_.facts_pause), due::kind::read_facts, index);
    }
    say("{} starts", index);
}

void world::crash(std::size_t index, std::int64_t how) {
    auto& at = machines_[index];
    bool const forgetting = (how & forgets) != 0 && may_forget(index);
    for (std::size_t group = 0; group <= at.groups.size(); ++group) {
        auto& side = at.side(group);
        // The crash comes before or after the write that was under way.
        if (side.under_way && side.under_way->kept && (how & was_written) != 0)
            check_disk(side, *side.under_way), side.disk = std::move(side.under_way->content);
        side.under_way.reset();
        side.waiting.reset();
        if ((how & reboots) != 0) {
            side.stamp.reset();
            side.address = false;
        }
        if (forgetting) {
            side.disk.reset();
            side.seen_epoch = {};
        }
    }
    at.left.reset();
    at.agent.reset();
    at.unwatched = true;
    ++at.life;
    note_unwatched_clock(index, now_);
    if (at.halted) {
        at.set_at = now_;
        at.distrusted_until = at.local(now_) + election::longest_lease;
    }
    at.paused_until = 0;
    at.halted = false;
    at.wake = options_.ends_at;
    say("{} crashes{}{}", index, (how & reboots) != 0 ? ", reboots" : "",
        forgetting ? ", forgets" : "");
    if ((how & reboots) == 0)
        return;
    at.stamp_known = false;
    if (has_server(index))
        crash_server(index, 4, false);
}

/// A minority of the voters, also of those that were or are to be while they are changed.
bool world::may_forget(std::size_t index) const {
    auto const all = newest_roll();
    auto const votes = [&](std::size_t each) {
        auto const id = machines_[each].settings.self;
        return std::find(all.voters.begin(), all.voters.end(), id) != all.voters.end();
    };
    auto const blank = [&](std::size_t each) {
        auto const& sides = machines_[each].groups;
        return votes(each) &&
               std::any_of(sides.begin(), sides.end(), [](auto const& it) { return !it.disk; });
    };
    std::size_t forgetful = 0;
    for (std::size_t each = 0; each < machines_.size(); ++each)
        forgetful += blank(each) ? 1U : 0U;
    return all.is_settled() && all.next.empty() && votes(index) && !blank(index) &&
           forgetful + 1 <= (all.voters.size() - 1) / 2;
}

/// The voters as the newest of all records tells of them, in memory or on a disk.
election::roll world::newest_roll() const {
    election::roll out{0, shape_.common.voters, {}, {}};
    std::pair<epoch, record_version> newest{};
    auto const look = [&](election::record const& known) {
        if (!known.voters || known.order() <= newest)
            return;
        newest = known.order();
        out = *known.voters;
        if (out.version == 0)
            out.voters = shape_.common.voters; // a wrong file may have begun it
    };
    for (auto const& each : machines_) {
        if (each.roll.disk)
            look(each.roll.disk->known);
        if (each.agent)
            look(election::known_record(each.agent->roll().election_state()));
    }
    return out;
}

/// The program of a fence does what it does although its agent may be gone. Once all is mended, it
/// ends no machine any more that is there: no fault comes then.
void world::fence(due const& event) {
    std::size_t const target = event.group;
    bool const asker_gone = event.life != machines_[event.machine].life;
    bool const fails =
        calm_ ? machines_[target].agent != nullptr : dice_.chance(shape_.fence_fails);
    bool const ends_it = !calm_ && (fails ? dice_.chance(0.5) : !asker_gone || dice_.chance(0.5));
    if (ends_it) {
        ++figures_.fenced;
        say("{} is switched off by {}", target, event.machine);
        crash(target, reboots);
        if (!calm_)
            schedule(now_ + dice_.between(second, 40 * second), due::kind::replaced, target);
    }
    auto told = event;
    told.slot = event.slot << 1U | (fails ? 0U : 1U);
    if (!asker_gone)
        fence_told(told);
}

void world::fence_told(due const& event) {
    auto const& asker = machines_[event.machine];
    if (event.life != asker.life || !asker.agent)
        return;
    if (now_ < asker.paused_until)
        return schedule(asker.paused_until + 1, due::kind::fence_told, event.machine, event.group,
                        event.slot);
    happen(event.machine, agent::fence_ended{event.slot >> 1U, (event.slot & 1U) != 0, "ended"});
}

void world::retire(std::size_t index) {
    auto& at = machines_[index];
    if (!runs(index) || at.ending)
        return;
    at.ending = true;
    say("{} is asked to end", index);
    effects_ = at.agent->retire(moment_of(index));
    carry_out(index);
    schedule(now_ + retire_patience, due::kind::ended, index);
}

/// By another in the same process: the kernel keeps what it was told meanwhile.
void world::replace(std::size_t index, world_time pause) {
    auto& at = machines_[index];
    if (!runs(index) || at.ending || !(at.left = at.agent->bequeath()))
        return;
    at.agent.reset();
    at.unwatched = true;
    ++at.life;
    at.wake = options_.ends_at;
    note_unwatched_clock(index, now_ + pause);
    schedule(now_ + pause, due::kind::replaced, index);
    ++figures_.replaced;
    say("the program of {} is replaced in {} ms", index, pause / millisecond);
}

void world::ended(std::size_t index) {
    if (now_ < machines_[index].paused_until)
        return schedule(machines_[index].paused_until + 1, due::kind::ended, index);
    if (!machines_[index].agent->is_idle()) {
        effects_ = machines_[index].agent->abandon(moment_of(index));
        carry_out(index);
    } else {
        effects_.clear();
        for (auto& last : machines_[index].agent->goodbyes(moment_of(index).now))
            effects_.emplace_back(std::move(last));
        carry_out(index);
    }
    crash(index, was_written);
    boot(index);
}

void world::stop(std::size_t index, world_time span, bool all_of_it) {
    auto& at = machines_[index];
    if (!runs(index))
        return;
    at.paused_until = now_ + span;
    at.halted = all_of_it;
    at.unwatched = true;
    at.wake = options_.ends_at;
    note_unwatched_clock(index, at.paused_until);
    say("{} {} for {} ms", index, all_of_it ? "is halted" : "is paused", span / millisecond);
    if (all_of_it) {
        relink();
        at.offset = at.local(now_).time_since_epoch().count();
        at.set_at = at.paused_until; // its clock goes on from there
    }
    schedule(at.paused_until, due::kind::resume, index);
}

void world::resume(std::size_t index) {
    auto& at = machines_[index];
    unchanged_since_ = now_;
    if (at.halted) {
        at.halted = false;
        at.distrusted_until = at.local(now_) + election::longest_lease;
        relink();
    }
    if (at.agent)
        happen(index, agent::woke{});
}

/// One write at a time; those that wait meanwhile are joined into the newest.
void world::write(std::size_t index, std::size_t group) {
    auto& side = machines_[index].side(group);
    if (!side.waiting)
        return;
    auto const takes = slow_disk_ > 0 && dice_.chance(slow_disk_)
                           ? dice_.between(50 * millisecond, 3 * second)
                           : dice_.between(millisecond / 5, 5 * millisecond);
    auto wanted = *std::exchange(side.waiting, {});
    if (full_disk_ > 0 && dice_.chance(full_disk_)) {
        wanted.outcome = election::store_outcome::failed;
        wanted.kept = false;
    } else if (broken_disk_ > 0 && dice_.chance(broken_disk_)) {
        wanted.outcome = election::store_outcome::poisoned;
        wanted.kept = dice_.chance(0.5);
    }
    side.under_way = std::move(wanted);
    schedule(now_ + takes, due::kind::stored, index, group);
}

void world::stored(due const& event) {
    auto& at = machines_[event.machine];
    if (event.life != at.life)
        return;
    if (now_ < at.paused_until)
        return schedule(at.paused_until + 1, due::kind::stored, event.machine, event.group);
    auto& side = at.side(event.group);
    auto done = *std::exchange(side.under_way, {});
    if (done.kept) {
        check_disk(side, done);
        side.disk = std::move(done.content);
    }
    write(event.machine, event.group);
    happen(event.machine, agent::state_stored{group_at(event.group), {done.ticket, done.outcome}});
}

/// A machine is started with a file that differs.
void world::start_with(std::size_t index,
                       std::function<void(agent::node_settings&)> const& change) {
    change(machines_[index].settings);
    if (machines_[index].agent)
        crash(index, dice_.chance(0.3) ? reboots : 0);
    boot(index);
}

void world::correct_files() {
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        auto& settings = machines_[each].settings;
        bool const right = settings.voters == shape_.common.voters &&
                           settings.terms.lease == shape_.common.terms.lease;
        if (!right)
            start_with(each, [&](agent::node_settings& file) {
                file.voters = shape_.common.voters;
                file.terms = shape_.common.terms;
                file.digest = 0;
            });
    }
}

/// An agent gives no grants and hands over when its clock leaves the bound; one that is stopped or
/// dead does not, and the bound is an assumption of everybody else.
void world::note_unwatched_clock(std::size_t index, world_time until) {
    auto const& at = machines_[index];
    bool const unwatched = !at.agent || now_ < at.paused_until;
    if (at.clock_is_wrong && unwatched)
        clocks_distrusted_until_ =
            std::max(clocks_distrusted_until_, until + election::longest_lease.count());
}

/// The kernel tells of it once in an interval.
void world::drift_off(std::size_t index, std::int64_t parts_per_million, world_time span) {
    auto& at = machines_[index];
    if (at.halted)
        return;
    constexpr std::int64_t bound = 2'500'000; // half the drift between two clocks
    at.clock_is_wrong = parts_per_million != 0;
    std::int64_t const beyond = parts_per_million * 1000 + (parts_per_million < 0 ? -bound : bound);
    at.change_rate(now_, at.clock_is_wrong ? beyond : shape_.parts_per_billion[index]);
    say("the clock of {} is {}", index, at.clock_is_wrong ? "wrong" : "right again");
    note_unwatched_clock(index, at.agent ? at.paused_until : now_);
    auto const interval = shape_.common.interval.count();
    schedule(now_ + dice_.between(0, interval), due::kind::clock_read, index);
    if (at.clock_is_wrong)
        schedule(now_ + span, due::kind::clock_right, index);
    if (at.agent && now_ >= at.paused_until)
        at.wake = now_;
}

} // namespace tasuki::sim
