#include "world.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::sim {

namespace {

constexpr std::size_t lines_kept = 4000;
constexpr std::uint64_t wakes_at_once_most = 100;

void mix(std::uint64_t& fingerprint, std::uint64_t value) {
    fingerprint = (fingerprint ^ value) * 0x100000001b3ULL;
}

} // namespace

world::world(world_options options)
    : options_(std::move(options))
    , shape_(make_shape(options_.seed))
    , script_(options_.faults ? *options_.faults
                              : make_script(options_.seed, shape_, options_.ends_at))
    , dice_(options_.seed * 0xd1342543de82ef95ULL + 3) {
    set_up();
}

void world::set_up() {
    election::record first;
    first.written_under = epoch{1};
    first.version = record_version{1};
    first.kind = election::operation_kind::start;
    auto const& common = shape_.common;
    known_.resize(common.groups.size());
    for (std::size_t number = 0; number < shape_.nodes(); ++number) {
        machine one;
        one.settings = common;
        one.settings.self = node_number(number);
        for (std::size_t other = 0; other < shape_.nodes(); ++other)
            if (other != number)
                one.settings.peers.push_back({node_number(other), 1});
        one.parts_per_billion = shape_.parts_per_billion[number];
        one.offset = dice_.between(second, 1'000'000 * second);
        one.groups.resize(common.groups.size());
        for (std::size_t group = 0; group < common.groups.size(); ++group) {
            first.master = common.groups[group].members.front();
            if (number < shape_.voters && !shape_.blank)
                one.groups[group].disk = election::durable_state{
                    epoch{1}, {}, {}, first, election::voter_set_of(common.voters)};
        }
        machines_.push_back(std::move(one));
    }
    if (shape_.sealed)
        set_up_keys();
    if (shape_.data) {
        auto const& data = common.groups[*shape_.data];
        servers_ = std::make_unique<mysql::model::cluster>(data.mysql->members);
        servers_->set_up(data.members.front(), {});
        for (auto const member : data.members)
            server_nodes_.push_back(index_of(member));
        schedule(second, due::kind::client);
    }
    for (std::size_t number = 0; number < machines_.size(); ++number)
        boot(number);
    schedule(2 * second, due::kind::operate);
    if (!script_.empty())
        schedule(script_.front().when, due::kind::fault);
}

std::optional<violation> world::run() {
    while (!violation_ && next_event()) {
    }
    if (!violation_)
        now_ = options_.ends_at;
    return violation_;
}

/// Wake-ups are not queued: each machine has one that counts, and it moves with every event.
bool world::next_event() {
    std::size_t woken = machines_.size();
    world_time when = queue_.empty() ? options_.ends_at : queue_.top().when;
    for (std::size_t each = 0; each < machines_.size(); ++each)
        if (machines_[each].wake < when) {
            when = machines_[each].wake;
            woken = each;
        }
    if (when >= options_.ends_at)
        return false;
    // Of datagrams, thousands may have waited for a paused process.
    at_this_instant_ = when > now_ || woken == machines_.size() ? 0 : at_this_instant_ + 1;
    if (at_this_instant_ > wakes_at_once_most)
        violated("spin", fmt::format("node {} wants to be woken again and again", woken));
    now_ = std::max(now_, when);
    ++figures_.events;
    mix(figures_.fingerprint, static_cast<std::uint64_t>(now_) ^ woken << 56U);
    if (woken < machines_.size()) {
        machines_[woken].wake = options_.ends_at;
        happen(woken, agent::woke{});
        return true;
    }
    auto const next = queue_.top();
    queue_.pop();
    happen_at(next);
    return true;
}

void world::happen_at(due const& event) {
    auto& at = machines_[event.machine];
    bool const stale = event.life != at.life;
    switch (event.what) {
    case due::kind::deliver:
        return deliver(event);
    case due::kind::stored:
        return stored(event);
    case due::kind::resume:
        if (!stale && event.when == at.paused_until)
            resume(event.machine);
        return;
    case due::kind::vouch:
        if (!stale)
            at.stamp_known = true;
        return;
    case due::kind::fault:
        return begin_fault();
    case due::kind::inspect:
        return inspect();
    case due::kind::operate:
        return operate();
    case due::kind::fence:
        return fence(event);
    case due::kind::fence_told:
        return fence_told(event);
    case due::kind::leave_down:
        return leave_down(event.slot);
    case due::kind::clock_read:
        if (now_ < at.paused_until)
            return schedule(at.paused_until + 1, due::kind::clock_read, event.machine);
        if (at.agent)
            happen(event.machine, agent::clock_checked{!at.clock_is_wrong});
        return;
    case due::kind::clock_right:
        if (at.clock_is_wrong)
            drift_off(event.machine, 0, 0);
        return;
    case due::kind::replaced:
        if (!stale && !at.agent)
            boot(event.machine);
        return;
    case due::kind::ended:
        if (!stale)
            ended(event.machine);
        return;
    default:
        return data_event(event);
    }
}

void world::happen(std::size_t index, agent::happening const& what) {
    machines_[index].agent->handle(what, moment_of(index), effects_);
    carry_out(index);
    check_records(index);
}

void world::carry_out(std::size_t index) {
    auto& at = machines_[index];
    std::vector<agent::happening> results;
    for (auto& effect : effects_)
        std::visit(
            overloaded{
                [&](agent::transmit& it) { transmit(index, it); },
                [&](agent::store_state& it) {
                    auto const group = group_index(it.group);
                    auto& side = at.side(group);
                    side.waiting = stored_event{it.what.ticket, std::move(it.what.content)};
                    if (!side.under_way)
                        write(index, group);
                },
                [&](agent::stamp_grant& it) { at.side(group_index(it.group)).stamp = it.what; },
                [&](agent::open_address& it) {
                    take(index, it);
                    results.emplace_back(agent::address_changed{it.group, it.under, true, {}});
                },
                [&](agent::extend_address& it) {
                    auto& side = at.groups[group_index(it.group)];
                    side.address_hard = it.until.hard;
                    if (side.address)
                        check_address(index, group_index(it.group));
                },
                [&](agent::close_address& it) {
                    take(index, it);
                    std::optional<problem> trouble;
                    if (at.groups[group_index(it.group)].address)
                        trouble = problem{failure::broken, "the removal failed"};
                    results.emplace_back(
                        agent::address_changed{it.group, it.under, false, trouble});
                },
                [&](agent::submit_order& it) { order_to(index, index, std::move(it.what)); },
                [&](agent::ask_peer& it) {
                    order_to(index, index_of(it.node), std::move(it.what));
                },
                [&](agent::transition& it) {
                    say("{} {}: {}, {}, epoch {} {}", index, shape_.common.name_of(it.group),
                        it.change, it.why, it.under.value(), it.detail);
                },
                [&](agent::progress_note& it) {
                    figures_.voters_changed += it.kind == "voters" && it.step == "settle" ? 1U : 0U;
                    say("{} [{}] {} {} {}", index, it.kind, it.step, it.result, it.text);
                },
                [&](agent::wake& it) { take(index, it); },
                [&](agent::fence_peer& it) {
                    schedule(now_ + dice_.between(200 * millisecond, 6 * second), due::kind::fence,
                             index, index_of(it.node), static_cast<std::uint32_t>(it.ticket));
                },
                [](auto&) {},
            },
            effect);
    for (auto const& result : results)
        if (machines_[index].agent)
            happen(index, result);
}

void world::take(std::size_t index, agent::open_address& it) {
    auto const group = group_index(it.group);
    auto& side = machines_[index].groups[group];
    side.address = true;
    side.address_epoch = it.under;
    side.address_hard = it.until.hard;
    ++figures_.openings;
    say("{} opens {} under {}", index, shape_.common.groups[group].name, it.under.value());
    check_address(index, group);
}

void world::take(std::size_t index, agent::close_address& it) {
    auto& side = machines_[index].groups[group_index(it.group)];
    bool const fails = side.address && dice_.chance(no_removal_);
    side.address = fails;
    say("{} {} {}", index, fails ? "cannot close" : "closes",
        shape_.common.groups[group_index(it.group)].name);
}

void world::take(std::size_t index, agent::wake& it) {
    auto& at = machines_[index];
    at.wake = it.when == never ? options_.ends_at : std::max(now_, at.world_time_of(it.when));
}

void world::schedule(world_time when, due::kind what, std::size_t index, std::size_t group,
                     std::uint32_t slot) {
    queue_.push({when, ++order_, what, static_cast<std::uint8_t>(index),
                 static_cast<std::uint8_t>(group), machines_[index].life, slot});
}

agent::moment world::moment_of(std::size_t index) const {
    return {machines_[index].local(now_), static_cast<std::uint64_t>(now_ / millisecond) + 1};
}

std::size_t world::index_of(node_id id) const {
    for (std::size_t each = 0; each < machines_.size(); ++each)
        if (machines_[each].settings.self == id)
            return each;
    return machines_.size();
}

std::size_t world::group_index(group_id id) const {
    std::size_t each = 0;
    while (each < shape_.common.groups.size() && shape_.common.groups[each].id != id)
        ++each;
    return each; // the voters themselves come after the last
}

group_id world::group_at(std::size_t group) const {
    return group < shape_.common.groups.size() ? shape_.common.groups[group].id : voters_group;
}

agent::group const& world::group_of(std::size_t index, std::size_t group) const {
    return *machines_[index].groups[group].runs;
}

bool world::runs(std::size_t index) const {
    return machines_[index].agent != nullptr && now_ >= machines_[index].paused_until;
}

void world::keep_line(std::string line) {
    lines_.push_back(
        fmt::format("{}.{:03} ms: {}", now_ / millisecond, now_ % millisecond / 1000, line));
    if (lines_.size() > lines_kept)
        lines_.pop_front();
}

} // namespace tasuki::sim
