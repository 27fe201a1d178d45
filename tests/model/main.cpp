// model [--states N] [--faults N] [...]   explores until N different states, exits 1 at a violation
// model --find [...]                      expects a violation: for planted bugs
// model --help                            says what else can be set
// model_planted --bug NAME [--bug NAME] [...]   with one rule removed, or two
#include "options.hpp"

#ifdef TASUKI_PLANTED
#include "../sim/mutants.hpp"
#endif

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using namespace tasuki;
using namespace tasuki::model;

/// Only where rules can be removed; false if no rule has that name.
bool plant(std::string_view name) {
#ifdef TASUKI_PLANTED
    for (auto const& each : sim::all_mutants())
        if (each.name == name) {
            (planted_bug == bug::none ? planted_bug : planted_with) = each.which;
            return true;
        }
#else
    static_cast<void>(name);
#endif
    return false;
}

void help() {
    std::puts("model [--states N] [--faults N] [--nodes 2..5] [--observers N] [--candidates N]\n"
              "      [--epochs N]\n"
              "      [--restarts N] [--writes N] [--hand-overs N] [--long-silence]\n"
              "      [--from rest|held|nothing] [--clocks BITS] [--any-order] [--apart]\n"
              "      [--only KIND,KIND: lose delay again pause mute deaf cut kill reboot forget\n"
              "              slow-disk slow-close full-disk broken-disk clock]\n"
              "      [--sample-every N] [--quiet] [--find] [--bug NAME]");
}

void print(search_report const& it, catalogue const& known, double seconds) {
    std::printf(
        "%llu states, %llu of them expanded, %llu transitions (%llu out of bounds); "
        "%zu machine states, %zu datagrams, %zu calls of the core; %.1f s\n",
        static_cast<unsigned long long>(it.states), static_cast<unsigned long long>(it.expanded),
        static_cast<unsigned long long>(it.transitions), static_cast<unsigned long long>(it.beyond),
        known.machines(), known.letters(), known.reactions(), seconds);
    for (std::size_t faults = 0; faults < it.states_by_faults.size(); ++faults)
        std::printf("  with %zu faults: %llu%s\n", faults,
                    static_cast<unsigned long long>(it.states_by_faults[faults]),
                    it.any_complete && faults <= it.complete_up_to ? ", complete" : "");
    std::printf("after the faults, of %llu samples: somebody answers within %u steps of time\n",
                static_cast<unsigned long long>(it.samples), it.slowest_return);
    for (auto const& line : it.trace)
        std::printf("%s\n", line.c_str());
    if (it.violation != nullptr)
        std::printf("found with %u faults\n", it.faults);
    else
        std::printf("no violation%s\n",
                    it.exhausted ? ", and nothing else is within the bounds" : "");
}

arguments read(int count, char** values) {
    arguments out;
    try {
        out = parse({values + 1, values + count});
    } catch (bad_arguments const& wrong) {
        std::fprintf(stderr, "model: %s\n", wrong.what());
        std::exit(2);
    }
    for (auto const& name : out.removed)
        if (!plant(name)) {
            std::fprintf(stderr, "model: has no such bug: %s\n", name.c_str());
            std::exit(2);
        }
    if (out.help)
        help();
    return out;
}

} // namespace

int main(int count, char** values) {
    auto const given = read(count, values);
    if (given.help)
        return 0;
    auto const began = std::chrono::steady_clock::now();
    auto const seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    catalogue known{given.world};
    search::progress const tell = [&](search_report const& so_far, std::size_t memory) {
        if (!given.quiet)
            std::fprintf(stderr,
                         "%llu states, %llu expanded, %zu machine states, %.0f MB, %.0f s\n",
                         static_cast<unsigned long long>(so_far.states),
                         static_cast<unsigned long long>(so_far.expanded), known.machines(),
                         static_cast<double>(memory) / 1e6, seconds());
    };
    search explorer{known, given.how, tell};
    auto const report = explorer.run();
    print(report, known, seconds());
    return (report.violation != nullptr) == given.find ? 0 : 1;
}
