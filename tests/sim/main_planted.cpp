// sim_planted --list                    names the planted bugs
// sim_planted --bug NAME [--alone]      looks for the first seed that finds it, and prints it;
//             [--with NAME]             with no partner removed besides, or with this one;
//             [--looker "walk KIND"]    looked for by this one
// sim_planted --bug NAME --trace S      one seed with it, and its last lines
// sim_planted --table [--repeats R]     looks for all of them, and prints a table
//             [--seeds N] [--walks N]   so many of each simulator at most
//             [--room NAME]             only the rules of one room
//             [--only NAME,NAME]        only these
// It exits 1 if one of them is not found, or if the canary is.
//
// Each is looked for by one of three: whole nodes in a world (`sim`), the promotion procedures
// alone among model servers (`walk`), or the election core in every state within bounds (`model`).
// Some remove a second rule besides, that keeps the same promise (`with`). The canary removes
// nothing, is looked for by all three, and has to survive.
#include "lookers.hpp"
#include "world.hpp"

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
    std::string room; ///< of the table: only this one
    std::string only; ///< of the table: only these, with commas
    std::string name;
    std::string with_name;
    std::string looker;
    bool alone = false;
    std::optional<std::uint64_t> trace;
    patience with;
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
        else if (word == "--alone")
            out.alone = true;
        else if (word == "--only")
            out.only = value, ++index;
        else if (word == "--room")
            out.room = value, ++index;
        else if (word == "--bug")
            out.name = value, ++index;
        else if (word == "--with")
            out.with_name = value, ++index;
        else if (word == "--looker")
            out.looker = value, ++index;
        else if (word == "--trace")
            out.trace = number();
        else if (word == "--seeds")
            out.with.seeds = number();
        else if (word == "--walks")
            out.with.walks = number();
        else if (word == "--repeats")
            out.repeats = number();
        else {
            fmt::print(stderr, "sim_planted: unknown argument {}\n", word);
            std::exit(2);
        }
    }
    return out;
}

/// In a process of its own: a rule that is missing may end it at an assertion, which finds it too.
std::optional<death> look_apart(mutant const& it, arguments const& given, std::uint64_t repeat) {
    int ends[2];
    if (::pipe(ends) != 0)
        throw std::runtime_error("no pipe");
    pid_t const child = ::fork();
    if (child == 0) {
        auto const found = look(it, given.with, repeat);
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
        return death{"an assertion", 0, given.with.seeds, {}};
    auto const end = said.find('\n');
    if (end == std::string::npos)
        return std::nullopt;
    return death{said.substr(0, end), 0, std::stoull(said.substr(end + 1)), {}};
}

bool is_wanted(mutant const& it, arguments const& given) {
    if (!given.room.empty() && it.room != given.room)
        return false;
    return given.only.empty() ||
           fmt::format(",{},", given.only).find(fmt::format(",{},", it.name)) != std::string::npos;
}

struct verdict {
    std::string killer;                ///< empty: it survives
    std::vector<std::uint64_t> counts; ///< sorted
};

verdict judge(mutant const& it, arguments const& given) {
    verdict out;
    auto const repeats = explores(it) ? 1 : given.repeats; // an exploration is always the same
    for (std::uint64_t repeat = 0; repeat < repeats; ++repeat) {
        auto const found = look_apart(it, given, repeat);
        if (!found)
            return {};
        out.killer = found->killer;
        out.counts.push_back(found->tried);
    }
    std::sort(out.counts.begin(), out.counts.end());
    return out;
}

int print_table(arguments const& given) {
    std::size_t looked_for = 0;
    std::size_t killed = 0;
    bool canary_killed = false;
    fmt::print("| planted bug | with | room | killer | tried | what is removed |\n"
               "|---|---|---|---|---|---|\n");
    for (auto const& it : all_mutants()) {
        if (!is_wanted(it, given))
            continue;
        auto const began = std::chrono::steady_clock::now();
        auto const found = judge(it, given);
        bool const dead = !found.killer.empty();
        if (it.which == bug::canary) {
            canary_killed = dead;
        } else {
            ++looked_for;
            killed += dead ? 1U : 0U;
        }
        std::chrono::duration<double> const took = std::chrono::steady_clock::now() - began;
        fmt::print("| {} | {} | {} | {} | {} | {} |\n", it.name,
                   it.with == bug::none ? "" : mutant_of(it.with).name, it.room,
                   dead ? found.killer : "survives",
                   dead ? std::to_string(found.counts[found.counts.size() / 2]) : "-", it.removes);
        std::fflush(stdout);
        fmt::print(stderr, "{}: {:.1f} s\n", it.name, took.count());
    }
    fmt::print("{} of {} planted bugs are found; the canary {}\n", killed, looked_for,
               canary_killed ? "is found, too: the count is worth nothing" : "survives");
    return killed == looked_for && !canary_killed ? 0 : 1;
}

/// The last lines of one world with the rule removed.
int print_trace(mutant const& it, arguments const& given) {
    remove_rules(it.which, it.with);
    auto options = it.looker == played ? played_world(it)
                                       : world_options{*given.trace, 600 * second, {}, true};
    options.trace = true;
    world one{options};
    auto const broken = one.run();
    for (auto const& line : one.last_lines())
        fmt::print("{}\n", line);
    return broken ? 0 : 1;
}

int find_one(arguments const& given) {
    auto const* const known = find_mutant(given.name);
    if (known == nullptr) {
        fmt::print(stderr, "sim_planted: no such bug; see --list\n");
        return 2;
    }
    mutant it = *known;
    if (given.alone)
        it.with = bug::none;
    if (auto const* const partner = find_mutant(given.with_name))
        it.with = partner->which;
    if (!given.looker.empty())
        it.looker = given.looker;
    if (given.trace || it.looker == played)
        return print_trace(it, given);
    auto const found = look(it, given.with, 0);
    if (!found)
        fmt::print("not found\n");
    else if (explores(it))
        fmt::print("{} after {} states{}\n", found->killer, found->tried, found->text);
    else
        fmt::print("{} with seed {} after {}: {}\n", found->killer, found->seed, found->tried,
                   found->text);
    return found ? 0 : 1;
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
