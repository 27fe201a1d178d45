#pragma once
// Performs one operation on the local mysqld over the control connection.
//
// Each operation does exactly what its comment in operation.hpp says, statement by statement, under
// one deadline; between statements it looks whether a newer epoch has overtaken it. Nothing that is
// written to the binary log runs here: every statement of this connection may be killed at any
// time. Commits of our own run on connections that are never killed, because ending a commit that
// waits can answer others without an acknowledgement.

#include "tasuki/mysql/client_io.hpp"
#include "tasuki/mysql/dialect.hpp"
#include "tasuki/mysql/facts_io.hpp"
#include "tasuki/mysql/operation.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace tasuki::mysql {

/// What the performer needs from the threads around it.
struct performer_hooks {
    /// A newer epoch waits: end at the next safe point.
    std::function<bool()> superseded;
    /// Another order is behind this one: a wait without end has to give way.
    std::function<bool()> order_waits;
    /// Around each statement: from now on it may be killed; returns when nobody aims at it.
    std::function<void(std::uint64_t session)> statement_begins;
    std::function<void()> statement_ends;
    /// Has the statement of `session` ended by KILL QUERY over the killer connection.
    std::function<void(std::uint64_t session)> kill_statement;
    /// Stops the commits of the probe; false if one was still in flight at the deadline.
    std::function<bool(milliseconds)> hold_probe;
    std::function<void(bool create_table)> release_probe;
    std::function<bool()> probe_is_held;
};

struct performer_options {
    connect_options connect;
    std::string replication_prefix;
    std::string replication_password;
    milliseconds long_statement{1000}; ///< from here on it is an obstacle
};

class performer {
  public:
    using clock = std::chrono::steady_clock;

    performer(connection& control, dialect const& words, performer_options const& options,
              performer_hooks const& hooks);

    /// The text is what was found, or empty. `kill_server` is not performed here.
    [[nodiscard]] result<std::string> perform(operation const& what, clock::time_point deadline);
    /// The facts after it. Bounded on its own, so that a timed-out operation still tells them.
    [[nodiscard]] result<reading> survey_now(milliseconds limit);

  private:
    using done = result<std::string>;
    [[nodiscard]] done run_one(survey const&);
    [[nodiscard]] done run_one(settle const&);
    [[nodiscard]] done run_one(freeze const& what);
    [[nodiscard]] done run_one(unfreeze const&);
    [[nodiscard]] done run_one(drain const&);
    [[nodiscard]] done run_one(await_position const& what);
    [[nodiscard]] done run_one(follow const& what);
    [[nodiscard]] done run_one(set_acker const& what);
    [[nodiscard]] done run_one(arm const& what);
    [[nodiscard]] done run_one(await_ackers const& what);
    [[nodiscard]] done run_one(open_writes const&);
    [[nodiscard]] done run_one(close_writes const&);
    [[nodiscard]] done run_one(lock_account const& what);
    [[nodiscard]] done run_one(unlock_account const& what);
    [[nodiscard]] done run_one(probe_commit const&);
    [[nodiscard]] done run_one(repeat_ack const& what);
    [[nodiscard]] done run_one(disable_semi_sync const&);
    [[nodiscard]] done run_one(enable_semi_sync const&);
    [[nodiscard]] done run_one(kill_server const&);
    [[nodiscard]] done run_one(list_obstacles const&);

    /// One statement: interrupted when the deadline passes or a newer epoch comes.
    [[nodiscard]] rows_or_error execute(std::string const& statement, clock::time_point until);
    [[nodiscard]] result<table> run(std::string const& statement);
    [[nodiscard]] result<void> run_all(std::vector<std::string> const& statements);
    [[nodiscard]] result<reading> look();
    [[nodiscard]] problem explain(sql_error const& error, std::string const& statement) const;
    [[nodiscard]] result<void> still_ours() const;
    [[nodiscard]] milliseconds left() const;
    void pause(milliseconds span) const;

    /// replica side (performer_replica_io.cpp)
    [[nodiscard]] result<void> drain_received(bool receiver_must_be_stopped);
    [[nodiscard]] static problem applier_problem(replica_facts const& replica);
    [[nodiscard]] result<void> start_stopped_applier(replica_facts const& replica);
    [[nodiscard]] result<void> stop_replica_role(std::optional<endpoint> const& next_master);
    [[nodiscard]] result<void> stop_frozen_receiver(endpoint const& old_master);
    [[nodiscard]] result<void> source_semi_sync_off_if_idle();
    [[nodiscard]] result<void> unblock_masters();
    /// acknowledging (performer_acker_io.cpp)
    [[nodiscard]] result<void> return_borrowed_number();
    [[nodiscard]] result<void> restart_receiver(bool acknowledging);
    [[nodiscard]] result<server_facts> await_acker_role(endpoint const& master);
    /// source side (performer_source_io.cpp)
    [[nodiscard]] result<void> source_semi_sync_on();
    [[nodiscard]] result<void> read_only_bounded();
    [[nodiscard]] rows_or_error reopen_anyhow();
    [[nodiscard]] result<void> end_writers(bool privileged_too);
    [[nodiscard]] result<std::size_t> set_locked(std::string const& account, bool locked);
    [[nodiscard]] result<void> end_streams(std::string const& account);
    [[nodiscard]] result<void> skip_sequences(server_facts const& seen);
    [[nodiscard]] result<void> shut_out_all_but(std::vector<std::string> const& accounts);
    [[nodiscard]] result<void> commit_elsewhere(std::uint32_t key,
                                                std::optional<std::uint64_t> sequence);

    connection& control_;
    dialect const& words_;
    performer_options const& options_;
    performer_hooks const& hooks_;
    clock::time_point deadline_;
};

} // namespace tasuki::mysql
