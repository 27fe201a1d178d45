#include "world.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace tasuki::sim {

namespace {

constexpr std::size_t lines_kept = 4000;

void mix(std::uint64_t& fingerprint, std::uint64_t value) {
    fingerprint = (fingerprint ^ value) * 0x100000001b3ULL;
}

template<class Value>
std::size_t put(std::vector<Value>& slots, std::vector<std::size_t>& free, Value value) {
    if (free.empty()) {
        slots.push_back(std::move(value));
        return slots.size() - 1;
    }
    auto const slot = free.back();
    free.pop_back();
    slots[slot] = std::move(value);
    return slot;
}

} // namespace

std::uint64_t dice::next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31U);
}

world::world(world_options options)
    : options_(options)
    , dice_(options.seed * 0x2545f4914f6cdd1dULL + 1) {
    choose_shape();
    for (std::size_t index = 0; index < machines_.size(); ++index)
        boot(index);
    schedule(second, happening_at::kind::fault, 0);
}

std::optional<std::string> world::run() {
    while (!queue_.empty() && !violation_) {
        auto const next = queue_.top();
        if (next.when > options_.ends_at)
            break;
        queue_.pop();
        now_ = next.when;
        ++figures_.events;
        mix(figures_.fingerprint, static_cast<std::uint64_t>(now_) ^ next.machine << 56U);
        deliver_event(next);
    }
    now_ = options_.ends_at;
    if (!violation_)
        check_end();
    return violation_;
}

void world::deliver_event(happening_at const& event) {
    auto& at = machines_[event.machine];
    bool const stale = event.life != at.life && event.what != happening_at::kind::fault;
    bool const paused = now_ < at.paused_until;
    switch (event.what) {
    case happening_at::kind::fault:
        fault();
        break;
    case happening_at::kind::wake:
        if (event.when != at.wake)
            break;
        [[fallthrough]];
    case happening_at::kind::resume:
        if (!stale && !paused && at.agent)
            happen(event.machine, agent::woke{});
        break;
    case happening_at::kind::deliver: {
        auto arrived = std::exchange(deliveries_[event.slot], {});
        free_deliveries_.push_back(event.slot);
        // A paused process finds its datagrams in the socket buffer when it goes on.
        if (at.agent && paused && !at.halted_clock) {
            auto const slot = put(deliveries_, free_deliveries_, std::move(arrived));
            schedule(at.paused_until + 1, happening_at::kind::deliver, event.machine, slot);
        } else if (at.agent && !paused) {
            arrived.header.payload = arrived.payload;
            happen(event.machine, agent::heard{arrived.header, arrived.path});
        }
        break;
    }
    case happening_at::kind::stored: {
        auto const done = std::exchange(stores_[event.slot], {});
        free_stores_.push_back(event.slot);
        if (stale)
            break; // the crash came first: it may or may not be on disk, here it is not
        if (done.kept)
            at.disk = done.content;
        if (paused) {
            auto const slot = put(stores_, free_stores_, done);
            schedule(at.paused_until + 1, happening_at::kind::stored, event.machine, slot);
        } else {
            at.writing = false;
            write(event.machine);
            happen(event.machine, agent::state_stored{group_, {done.ticket, done.outcome}});
        }
        break;
    }
    case happening_at::kind::vouch:
        if (!stale)
            at.stamp_known = true;
        break;
    }
}

void world::boot(std::size_t index) {
    auto& at = machines_[index];
    ++at.life;
    ++at.lives;
    at.address = false; // leftovers are swept at start
    at.writing = false;
    at.waiting_write.reset();
    agent::node_start start;
    start.life = incarnation{dice_.next() | 1U};
    start.session = heartbeat::session_nonce{dice_.next() | 1U};
    start.seed = dice_.next();
    election::voter_start voter;
    voter.remembered = at.disk;
    if (at.stamp_known)
        voter.stamped = at.stamp.value_or(election::live_grant{});
    start.voters[group_] = voter;
    // Only after its silence can it say that the page holds every grant of this boot.
    if (!at.stamp_known)
        schedule(world_time_of(index, local(index, now_) + election::longest_lease),
                 happening_at::kind::vouch, index);
    at.agent = std::make_unique<agent::node>(at.settings, start, moment_of(index));
    at.wake = now_;
    schedule(now_, happening_at::kind::wake, index);
}

void world::crash(std::size_t index, bool reboot, bool lose_state) {
    auto& at = machines_[index];
    at.agent.reset();
    ++at.life;
    at.paused_until = 0;
    at.halted_clock = false;
    if (reboot) {
        at.stamp.reset();
        at.stamp_known = false;
        at.address = false;
    }
    if (lose_state)
        at.disk.reset();
    say(std::to_string(index) + " crashes" + (reboot ? ", reboots" : "") +
        (lose_state ? ", forgets" : ""));
}

void world::happen(std::size_t index, agent::happening const& what) {
    auto effects = machines_[index].agent->handle(what, moment_of(index));
    carry_out(index, effects);
    if (machines_[index].agent)
        check_records(index);
}

void world::carry_out(std::size_t index, std::vector<agent::effect>& effects) {
    auto& at = machines_[index];
    std::vector<agent::happening> results;
    for (auto& effect : effects)
        std::visit(
            overloaded{
                [&](agent::transmit& it) { transmit(index, it); },
                [&](agent::store_state& it) {
                    at.waiting_write = stored_event{it.what.ticket, std::move(it.what.content)};
                    if (!at.writing)
                        write(index);
                },
                [&](agent::stamp_grant& it) { at.stamp = it.what; },
                [&](agent::open_address& it) {
                    at.address = true;
                    at.address_epoch = it.under;
                    at.address_hard = it.until.hard;
                    ++figures_.handovers;
                    say(std::to_string(index) + " opens under " + std::to_string(it.under.value()));
                    check_address(index);
                    results.emplace_back(agent::address_changed{group_, it.under, true, {}});
                },
                [&](agent::extend_address& it) {
                    at.address_hard = it.until.hard;
                    if (at.address)
                        check_address(index);
                },
                [&](agent::close_address& it) {
                    std::optional<problem> trouble;
                    if (dice_.chance(removal_fails_))
                        trouble = problem{failure::broken, "the removal failed"};
                    else
                        at.address = false;
                    say(std::to_string(index) + (trouble ? " cannot close" : " closes"));
                    results.emplace_back(agent::address_changed{group_, it.under, false, trouble});
                },
                [&](agent::transition& it) {
                    say(std::to_string(index) + " " + it.change + " " + it.why + " " +
                        std::to_string(it.under.value()));
                },
                [&](agent::wake& it) {
                    if (it.when == never)
                        return;
                    auto const when = std::max(now_, world_time_of(index, it.when));
                    if (when == at.wake && when > now_)
                        return;
                    at.wake = when;
                    schedule(when, happening_at::kind::wake, index);
                },
                [](auto&) {},
            },
            effect);
    for (auto const& result : results)
        happen(index, result);
}

/// One write at a time; those that wait meanwhile are joined into the newest.
void world::write(std::size_t index) {
    auto& at = machines_[index];
    if (!at.waiting_write)
        return;
    at.writing = true;
    auto const takes = dice_.chance(disk_slow_) ? dice_.between(50 * millisecond, 3 * second)
                                                : dice_.between(millisecond / 5, 5 * millisecond);
    auto wanted = *std::exchange(at.waiting_write, {});
    if (dice_.chance(disk_full_)) {
        wanted.outcome = election::store_outcome::failed;
        wanted.kept = false;
    } else if (dice_.chance(disk_broken_)) {
        wanted.outcome = election::store_outcome::poisoned;
        wanted.kept = dice_.chance(0.5);
    }
    auto const slot = put(stores_, free_stores_, std::move(wanted));
    schedule(now_ + takes, happening_at::kind::stored, index, slot);
}

void world::transmit(std::size_t from, agent::transmit& what) {
    auto const to = index_of(what.header.to);
    if (cut_[from][to] || dice_.chance(weather_.loss))
        return;
    if (now_ < held_until_[from][to]) {
        // In order: a receiver takes nothing that is older than what it has heard.
        auto const slot = put(deliveries_, free_deliveries_,
                              delivery{what.header, std::move(what.payload), what.path});
        schedule(held_until_[from][to] + ++held_order_, happening_at::kind::deliver, to, slot);
        return;
    }
    int const copies = dice_.chance(weather_.duplication) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
        world_time delay = dice_.between(millisecond / 20, weather_.delay_most);
        if (dice_.chance(weather_.long_delay))
            delay = dice_.between(0, 5 * second);
        auto payload = copy + 1 == copies ? std::move(what.payload) : what.payload;
        auto const slot = put(deliveries_, free_deliveries_,
                              delivery{what.header, std::move(payload), what.path});
        schedule(now_ + delay, happening_at::kind::deliver, to, slot);
    }
}

void world::schedule(world_time when, happening_at::kind what, std::size_t index,
                     std::size_t slot) {
    queue_.push({when, ++order_, what, index, machines_[index].life, slot});
}

instant world::local(std::size_t index, world_time when) const {
    auto const& at = machines_[index];
    auto const scaled = std::llround(static_cast<double>(when) * at.rate);
    return instant{duration{at.offset + scaled}};
}

world_time world::world_time_of(std::size_t index, instant when) const {
    auto const& at = machines_[index];
    auto const own = static_cast<double>(when.time_since_epoch().count() - at.offset);
    return std::llround(std::ceil(own / at.rate)) + 1;
}

agent::moment world::moment_of(std::size_t index) const {
    return {local(index, now_), static_cast<std::uint64_t>(now_ / millisecond) + 1};
}

std::size_t world::index_of(node_id id) const {
    auto const found = std::find_if(machines_.begin(), machines_.end(),
                                    [&](auto const& each) { return each.settings.self == id; });
    return static_cast<std::size_t>(found - machines_.begin());
}

bool world::runs(std::size_t index) const {
    return machines_[index].agent != nullptr && now_ >= machines_[index].paused_until;
}

void world::say(std::string line) {
    lines_.push_back(std::to_string(now_ / millisecond) + " ms: " + std::move(line));
    if (lines_.size() > lines_kept)
        lines_.pop_front();
}

} // namespace tasuki::sim
