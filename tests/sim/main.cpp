// sim [--seeds N] [--first S] [--minutes M]   runs N seeds, exits 1 at the first violation
// sim --reproduce S                           runs a seed twice and compares the fingerprints
// sim --find                                  expects a violation of safety: for the planted bugs
// sim --trace S                               runs one seed and prints its last lines
#include "world.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace tasuki::sim;

struct arguments {
    std::uint64_t seeds = 100;
    std::uint64_t first = 1;
    std::int64_t minutes = 10;
    std::optional<std::uint64_t> reproduce;
    std::optional<std::uint64_t> trace;
    bool find = false;
};

arguments parse(int count, char** values) {
    arguments out;
    for (int index = 1; index < count; ++index) {
        std::string_view const word{values[index]};
        auto const number = [&] { return std::strtoull(values[++index], nullptr, 10); };
        if (word == "--find")
            out.find = true;
        else if (index + 1 < count && word == "--seeds")
            out.seeds = number();
        else if (index + 1 < count && word == "--first")
            out.first = number();
        else if (index + 1 < count && word == "--minutes")
            out.minutes = static_cast<std::int64_t>(number());
        else if (index + 1 < count && word == "--reproduce")
            out.reproduce = number();
        else if (index + 1 < count && word == "--trace")
            out.trace = number();
        else {
            std::fprintf(stderr, "sim: unknown argument %s\n", values[index]);
            std::exit(2);
        }
    }
    return out;
}

world_options options_of(arguments const& given, std::uint64_t seed) {
    auto const end = given.minutes * 60 * second;
    return {seed, end - 60 * second, end};
}

int reproduce(arguments const& given, std::uint64_t seed) {
    world first{options_of(given, seed)};
    world again{options_of(given, seed)};
    (void)first.run();
    (void)again.run();
    bool const same = first.figures().fingerprint == again.figures().fingerprint &&
                      first.figures().events == again.figures().events;
    std::printf("seed %llu: %llu events, fingerprint %016llx, %s\n",
                static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(first.figures().events),
                static_cast<unsigned long long>(first.figures().fingerprint),
                same ? "reproduced exactly" : "DIFFERENT on the second run");
    return same ? 0 : 1;
}

int trace(arguments const& given, std::uint64_t seed) {
    world one{options_of(given, seed)};
    auto const violation = one.run();
    for (auto const& line : one.last_lines())
        std::printf("%s\n", line.c_str());
    return violation ? 1 : 0;
}

struct tally {
    std::atomic<std::uint64_t> next;
    std::atomic<std::uint64_t> done{0};
    std::atomic<bool> stop{false};
    std::mutex guard;
    statistics total;
    std::uint64_t failing_seed = 0;
    std::string violation;
};

void work_through(arguments const& given, tally& all) {
    while (!all.stop) {
        std::uint64_t const seed = all.next++;
        if (seed >= given.first + given.seeds)
            return;
        world one{options_of(given, seed)};
        auto const violation = one.run();
        ++all.done;
        std::scoped_lock const lock{all.guard};
        all.total.events += one.figures().events;
        all.total.faults += one.figures().faults;
        all.total.handovers += one.figures().handovers;
        bool const counts = violation && (!given.find || !one.only_late());
        if (counts && all.violation.empty()) {
            all.failing_seed = seed;
            all.violation = *violation;
            all.stop = true;
        }
    }
}

int run_seeds(arguments const& given) {
    auto const began = std::chrono::steady_clock::now();
    tally all;
    all.next = given.first;
    std::thread second_thread{[&] { work_through(given, all); }};
    work_through(given, all);
    second_thread.join();
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - began;
    double const simulated =
        static_cast<double>(all.done) * 60.0 * static_cast<double>(given.minutes);
    std::printf("%llu seeds, %.1f simulated hours, %llu events, %llu faults, %llu activations; "
                "%.1f s on 2 threads, %.0f simulated seconds per core second\n",
                static_cast<unsigned long long>(all.done.load()), simulated / 3600,
                static_cast<unsigned long long>(all.total.events),
                static_cast<unsigned long long>(all.total.faults),
                static_cast<unsigned long long>(all.total.handovers), took.count(),
                simulated / took.count() / 2);
    if (!all.violation.empty())
        std::printf("seed %llu: %s\n", static_cast<unsigned long long>(all.failing_seed),
                    all.violation.c_str());
    bool const found = !all.violation.empty();
    return found == given.find ? 0 : 1;
}

} // namespace

int main(int count, char** values) {
    auto const given = parse(count, values);
    if (given.reproduce)
        return reproduce(given, *given.reproduce);
    if (given.trace)
        return trace(given, *given.trace);
    return run_seeds(given);
}
