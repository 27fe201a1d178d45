// tasuki_load: an application that writes through the virtual address and remembers every answer.
//
//   tasuki_load run [--ids FILE]       writes until SIGTERM; tells gaps as they end, a JSON summary
//   last tasuki_load verify --ids FILE      are all acknowledged rows still there? exit 1 and their
//   ids if not

#include "../clock_io.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "verify_io.hpp"
#include "writer_io.hpp"

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>

#include <poll.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstdio>
#include <thread>

namespace tasuki::lab {

namespace {

struct settings {
    server_address where;
    int clients = 4;
    double rate = 500;
    unsigned limit_ms = 150;
    unsigned retry_ms = 2;
    unsigned gap_ms = 100;
    double seconds = 0;
    bool transactions = false;
    std::string ids_file;
};

moment wall_clock_now() {
    return std::chrono::system_clock::now().time_since_epoch();
}

/// Unique over runs on the same table without asking it: microseconds of the wall clock.
std::int64_t first_sequence() {
    return std::chrono::duration_cast<std::chrono::microseconds>(wall_clock_now()).count();
}

writer_plan plan_for(settings const& wanted, int client, std::int64_t first) {
    auto const period = std::chrono::duration_cast<moment>(
        std::chrono::duration<double>(wanted.clients / wanted.rate));
    return {.where = wanted.where,
            .client = client,
            .first_sequence = first,
            .period = period,
            .offset = period * (client - 1) / wanted.clients,
            .limit = std::chrono::milliseconds{wanted.limit_ms},
            .retry = std::chrono::milliseconds{wanted.retry_ms},
            .transactions = wanted.transactions};
}

int stop_descriptor() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    return ::signalfd(-1, &ends, SFD_CLOEXEC);
}

/// Tells each gap when it has ended, and one that lasts once a second, until a signal or the time.
void watch_until_end(settings const& wanted, shared_state& shared, moment began) {
    unique_fd const stop{stop_descriptor()};
    auto const threshold = std::chrono::milliseconds{wanted.gap_ms};
    std::int64_t seen = 0;
    moment told{};
    for (;;) {
        pollfd waits{stop.get(), POLLIN, 0};
        auto const now = monotonic_now();
        if (::poll(&waits, 1, 5) > 0 ||
            (wanted.seconds > 0 && in_ms(now - began) >= wanted.seconds * 1000))
            return;
        auto const last = shared.last_ack_ns.load(std::memory_order_relaxed);
        if (seen != 0 && last != seen && moment{last - seen} >= threshold) {
            fmt::print(stderr, "at {:10.3f} s: no write was acknowledged for {:.0f} ms\n",
                       in_ms(moment{seen}) / 1000, in_ms(moment{last - seen}));
            told = now;
        } else if (last != 0 && now - moment{last} >= std::chrono::seconds{1} &&
                   now - told >= std::chrono::seconds{1}) {
            fmt::print(stderr, "at {:10.3f} s: still no write acknowledged, {:.0f} ms so far\n",
                       in_ms(moment{last}) / 1000, in_ms(now - moment{last}));
            told = now;
        }
        seen = last;
    }
}

int run(settings const& wanted) {
    // Signals are blocked before the first thread starts, so that only the watching one takes them.
    unique_fd const early{stop_descriptor()};
    ::mysql_library_init(0, nullptr, nullptr);
    shared_state shared;
    std::vector<client_tally> tallies(static_cast<std::size_t>(wanted.clients));
    std::vector<std::thread> threads;
    auto const first = first_sequence();
    auto const began = monotonic_now();
    fmt::print("{{\"event\":\"start\",\"at_ms\":{:.3f}}}\n", in_ms(began));
    std::fflush(stdout);
    for (int client = 1; client <= wanted.clients; ++client)
        threads.emplace_back([&, client] {
            tallies[static_cast<std::size_t>(client - 1)] =
                write_until_stopped(plan_for(wanted, client, first), shared);
        });
    watch_until_end(wanted, shared, began);
    shared.stop = true;
    for (auto& thread : threads)
        thread.join();
    auto const ended = monotonic_now();
    fmt::print("{}\n", to_json(summarise(tallies, ended), began, ended));
    if (wanted.ids_file.empty())
        return 0;
    if (auto const written = write_ids(wanted.ids_file, tallies); !written) {
        fmt::print(stderr, "tasuki_load: {}\n", written.error().text);
        return 2;
    }
    return 0;
}

int verify(settings const& wanted) {
    auto const ids = read_ids(wanted.ids_file);
    if (!ids) {
        fmt::print(stderr, "tasuki_load: {}\n", ids.error().text);
        return 2;
    }
    auto const table = read_table(wanted.where, *ids);
    if (!table) {
        fmt::print(stderr, "tasuki_load: {}\n", table.error().text);
        return 2;
    }
    auto const found = compare(ids->acked, ids->unknown, *table);
    for (auto const& id : found.lost)
        fmt::print("lost client={} seq={}\n", id.client, id.sequence);
    fmt::print("{{\"acked\":{},\"lost\":{},\"unknown\":{},\"unknown_present\":{},"
               "\"unexpected\":{}}}\n",
               ids->acked.size(), found.lost.size(), ids->unknown.size(), found.unknown_present,
               found.unexpected);
    return found.lost.empty() ? 0 : 1;
}

void add_server(CLI::App& options, settings& wanted) {
    options.add_option("--host", wanted.where.host)->capture_default_str();
    options.add_option("--port", wanted.where.port)->capture_default_str();
    options.add_option("--socket", wanted.where.socket, "Unix socket instead of host and port");
    options.add_option("--user", wanted.where.user)->capture_default_str();
    options.add_option("--password", wanted.where.password, "default: that of the lab");
    options.add_option("--database", wanted.where.database)->capture_default_str();
}

void add_run(CLI::App& options, settings& wanted) {
    options.add_option("--connections", wanted.clients)
        ->check(CLI::Range(1, 200))
        ->capture_default_str();
    options.add_option("--rate", wanted.rate, "writes a second, all together")
        ->check(CLI::Range(0.1, 100000.0))
        ->capture_default_str();
    options.add_option("--limit-ms", wanted.limit_ms, "for a connect, and for a write")
        ->capture_default_str();
    options.add_option("--retry-ms", wanted.retry_ms, "pause after a failed connect")
        ->capture_default_str();
    options.add_option("--gap-ms", wanted.gap_ms, "tell gaps from this length")
        ->capture_default_str();
    options.add_flag("--transactions", wanted.transactions, "each write is BEGIN, INSERT, COMMIT");
    options.add_option("--seconds", wanted.seconds, "end by itself; 0: on SIGTERM");
    options.add_option("--ids", wanted.ids_file, "write acknowledged and unknown ids here");
}

} // namespace

} // namespace tasuki::lab

int main(int count, char** words) {
    tasuki::lab::settings wanted;
    CLI::App options{"Writes rows, remembers what was acknowledged, and checks that it is kept."};
    options.require_subcommand(1);
    auto* const run = options.add_subcommand("run", "write until SIGTERM");
    auto* const verify = options.add_subcommand("verify", "look for acknowledged rows");
    tasuki::lab::add_server(*run, wanted);
    tasuki::lab::add_server(*verify, wanted);
    tasuki::lab::add_run(*run, wanted);
    verify->add_option("--ids", wanted.ids_file, "written by a run")->required();
    CLI11_PARSE(options, count, words);
    return *verify ? tasuki::lab::verify(wanted) : tasuki::lab::run(wanted);
}
