#pragma once
// The first thread: takes orders and answers each of them once.
//
// An order's time runs from `submit`: one that waited until it had expired is not begun, because
// whoever gave it has given up by then, and perhaps the lease with it.
//
// Orders of a newer epoch come first; within one epoch they keep their order. The epoch is durable
// before anything is changed; orders that only read need none. A connection that was lost is
// replaced and the order tried once more: operations are idempotent.

#include "tasuki/mysql/board_io.hpp"
#include "tasuki/mysql/epoch_file_io.hpp"
#include "tasuki/mysql/performer_io.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace tasuki::mysql {

/// The epoch file as two threads use it: admission is in memory, durability under its own lock.
class epoch_gate {
  public:
    explicit epoch_gate(epoch_file file);
    /// Refuses an older epoch than any that was admitted or obeyed.
    [[nodiscard]] result<void> admit(epoch value);
    /// Returns once `value` is durable.
    [[nodiscard]] result<void> obey(epoch value);

  private:
    std::mutex memory_;
    epoch highest_;
    std::mutex disk_;
    epoch_file file_;
};

class control {
  public:
    control(performer_options options, server_board& board, epoch_gate& epochs,
            std::function<void()> wake_killer, std::function<void(answer)> on_answer,
            milliseconds survey_limit);
    control(control const&) = delete;
    control& operator=(control const&) = delete;
    ~control();

    [[nodiscard]] result<void> submit(order what);

  private:
    using clock = std::chrono::steady_clock;

    struct waiting {
        order what;
        clock::time_point since;
    };

    void run();
    [[nodiscard]] std::optional<waiting> next_order();
    void serve(waiting const& next);
    [[nodiscard]] result<std::string> obey(order const& what, clock::time_point deadline);
    [[nodiscard]] result<std::string> pass_over(order const& what);
    [[nodiscard]] result<void> attach(milliseconds limit);
    [[nodiscard]] performer_hooks make_hooks();
    [[nodiscard]] bool add_facts(answer& out);

    performer_options options_;
    server_board& board_;
    epoch_gate& epochs_;
    std::function<void()> wake_killer_;
    std::function<void(answer)> on_answer_;
    milliseconds survey_limit_;
    performer_hooks hooks_;
    std::optional<dialect> words_;
    std::optional<connection> connection_;
    server_incarnation life_;
    clock::time_point next_attach_{};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<waiting> orders_;
    bool stopping_ = false;
    std::thread thread_;
};

} // namespace tasuki::mysql
