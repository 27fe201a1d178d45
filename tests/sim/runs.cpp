#include "runs.hpp"

#include <algorithm>
#include <ctime>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace tasuki::sim {

namespace {

double thread_seconds() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

void add(statistics& total, statistics const& one) {
    total.events += one.events;
    total.faults += one.faults;
    total.openings += one.openings;
    total.commits += one.commits;
    total.promotions += one.promotions;
    total.replaced += one.replaced;
    total.sweeps += one.sweeps;
    total.voters_changed += one.voters_changed;
    total.fenced += one.fenced;
    total.helped += one.helped;
}

struct tally {
    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> stop{false};
    std::mutex guard;
    run_result result;
};

void work_through(run_plan const& plan, tally& all) {
    double const began = thread_seconds();
    while (!all.stop) {
        std::uint64_t const seed = all.next++;
        if (seed >= plan.first + plan.seeds)
            break;
        if (plan.wanted && !plan.wanted(make_shape(seed)))
            continue;
        world one{{seed, plan.length, {}, false}};
        auto const broken = one.run();
        std::scoped_lock const lock{all.guard};
        ++all.result.seeds;
        add(all.result.total, one.figures());
        all.result.simulated_seconds +=
            static_cast<double>(broken ? broken->when : plan.length) / static_cast<double>(second);
        if (!broken)
            continue;
        if (broken->check == late_database) {
            all.result.late.push_back({seed, *broken});
            continue;
        }
        all.result.failures.push_back({seed, *broken});
        all.stop = all.result.failures.size() >= plan.failures_most;
    }
    double const spent = thread_seconds() - began;
    std::scoped_lock const lock{all.guard};
    all.result.core_seconds += spent;
}

bool still_fails(world_options const& options, std::string const& check) {
    auto const broken = world{options}.run();
    return broken && broken->check == check;
}

} // namespace

run_result run_seeds(run_plan const& plan) {
    tally all;
    all.next = plan.first;
    std::vector<std::thread> others;
    for (unsigned each = 1; each < plan.threads; ++each)
        others.emplace_back([&] { work_through(plan, all); });
    work_through(plan, all);
    for (auto& each : others)
        each.join();
    std::sort(all.result.failures.begin(), all.result.failures.end(),
              [](auto const& left, auto const& right) { return left.seed < right.seed; });
    return std::move(all.result);
}

std::string describe(run_result const& it) {
    return fmt::format("{} seeds, {:.1f} simulated hours, {} events, {} faults, {} openings of an "
                       "address, {} of a server, {} commits acknowledged, {} programs replaced, {} "
                       "sweeps of a key rotation, {} changes of the voters, {} machines fenced, {} "
                       "times the operator helped; {:.1f} core "
                       "seconds, {:.0f} simulated seconds in one",
                       it.seeds, it.simulated_seconds / 3600, it.total.events, it.total.faults,
                       it.total.openings, it.total.promotions, it.total.commits, it.total.replaced,
                       it.total.sweeps, it.total.voters_changed, it.total.fenced, it.total.helped,
                       it.core_seconds, it.speed());
}

world_options shorten(world_options options, std::string const& check) {
    world whole{options};
    auto const broken = whole.run();
    if (!broken || broken->check != check)
        return options;
    options.ends_at = std::min(options.ends_at, broken->when + 2 * second);
    options.faults = whole.faults();
    auto& kept = *options.faults;
    std::erase_if(kept, [&](fault const& each) { return each.when > options.ends_at; });
    for (std::size_t chunk = std::max<std::size_t>(kept.size() / 2, 1);;) {
        bool smaller = false;
        for (std::size_t at = 0; at < kept.size();) {
            auto trial = options;
            auto const begin = trial.faults->begin() + static_cast<std::ptrdiff_t>(at);
            auto const count = std::min(chunk, kept.size() - at);
            trial.faults->erase(begin, begin + static_cast<std::ptrdiff_t>(count));
            if (still_fails(trial, check)) {
                options = std::move(trial);
                smaller = true;
            } else {
                at += chunk;
            }
        }
        if (chunk == 1 && !smaller)
            break;
        chunk = std::max<std::size_t>(chunk / 2, 1);
    }
    return options;
}

std::string to_text(world_options const& options, violation const& what) {
    return fmt::format("# {}: {}\n# {}\nseed {} ends {}\n{}", what.check, what.text,
                       make_shape(options.seed).describe(), options.seed, options.ends_at,
                       to_text(options.faults.value_or(script{})));
}

world_options parse_replay(std::string const& text) {
    std::istringstream in{text};
    std::string rest;
    world_options out;
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("seed ")) {
            rest += line + "\n";
            continue;
        }
        std::istringstream parts{line};
        std::string word;
        parts >> word >> out.seed >> word >> out.ends_at;
        if (!parts)
            throw std::invalid_argument("not a seed and an end: " + line);
    }
    out.faults = parse_script(rest);
    return out;
}

} // namespace tasuki::sim
