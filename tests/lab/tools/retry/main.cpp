// tasuki_retry: an application on MariaDB Connector/C whose sessions last, and which does once
// more, over a new connection, what was lost with the old one; but never within a transaction.
//
//   tasuki_retry --host HOST --port PORT --sessions N --rate R --first CLIENT --file FILE
//
// Each session does by turns a transaction (BEGIN, INSERT, UPDATE, COMMIT) and a single INSERT
// until the input ends. Then FILE has a line `acked|refused CLIENT SEQ` for each row, and a JSON
// line says what was counted. A first try that was carried out although its connection was lost
// shows: as a duplicate key, or as the same row on two servers.

#include "../clock_io.hpp"
#include "../load/session_io.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace tasuki::lab {

namespace {

constexpr moment limit = std::chrono::seconds{10}; ///< for a connect, and for a statement
constexpr moment thought_max = std::chrono::milliseconds{40}; ///< between two of a transaction
/// A held-up session catches up with at most this much of its schedule.
constexpr moment catch_up_max = std::chrono::milliseconds{200};
constexpr int statements_a_turn = 5; ///< four of a transaction, and a single one

constexpr std::array<unsigned, 3> connection_lost{1053, 2006, 2013};

enum verb : std::size_t { begin, insert, update, commit, verbs };
constexpr std::array<char const*, verbs> verb_names{"begin", "insert", "update", "commit"};

struct settings {
    server_address where;
    int sessions = 10;
    double rate = 100; ///< statements a second, all together
    int first = 0;
    std::string file;
};

struct tally {
    std::array<std::uint64_t, verbs> answered{};
    std::uint64_t lost = 0, most_lost = 0, inside = 0, retried = 0, errors = 0;
    std::map<unsigned, std::uint64_t> codes;
    std::string rows;
};

class application {
  public:
    application(settings const& wanted, int client)
        : server_(wanted.where, limit)
        , client_(client)
        , random_(static_cast<unsigned>(client)) {}

    tally run(moment period, std::atomic<bool> const& over);

  private:
    bool work(bool in_transaction, std::int64_t seq);
    bool inside(verb, std::string const& statement);
    unsigned execute(verb, std::string const& statement);
    unsigned with_one_retry(verb, std::string const& statement);
    void open();
    void think();
    void failed(unsigned error);

    session server_;
    int client_;
    std::mt19937 random_;
    tally seen_;
};

bool is_lost(unsigned error) {
    return std::ranges::count(connection_lost, error) > 0;
}

void application::open() {
    for (int attempt = 0; attempt < 3; ++attempt) {
        if (server_.open())
            return;
        ++seen_.codes[server_.error()];
        ++seen_.errors;
        rest_until(monotonic_now() + std::chrono::milliseconds{50});
    }
}

void application::think() {
    std::uniform_int_distribution<std::int64_t> spread{0, thought_max.count()};
    rest_until(monotonic_now() + moment{spread(random_)});
}

unsigned application::execute(verb what, std::string const& statement) {
    if (!server_.is_open())
        open();
    if (!server_.is_open())
        return server_.error();
    auto const error = server_.execute(statement);
    if (error == 0)
        ++seen_.answered[what];
    else
        ++seen_.codes[error];
    if (is_lost(error)) {
        ++seen_.lost;
        server_.close();
    }
    return error;
}

/// Outside a transaction.
unsigned application::with_one_retry(verb what, std::string const& statement) {
    auto const error = execute(what, statement);
    if (!is_lost(error))
        return error;
    ++seen_.retried;
    return execute(what, statement);
}

bool application::inside(verb what, std::string const& statement) {
    think();
    auto const error = execute(what, statement);
    if (error == 0)
        return true;
    if (is_lost(error))
        ++seen_.inside;
    failed(error);
    return false;
}

void application::failed(unsigned error) {
    ++seen_.errors;
    fmt::print(stderr, "client {}: error {}\n", client_, error);
    server_.close(); // the next turn begins anew, whatever was open
}

bool application::work(bool in_transaction, std::int64_t seq) {
    auto const insertion =
        fmt::format("INSERT INTO writes (client, seq) VALUES ({}, {})", client_, seq);
    auto const first = in_transaction ? verb::begin : verb::insert;
    if (auto const error = with_one_retry(first, in_transaction ? "BEGIN" : insertion);
        error != 0) {
        failed(error);
        return false;
    }
    if (!in_transaction)
        return true;
    auto const change = fmt::format(
        "UPDATE writes SET node = @@server_id WHERE client = {} AND seq = {}", client_, seq);
    return inside(verb::insert, insertion) && inside(verb::update, change) &&
           inside(verb::commit, "COMMIT");
}

tally application::run(moment period, std::atomic<bool> const& over) {
    // Over a whole turn: not all are in transactions at one time.
    std::uniform_int_distribution<std::int64_t> spread{0, 2 * period.count()};
    open();
    auto due = monotonic_now() + moment{spread(random_)};
    for (std::int64_t seq = 0; !over.load(std::memory_order_relaxed); ++seq) {
        rest_until(due);
        bool const done = work(seq % 2 == 0, seq);
        seen_.rows += fmt::format("{} {} {}\n", done ? "acked" : "refused", client_, seq);
        due = std::max(due + period, monotonic_now() - catch_up_max);
    }
    seen_.most_lost = seen_.lost;
    return std::move(seen_);
}

void add(tally& sum, tally const& one) {
    for (std::size_t each = 0; each < verbs; ++each)
        sum.answered[each] += one.answered[each];
    sum.lost += one.lost;
    sum.most_lost = std::max(sum.most_lost, one.most_lost);
    sum.inside += one.inside;
    sum.retried += one.retried;
    sum.errors += one.errors;
    for (auto const& [code, times] : one.codes)
        sum.codes[code] += times;
    sum.rows += one.rows;
}

std::string to_json(tally const& it) {
    std::string answered;
    for (std::size_t each = 0; each < verbs; ++each)
        answered +=
            fmt::format("{}\"{}\":{}", each == 0 ? "" : ",", verb_names[each], it.answered[each]);
    std::string codes;
    for (auto const& [code, times] : it.codes)
        codes += fmt::format("{}\"{}\":{}", codes.empty() ? "" : ",", code, times);
    return fmt::format("{{\"answered\":{{{}}},\"lost\":{},\"most_lost\":{},\"inside\":{},"
                       "\"retried\":{},\"errors\":{},\"codes\":{{{}}}}}",
                       answered, it.lost, it.most_lost, it.inside, it.retried, it.errors, codes);
}

void wait_for_end_of_input() {
    std::array<char, 64> ignored{};
    while (::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
    }
}

int run(settings const& wanted) {
    ::mysql_library_init(0, nullptr, nullptr);
    // Half of a turn's time: the transaction and the single statement begin so far apart.
    auto const period = std::chrono::duration_cast<moment>(
        std::chrono::duration<double>(wanted.sessions / wanted.rate * statements_a_turn / 2));
    std::atomic<bool> over{false};
    std::vector<tally> tallies(static_cast<std::size_t>(wanted.sessions));
    std::vector<std::thread> threads;
    threads.reserve(tallies.size());
    for (int each = 0; each < wanted.sessions; ++each)
        threads.emplace_back([&, each] {
            ::mysql_thread_init();
            tallies[static_cast<std::size_t>(each)] =
                application{wanted, wanted.first + each}.run(period, over);
            ::mysql_thread_end();
        });
    wait_for_end_of_input();
    over = true;
    for (auto& thread : threads)
        thread.join();
    tally sum;
    for (auto const& one : tallies)
        add(sum, one);
    std::ofstream file{wanted.file};
    file << sum.rows;
    fmt::print("{}\n", to_json(sum));
    return file.flush() ? 0 : 2;
}

} // namespace

} // namespace tasuki::lab

int main(int count, char** words) {
    tasuki::lab::settings wanted;
    CLI::App options{"Writes over sessions that last, and does once more what was lost."};
    options.add_option("--host", wanted.where.host)->required();
    options.add_option("--port", wanted.where.port)->required();
    options.add_option("--sessions", wanted.sessions)->check(CLI::Range(1, 1000));
    options.add_option("--rate", wanted.rate, "statements a second, all together")
        ->check(CLI::Range(0.1, 100000.0));
    options.add_option("--first", wanted.first, "number of the first client");
    options.add_option("--file", wanted.file, "write acknowledged and refused rows here")
        ->required();
    CLI11_PARSE(options, count, words);
    return tasuki::lab::run(wanted);
}
