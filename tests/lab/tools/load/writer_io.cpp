#include "writer_io.hpp"

#include "../clock_io.hpp"

#include <fmt/format.h>

namespace tasuki::lab {

namespace {

/// A held-up client catches up with at most this much of its schedule.
constexpr moment catch_up_max = std::chrono::milliseconds{50};

struct write_result {
    unsigned error = 0;
    outcome became = outcome::unknown; ///< unless there was no error
};

bool connected(session& server, writer_plan const& plan, client_tally& tally) {
    if (server.is_open())
        return true;
    if (server.open()) {
        ++tally.connects;
        return true;
    }
    ++tally.connects_failed;
    ++tally.errors[server.error()];
    rest_until(monotonic_now() + plan.retry);
    return false;
}

unsigned execute(session& server, std::string const& statement, client_tally& tally) {
    auto const began = monotonic_now();
    auto const error = server.execute(statement);
    tally.longest_statement = std::max(tally.longest_statement, monotonic_now() - began);
    ++tally.statements;
    return error;
}

/// Of a transaction only the end tells whether its row is there.
write_result write_row(session& server, std::string const& insertion, bool in_transaction,
                       client_tally& tally) {
    if (!in_transaction) {
        auto const error = execute(server, insertion, tally);
        return {error, classify(error)};
    }
    auto error = execute(server, "BEGIN", tally);
    if (error == 0)
        error = execute(server, insertion, tally);
    if (error != 0)
        return {error, outcome::failed};
    error = execute(server, "COMMIT", tally);
    return {error, classify(error)};
}

void write_one(session& server, write_id id, bool in_transaction, client_tally& tally,
               shared_state& shared) {
    auto const statement =
        fmt::format("INSERT INTO writes (client, seq, node) VALUES ({}, {}, @@server_id)",
                    id.client, id.sequence);
    write_record record{id, outcome::acked, server.server(), monotonic_now(), {}};
    auto const [error, became] = write_row(server, statement, in_transaction, tally);
    record.answered = monotonic_now();
    if (error == 0) {
        shared.last_ack_ns.store(record.answered.count(), std::memory_order_relaxed);
    } else {
        record.became = became;
        ++tally.errors[error];
        if (ends_connection(error))
            server.close();
    }
    if (record.became == outcome::failed)
        ++tally.failed;
    else
        tally.writes.push_back(record);
}

} // namespace

client_tally write_until_stopped(writer_plan const& plan, shared_state& shared) {
    ::mysql_thread_init();
    client_tally tally;
    {
        session server{plan.where, plan.limit};
        write_id id{plan.client, plan.first_sequence};
        auto due = monotonic_now() + plan.offset;
        while (!shared.stop.load(std::memory_order_relaxed)) {
            rest_until(due);
            if (!connected(server, plan, tally))
                continue;
            write_one(server, id, plan.transactions, tally, shared);
            ++id.sequence;
            due = std::max(due + plan.period, monotonic_now() - catch_up_max);
        }
    }
    ::mysql_thread_end();
    return tally;
}

} // namespace tasuki::lab
