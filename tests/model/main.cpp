// model [--states N] [--faults N] [...]   explores until N different states, exits 1 at a violation
// model --find [...]                      expects a violation: for planted bugs
// model --help                            says what else can be set
#include "search.hpp"

#ifdef TASUKI_PLANTED
#include "../sim/mutants.hpp"
#endif

#include "tasuki/core/require.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

using namespace tasuki;
using namespace tasuki::model;

struct arguments {
    bounds world;
    search_options how;
    bool find = false;
    bool quiet = false;
};

void use_long_silence(bounds& world) {
    // A lease much shorter than the silence after a restart; attempts outlast a step of time.
    world.terms = {milliseconds{4'000}, milliseconds{200}, 0.2};
    world.interval = milliseconds{1'200};
    world.slow_step = milliseconds{1'334};
    world.fast_step = milliseconds{2'000};
}

/// Only where rules can be removed; false if no rule has that name.
bool plant(std::string_view name) {
#ifdef TASUKI_PLANTED
    for (auto const& each : sim::all_mutants())
        if (each.name == name) {
            planted_bug = each.which;
            return true;
        }
#else
    static_cast<void>(name);
#endif
    return false;
}

void help() {
    std::puts("model [--states N] [--faults N] [--nodes 3..5] [--observers N] [--candidates N]\n"
              "      [--epochs N]\n"
              "      [--restarts N] [--writes N] [--hand-overs N] [--long-silence]\n"
              "      [--from rest|held] [--clocks BITS] [--any-order] [--only-losses]\n"
              "      [--sample-every N] [--quiet] [--find] [--bug NAME]");
}

bool is_out_of_range(bounds const& world) {
    return world.nodes < 3 || world.nodes > nodes_max || world.last_epoch > epochs_max + 1 ||
           world.faults > 100;
}

arguments parse(int count, char** values) {
    arguments out;
    auto const stop = [&](char const* why, char const* word) {
        std::fprintf(stderr, "model: %s %s\n", why, word);
        std::exit(2);
    };
    for (int index = 1; index < count; ++index) {
        std::string_view const word{values[index]};
        auto const value = [&] {
            if (index + 1 >= count)
                stop("needs a value:", values[index]);
            return std::string_view{values[++index]};
        };
        auto const number = [&] { return std::strtoull(value().data(), nullptr, 10); };
        auto const small = [&] { return static_cast<unsigned>(number()); };
        if (word == "--states")
            out.how.states = number();
        else if (word == "--faults")
            out.world.faults = small();
        else if (word == "--nodes")
            out.world.nodes = small();
        else if (word == "--observers")
            out.world.observers = small();
        else if (word == "--candidates")
            out.world.candidates = small();
        else if (word == "--epochs")
            out.world.last_epoch = 1 + number();
        else if (word == "--restarts")
            out.world.restarts = small();
        else if (word == "--writes")
            out.world.writes = small();
        else if (word == "--hand-overs")
            out.world.hand_overs = small();
        else if (word == "--sample-every")
            out.how.sample_every = number();
        else if (word == "--from")
            (value() == "held" ? out.how.from_rest : out.how.from_held) = false;
        else if (word == "--long-silence")
            use_long_silence(out.world);
        else if (word == "--clocks")
            out.world.clocks = small();
        else if (word == "--only-losses")
            out.world.only_losses = true;
        else if (word == "--any-order")
            out.world.any_order = true;
        else if (word == "--bug") {
            if (!plant(value()))
                stop("has no such bug:", values[index]);
        } else if (word == "--find")
            out.find = true;
        else if (word == "--quiet")
            out.quiet = true;
        else if (word == "--help") {
            help();
            std::exit(0);
        } else
            stop("unknown argument", values[index]);
    }
    return out;
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

} // namespace

int main(int count, char** values) {
    auto const given = parse(count, values);
    if (is_out_of_range(given.world)) {
        std::fputs("model: out of range: --nodes, --epochs or --faults\n", stderr);
        return 2;
    }
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
