#include "search.hpp"

#include "tasuki/core/require.hpp"

#include <algorithm>
#include <cstring>

namespace tasuki::model {

namespace {

constexpr std::uint64_t told_every = 1'000'000;
constexpr std::size_t fixed_part = offsetof(world, cut);

} // namespace

// --- the queue ----------------------------------------------------------------------------------

void world_queue::push(waiting const& it) {
    constexpr std::size_t most = sizeof(waiting);
    if (blocks_.empty() || blocks_.back().filled + most > block_bytes)
        blocks_.emplace_back();
    auto& last = blocks_.back();
    auto const put = [&](void const* from, std::size_t size) {
        std::memcpy(last.bytes.get() + last.filled, from, size);
        last.filled += size;
    };
    put(&it.log, sizeof it.log);
    put(reinterpret_cast<std::byte const*>(&it.what) + fixed_part, sizeof(world) - fixed_part);
    put(it.what.machines.data(), sizeof it.what.machines);
    put(it.what.letters.data(), it.what.letter_count * sizeof(std::uint32_t));
}

bool world_queue::pop(waiting& out) {
    if (!blocks_.empty() && read_ == blocks_.front().filled) {
        blocks_.pop_front();
        read_ = 0;
    }
    if (blocks_.empty())
        return false;
    auto const take = [&](void* to, std::size_t size) {
        std::memcpy(to, blocks_.front().bytes.get() + read_, size);
        read_ += size;
    };
    out.what.letters = {};
    take(&out.log, sizeof out.log);
    take(reinterpret_cast<std::byte*>(&out.what) + fixed_part, sizeof(world) - fixed_part);
    take(out.what.machines.data(), sizeof out.what.machines);
    take(out.what.letters.data(), out.what.letter_count * sizeof(std::uint32_t));
    return true;
}

// --- the search ---------------------------------------------------------------------------------

search_report search::run() {
    report_.states_by_faults.resize(queues_.size());
    begin();
    for (unsigned faults = 0; faults < queues_.size() && !done(); ++faults) {
        world_queue::waiting next;
        while (!done() && queues_[faults].pop(next)) {
            if (*seen_.find_or_insert(key_of(next.what), 0).first != faults)
                continue; // reached with fewer meanwhile
            expand(next, faults);
        }
        if (!done()) {
            report_.complete_up_to = faults;
            report_.any_complete = true;
        }
    }
    report_.exhausted = !done();
    return report_;
}

void search::begin() {
    auto const clocks = 1U << known_.world().nodes;
    for (unsigned fast = 0; fast < clocks; ++fast) {
        if (fast != known_.world().clocks.value_or(fast))
            continue;
        auto const add = [&](world const& first) {
            beginnings_.push_back(first);
            auto const index = static_cast<std::uint32_t>(beginnings_.size() - 1);
            meet({first, nullptr, false}, no_parent - index - 1, {}, 0);
        };
        if (options_.from_held)
            add(physics_.held(static_cast<std::uint8_t>(fast)));
        if (options_.from_nothing)
            add(physics_.unfounded(static_cast<std::uint8_t>(fast)));
        if (options_.from_rest)
            add(physics_.beginning(static_cast<std::uint8_t>(fast)));
    }
}

void search::expand(world_queue::waiting const& from, unsigned faults) {
    ++report_.expanded;
    if (options_.sample_every != 0 && report_.expanded % options_.sample_every == 0)
        sample(from, faults);
    auto const left = static_cast<unsigned>(queues_.size() - 1) - faults;
    physics_.possible(from.what, left, actions_);
    auto const all = actions_;
    for (auto const& each : all) {
        ++report_.transitions;
        meet(physics_.apply(from.what, each), from.log, each, faults + each.cost());
        if (done())
            return;
    }
}

void search::meet(outcome const& made, std::uint32_t parent, action by, unsigned faults) {
    if (made.violation != nullptr) {
        log_.push_back({parent, by});
        return violated(made.violation, static_cast<std::uint32_t>(log_.size() - 1), faults);
    }
    if (made.beyond) {
        ++report_.beyond;
        return;
    }
    auto const mark = static_cast<std::uint8_t>(faults);
    auto const [fewest, fresh] = seen_.find_or_insert(key_of(made.after), mark);
    if (!fresh && *fewest <= mark)
        return;
    if (!fresh)
        --report_.states_by_faults[*fewest];
    *fewest = mark;
    ++report_.states_by_faults[faults];
    report_.states = seen_.size();
    log_.push_back({parent, by});
    queues_[faults].push({made.after, static_cast<std::uint32_t>(log_.size() - 1)});
    if (fresh && report_.states % told_every == 0 && told_) {
        std::size_t memory = seen_.bytes() + log_.capacity() * sizeof(logged);
        for (auto const& queue : queues_)
            memory += queue.bytes();
        told_(report_, memory);
    }
}

void search::sample(world_queue::waiting const& from, unsigned faults) {
    ++report_.samples;
    auto const steps = physics_.calm(from.what);
    if (!steps)
        return violated("nobody holds the lease though all has healed", from.log, faults);
    report_.slowest_return = std::max(report_.slowest_return, *steps);
}

void search::violated(char const* what, std::uint32_t log, unsigned faults) {
    report_.violation = what;
    report_.faults = faults;
    std::vector<action> way;
    while (log < log_.size()) {
        way.push_back(log_[log].what);
        log = log_[log].parent;
    }
    std::reverse(way.begin(), way.end());
    auto it = beginnings_[no_parent - 1 - log];
    report_.trace.push_back(physics_.tell_world(it));
    unsigned step = 0;
    for (auto const& each : way) {
        if (&each == &way.front())
            continue; // how the beginning was met
        step += each.what == kind::time ? 1U : 0U;
        auto line = "t" + std::to_string(step) + "  " + physics_.tell(it, each);
        auto const before = it;
        it = physics_.apply(it, each).after;
        for (std::size_t index = 0; index < known_.world().nodes; ++index)
            if (each.what != kind::time && it.machines[index] != before.machines[index])
                line += "   => " + physics_.tell_machine(it, index);
        report_.trace.push_back(std::move(line));
    }
    report_.trace.push_back("    " + physics_.tell_world(it));
    report_.trace.push_back(std::string{"VIOLATION: "} + what);
}

} // namespace tasuki::model
