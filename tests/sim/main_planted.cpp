// sim_planted --list                    names the planted bugs
// sim_planted --bug NAME                looks for the first seed that finds it, and prints it
// sim_planted --bug NAME --trace S      one seed with it, and its last lines
// sim_planted --table [--repeats R]     looks for all of them, and prints a table
//             [--least N]               exits 1 if fewer are found, or if the canary is
//             [--seeds N] [--walks N]   so many of each simulator at most
//             [--room NAME]             only the rules of one room
//
// Two simulators look: whole nodes in a world (`sim`), and the promotion procedures alone among
// model servers (`walk`), which comes to their rare turns sooner. The canary removes nothing and
// has to survive.
#include "doubles/walk.hpp"
#include "mutants.hpp"
#include "runs.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace tasuki;
using namespace tasuki::sim;

struct arguments {
    bool list = false;
    bool table = false;
    std::size_t least = 0; ///< so many have to be found
    std::string room;      ///< of the table: only this one
    std::string name;
    std::optional<std::uint64_t> trace;
    std::uint64_t seeds = 400;
    std::uint64_t walks = 1500;
    std::uint64_t repeats = 3;
};

arguments parse(int count, char** values) {
    arguments out;
    for (int index = 1; index < count; ++index) {
        std::string_view const word{values[index]};
        char const* const value = index + 1 < count ? values[index + 1] : "";
        auto const number = [&] { return ++index, std::strtoull(value, nullptr, 10); };
        if (word == "--list")
            out.list = true;
        else if (word == "--table")
            out.table = true;
        else if (word == "--least")
            out.least = number();
        else if (word == "--room")
            out.room = value, ++index;
        else if (word == "--bug")
            out.name = value, ++index;
        else if (word == "--trace")
            out.trace = number();
        else if (word == "--seeds")
            out.seeds = number();
        else if (word == "--walks")
            out.walks = number();
        else if (word == "--repeats")
            out.repeats = number();
        else {
            fmt::print(stderr, "sim_planted: unknown argument {}\n", word);
            std::exit(2);
        }
    }
    return out;
}

struct death {
    std::string killer; ///< "sim two_answer", "walk"
    std::uint64_t seed = 0;
    std::uint64_t tried = 0; ///< seeds, this one included
    std::string text;
};

/// Whether a seed fails with nothing removed. Of the canary, that is a death.
bool fails_without(mutant const& it, std::uint64_t seed) {
    planted_bug = bug::none;
    auto const broken = world{{seed, run_plan{}.length, {}, false}}.run();
    planted_bug = it.which;
    return broken && it.which != bug::canary;
}

std::optional<death> look_in_worlds(mutant const& it, std::uint64_t first, std::uint64_t most) {
    run_plan plan;
    plan.first = first;
    plan.seeds = most;
    if (it.room == "mysql" || it.room == "agent")
        plan.wanted = [](shape const& each) { return each.data.has_value(); };
    if (it.which == bug::mac_not_compared || it.room == "keys")
        plan.wanted = [](shape const& each) { return each.sealed; };
    for (std::uint64_t const end = first + most; plan.first < end;) {
        plan.seeds = end - plan.first;
        auto const found = run_seeds(plan);
        if (found.failures.empty())
            return std::nullopt;
        auto const& earliest = found.failures.front();
        plan.first = earliest.seed + 1;
        if (fails_without(it, earliest.seed))
            continue; // of no use as a witness
        std::uint64_t tried = 0;
        for (std::uint64_t seed = first; seed <= earliest.seed; ++seed)
            tried += !plan.wanted || plan.wanted(make_shape(seed)) ? 1U : 0U;
        return death{"sim " + earliest.what.check, earliest.seed, tried, earliest.what.text};
    }
    return std::nullopt;
}

std::string walk_once(std::uint64_t seed) {
    constexpr mysql::walk::options kinds[] = {
        {3, true, 0.01}, {4, false, 0.01}, {2, true, 0.05}, {3, false, 0.01, false}};
    constexpr int eras = 6;
    mysql::walk::world one{seed, kinds[seed % std::size(kinds)]};
    one.run(eras);
    return one.violation;
}

std::optional<death> look_in_walks(mutant const& it, std::uint64_t first, std::uint64_t most) {
    for (std::uint64_t seed = first; seed < first + most; ++seed) {
        planted_bug = it.which;
        auto const broken = walk_once(seed);
        if (broken.empty())
            continue;
        // With many messages lost, all tries of a walk can fail without any bug.
        planted_bug = bug::none;
        bool const same = broken == walk_once(seed);
        planted_bug = it.which;
        if (!same)
            return death{"walk", seed, seed - first + 1, broken};
    }
    return std::nullopt;
}

std::optional<death> look(mutant const& it, arguments const& given, std::uint64_t repeat) {
    planted_bug = it.which;
    std::uint64_t const first = 1 + repeat * 100'000;
    bool const procedures = it.room == "mysql" || it.which == bug::canary;
    if (procedures)
        if (auto found = look_in_walks(it, first, given.walks))
            return found;
    return look_in_worlds(it, first, given.seeds);
}

/// In a process of its own: a rule that is missing may end it at an assertion, which finds it too.
std::optional<death> look_apart(mutant const& it, arguments const& given, std::uint64_t repeat) {
    int ends[2];
    if (::pipe(ends) != 0)
        throw std::runtime_error("no pipe");
    pid_t const child = ::fork();
    if (child == 0) {
        auto const found = look(it, given, repeat);
        auto const line = found ? fmt::format("{}\n{}\n", found->killer, found->tried) : "";
        bool const told = ::write(ends[1], line.data(), line.size()) >= 0;
        ::_exit(told ? 0 : 1);
    }
    ::close(ends[1]);
    std::string said;
    std::array<char, 256> part{};
    for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) > 0;)
        said.append(part.data(), static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        return death{"an assertion", 0, given.seeds, {}};
    auto const end = said.find('\n');
    if (end == std::string::npos)
        return std::nullopt;
    return death{said.substr(0, end), 0, std::stoull(said.substr(end + 1)), {}};
}

int print_table(arguments const& given) {
    std::size_t killed = 0;
    bool right = true;
    fmt::print("{:<28}{:<10}{:<20}{:>8}  {}\n", "planted bug", "room", "killer", "seeds",
               "what is removed");
    for (auto const& it : all_mutants()) {
        if (!given.room.empty() && it.room != given.room)
            continue;
        auto const began = std::chrono::steady_clock::now();
        std::vector<std::uint64_t> counts;
        std::string killer = "-";
        for (std::uint64_t repeat = 0; repeat < given.repeats; ++repeat) {
            auto const found = look_apart(it, given, repeat);
            if (!found)
                break;
            killer = found->killer;
            counts.push_back(found->tried);
        }
        bool const dead = counts.size() == given.repeats;
        killed += dead ? 1U : 0U;
        right = right && !(dead && it.which == bug::canary);
        std::sort(counts.begin(), counts.end());
        std::chrono::duration<double> const took = std::chrono::steady_clock::now() - began;
        fmt::print("{:<28}{:<10}{:<20}{:>8}  {}{} ({:.1f} s)\n", it.name, it.room,
                   dead ? killer : "survives",
                   dead ? std::to_string(counts[counts.size() / 2]) : "-", it.removes, "",
                   took.count());
        std::fflush(stdout);
    }
    fmt::print("{} of {} planted bugs are found\n", killed, all_mutants().size());
    return right && killed >= given.least ? 0 : 1;
}

int find_one(arguments const& given) {
    for (auto const& it : all_mutants()) {
        if (it.name != given.name)
            continue;
        planted_bug = it.which;
        if (given.trace) {
            world one{{*given.trace, 600 * second, {}, true}};
            (void)one.run();
            for (auto const& line : one.last_lines())
                fmt::print("{}\n", line);
            return 0;
        }
        auto const found = look(it, given, 0);
        if (found)
            fmt::print("{} with seed {} after {}: {}\n", found->killer, found->seed, found->tried,
                       found->text);
        else
            fmt::print("not found\n");
        return found ? 0 : 1;
    }
    fmt::print(stderr, "sim_planted: no such bug; see --list\n");
    return 2;
}

} // namespace

int main(int count, char** values) {
    auto const given = parse(count, values);
    if (given.table)
        return print_table(given);
    if (!given.name.empty())
        return find_one(given);
    for (auto const& it : all_mutants())
        fmt::print("{:<28}{:<10}{}\n", it.name, it.room, it.removes);
    return 0;
}
