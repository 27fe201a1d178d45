#pragma once
// The third thread: ends statements of the control connection, sees mysqld die, makes it die.
//
// Its connection is opened in advance, because a server that hangs or is full gives no new one. A
// hang-up of that connection proves nothing; death is the process's own descriptor becoming
// readable. SIGKILL is the only end that acknowledges nothing.

#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/mysql/board_io.hpp"
#include "tasuki/mysql/client_io.hpp"
#include "tasuki/mysql/operation.hpp"
#include "tasuki/mysql/process_io.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace tasuki::mysql {

class killer {
  public:
    /// `admit` decides on an order's epoch before, `settle` makes it durable after the kill: a disk
    /// that hangs must not keep a hanging mysqld alive.
    struct rules {
        std::function<result<void>(epoch)> admit;
        std::function<result<void>(epoch)> settle;
        std::function<void(answer)> on_answer;
        std::function<void(process_handle)> on_process;
        std::function<void(server_incarnation)> on_gone;
    };

    killer(connect_options connect, server_board& board, rules what);
    killer(killer const&) = delete;
    killer& operator=(killer const&) = delete;
    ~killer();

    /// The aim on the board has changed.
    void wake();
    [[nodiscard]] result<void> end_server(order what);

  private:
    using clock = std::chrono::steady_clock;

    void run();
    void attach();
    [[nodiscard]] int wait_ms() const;
    void look_at_process();
    void look_at_connection();
    void interrupt();
    void serve_orders();
    [[nodiscard]] result<void> end_process(milliseconds limit);

    connect_options connect_;
    server_board& board_;
    rules rules_;
    unique_fd wake_;
    std::mutex mutex_;
    std::deque<order> orders_;
    bool stopping_ = false;
    std::optional<server_process> process_;
    std::optional<connection> connection_;
    clock::time_point next_try_{};
    milliseconds back_off_{20};
    std::thread thread_;
};

} // namespace tasuki::mysql
