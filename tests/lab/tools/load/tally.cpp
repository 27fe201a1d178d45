#include "tally.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::lab {

namespace {

constexpr unsigned option_prevents_statement = 1290;
constexpr unsigned server_shutdown = 1053;
constexpr unsigned query_interrupted = 1317;
constexpr unsigned connection_killed = 1927;
constexpr unsigned statement_timeout = 1969;
constexpr unsigned first_client_error = 2000;
constexpr unsigned last_client_error = 2999;

/// Servers write one after the other; a longer silence than this ends a server's span.
constexpr moment server_join = std::chrono::milliseconds{200};

bool is_client_error(unsigned error) {
    return (error >= first_client_error && error <= last_client_error) || error == 0;
}

void count(run_summary& out, client_tally const& client, std::vector<write_record>& acked) {
    out.failed += client.failed;
    out.connects += client.connects;
    out.connects_failed += client.connects_failed;
    out.statements += client.statements;
    out.longest_statement = std::max(out.longest_statement, client.longest_statement);
    for (auto const& [number, times] : client.errors)
        out.errors[number] += times;
    for (auto const& write : client.writes) {
        if (write.became == outcome::acked)
            acked.push_back(write);
        else
            ++out.unknown;
    }
}

std::string servers_json(run_summary const& run) {
    std::string out;
    for (auto const& [server, spans] : run.servers)
        for (auto const& span : spans)
            out += fmt::format("{}{{\"server_id\":{},\"acked\":{},\"first_ms\":{:.3f},"
                               "\"last_ms\":{:.3f}}}",
                               out.empty() ? "" : ",", server, span.answers, in_ms(span.first),
                               in_ms(span.last));
    return out;
}

std::string errors_json(run_summary const& run) {
    std::string out;
    for (auto const& [number, times] : run.errors)
        out += fmt::format("{}\"{}\":{}", out.empty() ? "" : ",", number, times);
    return out;
}

} // namespace

outcome classify(unsigned error) {
    bool const may_have_committed = is_client_error(error) || error == server_shutdown ||
                                    error == query_interrupted || error == connection_killed ||
                                    error == statement_timeout;
    return may_have_committed ? outcome::unknown : outcome::failed;
}

bool ends_connection(unsigned error) {
    return is_client_error(error) || error == option_prevents_statement ||
           error == server_shutdown || error == connection_killed;
}

run_summary summarise(std::vector<client_tally> const& clients, moment ended) {
    run_summary out;
    std::vector<write_record> acked;
    for (auto const& client : clients)
        count(out, client, acked);
    out.acked = acked.size();
    std::ranges::sort(acked, {}, &write_record::answered);
    timeline answers{server_join};
    std::vector<moment> latencies;
    for (auto const& write : acked) {
        answers.answered(std::to_string(write.server), write.answered);
        latencies.push_back(write.answered - write.sent);
    }
    out.gap = answers.longest_gap();
    out.silent_at_end = answers.last_answer() ? ended - *answers.last_answer() : moment{};
    out.dual_acked = answers.dual_active();
    out.servers = answers.sources();
    out.median = percentile(latencies, 0.5);
    out.p99 = percentile(latencies, 0.99);
    out.slowest = percentile(std::move(latencies), 1.0);
    return out;
}

std::string to_json(run_summary const& run, moment began, moment ended) {
    auto const seconds = in_ms(ended - began) / 1000;
    return fmt::format(
        "{{\"event\":\"summary\",\"seconds\":{:.3f},\"acked\":{},\"failed\":{},\"unknown\":{},"
        "\"per_second\":{:.1f},"
        "\"connects\":{},\"connects_failed\":{},\"longest_gap_ms\":{:.3f},\"gap_from_ms\":{:.3f},"
        "\"gap_to_ms\":{:.3f},\"silent_at_end_ms\":{:.3f},\"p50_ms\":{:.3f},\"p99_ms\":{:.3f},"
        "\"max_ms\":{:.3f},\"statements\":{},\"longest_statement_ms\":{:.3f},"
        "\"dual_acked_ms\":{:.3f},\"servers\":[{}],\"errors\":{{{}}}}}",
        seconds, run.acked, run.failed, run.unknown, static_cast<double>(run.acked) / seconds,
        run.connects, run.connects_failed, in_ms(run.gap.length()), in_ms(run.gap.from),
        in_ms(run.gap.to), in_ms(run.silent_at_end), in_ms(run.median), in_ms(run.p99),
        in_ms(run.slowest), run.statements, in_ms(run.longest_statement), in_ms(run.dual_acked),
        servers_json(run), errors_json(run));
}

comparison compare(std::set<write_id> const& acked, std::set<write_id> const& unknown,
                   std::set<write_id> const& table) {
    comparison out;
    std::ranges::set_difference(acked, table, std::back_inserter(out.lost));
    for (auto const& row : table) {
        if (unknown.contains(row))
            ++out.unknown_present;
        else if (!acked.contains(row))
            ++out.unexpected;
    }
    return out;
}

} // namespace tasuki::lab
