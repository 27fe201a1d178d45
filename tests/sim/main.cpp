// sim [--seeds N] [--first S] [--minutes M] [--threads T]  runs seeds; exits 1 at the first failure
// sim --all ...                  goes on after a failure, and counts by check
// sim --late N ...               lets N seeds pass in which a database only came back too late
// sim --reproduce S              runs a seed twice and compares the fingerprints
// sim --trace S                  runs one seed and prints its last lines
// sim --replay FILE [--lines]    plays a list of faults that was kept
// sim --hunt FOLDER --for S      runs seeds for S seconds and keeps what fails, shortened
// sim --speed                    prints how much is simulated in a core second, and nothing else
#include "runs.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace {

using namespace tasuki::sim;

struct arguments {
    run_plan plan;
    std::optional<std::uint64_t> reproduce;
    std::optional<std::uint64_t> trace;
    std::string replay;
    std::string hunt;
    std::uint64_t hunt_s = 0;
    bool lines = false;
    bool speed = false;
    std::size_t late_most = 0;
};

[[noreturn]] void usage(std::string_view word) {
    std::fprintf(stderr, "sim: unknown argument %s\n", std::string{word}.c_str());
    std::exit(2);
}

arguments parse(int count, char** values) {
    arguments out;
    for (int index = 1; index < count; ++index) {
        std::string_view const word{values[index]};
        auto const text = [&] { return index + 1 < count ? values[++index] : (usage(word), ""); };
        auto const number = [&] { return std::strtoull(text(), nullptr, 10); };
        if (word == "--seeds")
            out.plan.seeds = number();
        else if (word == "--first")
            out.plan.first = number();
        else if (word == "--minutes")
            out.plan.length = static_cast<world_time>(number()) * 60 * second;
        else if (word == "--threads")
            out.plan.threads = static_cast<unsigned>(number());
        else if (word == "--all")
            out.plan.failures_most = UINT64_MAX;
        else if (word == "--reproduce")
            out.reproduce = number();
        else if (word == "--trace")
            out.trace = number();
        else if (word == "--replay")
            out.replay = text();
        else if (word == "--hunt")
            out.hunt = text();
        else if (word == "--for")
            out.hunt_s = number();
        else if (word == "--late")
            out.late_most = number();
        else if (word == "--lines")
            out.lines = true;
        else if (word == "--speed")
            out.speed = true;
        else
            usage(word);
    }
    return out;
}

int reproduce(arguments const& given, std::uint64_t seed) {
    world_options const options{seed, given.plan.length, {}, false};
    world first{options};
    world again{options};
    (void)first.run();
    (void)again.run();
    bool const same = first.figures().fingerprint == again.figures().fingerprint &&
                      first.figures().events == again.figures().events;
    fmt::print("seed {}: {} events, fingerprint {:016x}, {}\n", seed, first.figures().events,
               first.figures().fingerprint,
               same ? "reproduced exactly" : "DIFFERENT on the second run");
    return same ? 0 : 1;
}

int play(world_options options, bool lines) {
    options.trace = lines;
    world one{options};
    auto const broken = one.run();
    for (auto const& line : one.last_lines())
        if (lines)
            fmt::print("{}\n", line);
    fmt::print("seed {}: {}\n", options.seed, one.cluster().describe());
    if (broken)
        fmt::print("{} at {} ms: {}\n", broken->check, broken->when / millisecond, broken->text);
    return broken ? 1 : 0;
}

std::string read_file(std::string const& path) {
    std::ifstream in{path};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

int run(arguments const& given) {
    auto const found = run_seeds(given.plan);
    if (given.speed) {
        fmt::print("{:.0f}\n", found.speed());
        return found.failures.empty() ? 0 : 1;
    }
    fmt::print("{}\n", describe(found));
    std::map<std::string, std::vector<std::uint64_t>> by_check;
    for (auto const& each : found.failures)
        by_check[each.what.check].push_back(each.seed);
    for (auto const& [check, seeds] : by_check)
        fmt::print("{} failed with {} seeds: {}\n", check, seeds.size(),
                   fmt::join(seeds.begin(),
                             seeds.begin() + std::min<std::ptrdiff_t>(std::ssize(seeds), 12), " "));
    for (auto const& each : found.late)
        fmt::print("late, seed {}: {}\n", each.seed, each.what.text);
    if (!found.failures.empty())
        fmt::print("seed {}: at {} ms: {}\n", found.failures.front().seed,
                   found.failures.front().what.when / millisecond,
                   found.failures.front().what.text);
    return found.failures.empty() && found.late.size() <= given.late_most ? 0 : 1;
}

/// Seeds that nobody has seen before: they begin where the last hunt, as told by --first, ended.
int hunt(arguments const& given) {
    std::filesystem::create_directories(given.hunt);
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds{given.hunt_s};
    auto plan = given.plan;
    plan.seeds = 20;
    plan.failures_most = 20;
    std::size_t kept = 0;
    run_result all;
    while (std::chrono::steady_clock::now() < end) {
        auto const found = run_seeds(plan);
        plan.first += plan.seeds;
        all.seeds += found.seeds;
        all.core_seconds += found.core_seconds;
        all.simulated_seconds += found.simulated_seconds;
        for (auto const& each : found.failures) {
            auto const options = shorten({each.seed, plan.length, {}, false}, each.what.check);
            auto const text = to_text(options, each.what);
            auto const file = fmt::format("{}/{}-{}.txt", given.hunt, each.what.check, each.seed);
            std::ofstream{file} << text;
            fmt::print("{}\n{}", file, text);
            std::fflush(stdout);
            ++kept;
        }
    }
    fmt::print("{} seeds up to {}, {:.1f} simulated hours in {:.0f} core seconds, {} failed\n",
               all.seeds, plan.first - 1, all.simulated_seconds / 3600, all.core_seconds, kept);
    return kept == 0 ? 0 : 1;
}

} // namespace

int main(int count, char** values) {
    auto const given = parse(count, values);
    if (given.reproduce)
        return reproduce(given, *given.reproduce);
    if (given.trace)
        return play({*given.trace, given.plan.length, {}, true}, true);
    if (!given.replay.empty())
        return play(parse_replay(read_file(given.replay)), given.lines);
    if (!given.hunt.empty())
        return hunt(given);
    return run(given);
}
