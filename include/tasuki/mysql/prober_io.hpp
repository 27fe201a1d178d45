#pragma once
// The second thread: reads the facts each interval and judges the server's health by a commit.
//
// Two connections: one only reads, one only commits, so that a commit that hangs hides nothing. A
// commit is made only on a server that is writable, follows nobody and has the probe's table:
// anywhere else it would be an errant transaction. A commit in flight is never killed or doubled.

#include "tasuki/mysql/board_io.hpp"
#include "tasuki/mysql/client_io.hpp"
#include "tasuki/mysql/facts_io.hpp"
#include "tasuki/mysql/process_io.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tasuki::mysql {

class prober {
  public:
    prober(connect_options connect, milliseconds interval, milliseconds timeout,
           server_board& board, std::function<void(server_facts)> on_facts);
    prober(prober const&) = delete;
    prober& operator=(prober const&) = delete;
    ~prober();

    /// Looks at once instead of at the next interval.
    void kick();

  private:
    using clock = std::chrono::steady_clock;

    void run();
    [[nodiscard]] server_facts look();
    [[nodiscard]] std::optional<sql_error> attach_reader();
    [[nodiscard]] server_facts without_answer(sql_error const& error);
    [[nodiscard]] health judge(reading const& read);
    void begin_commit(server_facts const& facts);
    void begin_next_statement();
    [[nodiscard]] std::optional<health> end_commit(milliseconds limit);
    [[nodiscard]] health judge_error(sql_error const& error);
    [[nodiscard]] health judge_delay();
    [[nodiscard]] bool disk_is_full() const;

    connect_options connect_;
    milliseconds interval_;
    milliseconds timeout_;
    server_board& board_;
    std::function<void(server_facts)> on_facts_;
    std::optional<dialect> words_;
    std::optional<connection> reader_;
    std::optional<connection> committer_;
    server_incarnation life_;
    std::vector<std::string> to_commit_; ///< what is left of the commit in flight
    bool committing_ = false;
    bool table_found_ = false;
    clock::time_point committing_since_{};
    health last_ = health::unknown;
    std::string remark_; ///< shown among the faults
    std::mutex mutex_;
    std::condition_variable changed_;
    bool kicked_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

} // namespace tasuki::mysql
