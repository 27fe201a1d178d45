// The master's half of the operations: arm, open and close writes, accounts, probe commits.

#include "tasuki/mysql/performer_io.hpp"

#include "tasuki/mysql/route_io.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tasuki::mysql {
namespace {

constexpr milliseconds read_only_try{200};
/// A writer younger than this may just have waited behind our own try.
constexpr milliseconds writer_patience{400};
constexpr milliseconds poll_slice{5};
/// Commits of our own that may wait at once; each holds a session of the server.
constexpr std::uint64_t waiting_probes_max = 4;
// Longer than any tail that a crash can take: what waits for an acknowledgement at one moment.
constexpr std::uint64_t skipped_sequence = 1'000'000;
constexpr milliseconds skip_bound{300};
// Rows of the probe's table, beside the prober's own: a commit that waits for an acknowledgement
// keeps its row locked, and the one that is to bring the acknowledgement must not wait for it.
constexpr std::uint32_t probe_rows = 1U << 31U;
constexpr std::uint32_t skip_rows = probe_rows + 16;
constexpr std::uint64_t skip_rows_count = 8;

} // namespace

result<void> performer::source_semi_sync_on() {
    auto steps = words_.prepare_source_semi_sync();
    steps.push_back(words_.set_replica_semi_sync(false));
    steps.push_back(words_.set_source_semi_sync(true));
    if (auto prepared = run_all(steps); !prepared)
        return prepared;
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (!seen->facts.source_semi_sync)
        return problem{failure::broken, "the semi-sync source did not come on"};
    return {};
}

performer::done performer::run_one(arm const& what) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (seen->facts.replica) {
        if (seen->facts.replica->receiver != thread_state::stopped)
            return problem{failure::conflict, "the receiver still runs: freeze and drain first"};
        if (auto stopped = stop_replica_role(std::nullopt); !stopped)
            return stopped.error();
        if (auto forgotten = run(words_.forget_source()); !forgotten)
            return forgotten.error();
    }
    if (auto own = run(words_.set_server_number(seen->facts.server_number)); !own)
        return own.error();
    if (auto unblocked = unblock_masters(); !unblocked)
        return unblocked.error();
    if (auto alone = shut_out_all_but(what.accounts); !alone)
        return alone.error();
    auto const switched = what.semi_sync ? source_semi_sync_on() : source_semi_sync_off_if_idle();
    if (!switched)
        return switched.error();
    for (std::string const& account : what.accounts)
        if (auto unlocked = set_locked(account, false); !unlocked)
            return unlocked.error();
    return std::string{};
}

performer::done performer::run_one(await_ackers const& what) {
    for (;;) {
        auto const rows = run(words_.read_status());
        if (!rows)
            return rows.error();
        server_facts facts;
        words_.parse_status(*rows, facts);
        if (facts.semi_sync_clients >= what.count)
            return std::string{};
        pause(poll_slice);
    }
}

/// A crash may have taken the end of the binary log while a replica has kept it. The numbers of
/// those transactions are never used again: whoever has them is seen to have diverged.
result<void> performer::skip_sequences(server_facts const& seen) {
    std::uint64_t last = 0;
    for (gtid const& each : seen.binlog_state.entries())
        last = std::max(last, each.sequence);
    std::uint64_t const next = last + skipped_sequence;
    auto const whole = std::exchange(deadline_, std::min(deadline_, clock::now() + skip_bound));
    auto const turn = static_cast<std::uint32_t>(next / skipped_sequence % skip_rows_count);
    auto const skipped = commit_elsewhere(skip_rows + turn, next);
    deadline_ = whole;
    if (skipped)
        return {};
    if (skipped.error().text.find("read-only") != std::string::npos)
        return problem{failure::not_permitted,
                       fmt::format("nothing may be written while read_only is on: run GRANT "
                                   "READ_ONLY ADMIN ON *.* TO '{}'@'localhost'",
                                   options_.connect.user)};
    // Acknowledged or not, of this try or of one before: the number is taken once its commit stands
    // in the binary log.
    auto const after = look();
    if (!after)
        return after.error();
    for (gtid const& each : after->facts.binlog_state.entries())
        if (each.sequence >= next)
            return {};
    return problem{skipped.error().kind, "used sequence numbers could not be skipped, so writes "
                                         "stay closed: " +
                                             skipped.error().text};
}

performer::done performer::run_one(open_writes const&) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (seen->facts.replica)
        return problem{failure::refused, fmt::format("replicates from {}: arm first",
                                                     seen->facts.replica->master.to_string())};
    // Open already, it may have clients that wait: done again, this is harmless.
    if (auto skipped = skip_sequences(seen->facts); !skipped && seen->facts.read_only)
        return skipped.error();
    if (auto opened = run(words_.read_only_off()); !opened)
        return opened.error();
    hooks_.release_probe(true);
    return std::string{};
}

/// read_only in tries of 200 ms: between them waiting writes go on, and blockers are ended.
result<void> performer::read_only_bounded() {
    auto const held_up = [](problem cause) {
        if (cause.kind == failure::timed_out)
            cause.text += ": read_only waits behind a running statement, a table lock or a commit "
                          "without acknowledgement";
        return cause;
    };
    for (;;) {
        if (auto ours = still_ours(); !ours)
            return held_up(ours.error());
        auto const span = std::clamp(left() / 2, milliseconds{10}, read_only_try);
        auto const closed = execute(words_.read_only_on(span), clock::now() + span + read_only_try);
        if (closed)
            return {};
        if (closed.error().number != sql_errno::statement_timeout &&
            closed.error().number != sql_errno::query_interrupted)
            return explain(closed.error(), words_.read_only_on(span));
        if (auto ended = end_writers(false); !ended)
            return held_up(ended.error());
    }
}

/// Ends sessions that hold read_only up, or (`privileged_too`) may write in spite of it. Never
/// while a commit waits for an acknowledgement: ending one would answer others without it.
result<void> performer::end_writers(bool privileged_too) {
    auto const sessions =
        run(words_.list_sessions(options_.connect.user, options_.replication_prefix));
    if (!sessions)
        return sessions.error();
    auto const privileged = run(words_.list_privileged());
    if (!privileged)
        return privileged.error();
    for (obstacle const& one : dialect::parse_obstacles(*sessions, *privileged, writer_patience)) {
        bool const may_write = one.why == obstacle::kind::privileged;
        if (may_write != privileged_too || (!may_write && !one.writes))
            continue;
        auto const seen = look();
        if (!seen)
            return seen.error();
        if (seen->facts.waiting_for_ack > 0)
            return {};
        auto const ended = execute(words_.kill_session(one.session), deadline_);
        if (!ended && ended.error().number != sql_errno::no_such_thread)
            return explain(ended.error(), words_.kill_session(one.session));
    }
    return {};
}

/// The undoing must not depend on a connection that is held up, nor on what is left of the limit.
rows_or_error performer::reopen_anyhow() {
    if (!control_.busy())
        return execute(words_.read_only_off(), clock::now() + read_only_try);
    std::optional<dialect> words = words_;
    auto connect = options_.connect;
    connect.limit = read_only_try;
    auto opened = open_session(connect, false, words);
    if (!opened)
        return opened.error();
    return opened->query(words_.read_only_off(), read_only_try);
}

performer::done performer::run_one(close_writes const&) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    bool const was_open = !seen->facts.read_only;
    bool const was_held = hooks_.probe_is_held();
    auto const undo = [&](problem cause) -> problem {
        if (was_open) {
            auto const reopened = reopen_anyhow();
            if (!reopened)
                cause.text += fmt::format("; read_only may still be on: {}", reopened.error().text);
        }
        if (!was_held)
            hooks_.release_probe(false);
        return cause;
    };
    if (!hooks_.hold_probe(left()))
        return undo({failure::conflict, "a commit of the probe waits for an acknowledgement"});
    if (was_open)
        if (auto closed = read_only_bounded(); !closed)
            return undo(closed.error());
    if (auto ended = end_writers(true); !ended)
        return undo(ended.error());
    auto const after = look();
    if (!after)
        return undo(after.error());
    if (after->facts.waiting_for_ack > 0)
        return undo({failure::conflict, fmt::format("{} sessions wait for an acknowledgement",
                                                    after->facts.waiting_for_ack)});
    if (!after->facts.read_only)
        return undo({failure::broken, "read_only did not come on"});
    return std::string{};
}

result<std::size_t> performer::set_locked(std::string const& account, bool locked) {
    auto const hosts = run(words_.list_hosts_of(account));
    if (!hosts)
        return hosts.error();
    if (hosts->rows.empty())
        return problem{failure::absent,
                       fmt::format("no account {}: CREATE USER {}@'%' IDENTIFIED "
                                   "BY ...; GRANT REPLICATION SLAVE ON *.* TO "
                                   "{}@'%'",
                                   account, sql_literal(account), sql_literal(account))};
    for (std::size_t index = 0; index < hosts->rows.size(); ++index)
        if (auto set =
                run(words_.set_account_locked({account, hosts->text(index, "Host")}, locked));
            !set)
            return set.error();
    return hosts->rows.size();
}

result<void> performer::end_streams(std::string const& account) {
    for (;;) {
        auto const streams = run(words_.list_streams_of(account));
        if (!streams)
            return streams.error();
        if (streams->rows.empty())
            return {};
        for (std::size_t index = 0; index < streams->rows.size(); ++index) {
            auto const ended =
                execute(words_.kill_session(streams->number(index, "ID")), deadline_);
            if (!ended && ended.error().number != sql_errno::no_such_thread)
                return explain(ended.error(), "KILL of a binlog stream");
        }
        pause(poll_slice);
    }
}

/// Whoever else is connected, or connects later, could acknowledge without being recorded.
result<void> performer::shut_out_all_but(std::vector<std::string> const& accounts) {
    if (options_.replication_prefix.empty())
        return {}; // every account would be one of a replica
    auto const known = run(words_.list_accounts(options_.replication_prefix));
    if (!known)
        return known.error();
    for (std::size_t index = 0; index < known->rows.size(); ++index) {
        auto const account = known->text(index, "User");
        bool const stays = std::ranges::find(accounts, account) != accounts.end() ||
                           account == options_.connect.user;
        if (stays)
            continue;
        if (auto locked = set_locked(account, true); !locked)
            return locked.error();
        if (auto ended = end_streams(account); !ended)
            return ended.error();
    }
    return {};
}

performer::done performer::run_one(lock_account const& what) {
    if (auto locked = set_locked(what.account, true); !locked)
        return locked.error();
    if (auto ended = end_streams(what.account); !ended)
        return ended.error();
    return std::string{};
}

performer::done performer::run_one(unlock_account const& what) {
    if (auto unlocked = set_locked(what.account, false); !unlocked)
        return unlocked.error();
    return std::string{};
}

performer::done performer::run_one(disable_semi_sync const&) {
    if (auto off = run(words_.set_source_semi_sync(false)); !off)
        return off.error();
    return std::string{};
}

performer::done performer::run_one(enable_semi_sync const&) {
    if (auto on = source_semi_sync_on(); !on)
        return on.error();
    return std::string{};
}

performer::done performer::run_one(probe_commit const&) {
    auto const seen = look();
    if (!seen)
        return seen.error();
    if (seen->facts.read_only || seen->facts.replica || hooks_.probe_is_held())
        return problem{failure::refused, "not open for writes: a commit here would be errant"};
    auto const rows = run(words_.count_probes(options_.connect.user));
    if (!rows)
        return rows.error();
    auto const waiting = rows->number(0, "found");
    if (waiting >= waiting_probes_max)
        return problem{
            failure::exhausted,
            fmt::format("{} commits of our own wait for an acknowledgement already", waiting)};
    auto const key = probe_rows + static_cast<std::uint32_t>(waiting);
    if (auto committed = commit_elsewhere(key, std::nullopt); !committed)
        return committed.error();
    return std::string{};
}

/// On a connection of its own, which is left alone if the commit waits: the server ends it as soon
/// as an acknowledgement comes. Ending it would release its commit group without one.
result<void> performer::commit_elsewhere(std::uint32_t key, std::optional<std::uint64_t> sequence) {
    std::optional<dialect> words = words_;
    auto connect = options_.connect;
    connect.limit = std::max(std::min(connect.limit, left()), milliseconds{1});
    auto opened = open_session(connect, true, words);
    if (!opened)
        return explain(opened.error(), "connecting for a probe commit");
    auto const found = opened->query(words_.find_probe_table(), std::max(left(), milliseconds{1}));
    if (!found)
        return explain(found.error(), words_.find_probe_table());
    std::vector<std::string> statements;
    if (sequence)
        statements.push_back(words_.continue_at(*sequence));
    if (found->number(0, "found") == 0)
        for (std::string& statement : words_.create_probe_table())
            statements.push_back(std::move(statement));
    statements.push_back(
        words_.commit_probe(key, static_cast<std::uint64_t>(to_ms(boottime_now() - long_ago))));
    for (std::string const& statement : statements) {
        opened->begin(statement);
        std::optional<rows_or_error> answered;
        while (!(answered = opened->poll(poll_slice))) {
            if (auto ours = still_ours(); !ours)
                return problem{ours.error().kind,
                               "a probe commit got no acknowledgement: " + ours.error().text};
            // Whoever waits may be what lets the commits go.
            if (hooks_.order_waits())
                return problem{failure::timed_out, "a probe commit got no acknowledgement before "
                                                   "the next order came"};
        }
        if (!*answered)
            return explain(answered->error(), statement);
    }
    return {};
}

} // namespace tasuki::mysql
