#pragma once
// The node's own mysqld: orders in, answers and facts out, and the moment of its death.
//
// Three threads with connections opened in advance over the Unix socket. *Control* performs orders
// one after another; a newer epoch overtakes, and what runs under an older one is ended. *Prober*
// reads the facts on one connection and commits a probe on a second, so that facts arrive while
// commits hang. *Killer* ends statements of control, watches for mysqld's death, and brings it
// about. Callbacks run on these threads and must only post. No call here blocks, except the
// constructor (a file, a netlink message) and the destructor (at most the probe's timeout).

#include "tasuki/core/result.hpp"
#include "tasuki/mysql/facts.hpp"
#include "tasuki/mysql/operation.hpp"
#include "tasuki/mysql/process_io.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tasuki::mysql {

struct server_options {
    std::string socket_path;
    std::string user = "tasuki";
    std::string password;
    std::string replication_prefix = "repl_"; ///< accounts that are not application sessions
    std::string replication_password;
    std::string epoch_path; ///< holds the highest epoch obeyed
    milliseconds probe_interval{1000};
    milliseconds probe_timeout{1000}; ///< no answer for so long: hanging
};

struct server_callbacks {
    std::function<void(answer)> on_answer;
    std::function<void(server_facts)> on_facts;      ///< each interval, and after each order
    std::function<void(process_handle)> on_process;  ///< a process was found behind the socket
    std::function<void(server_incarnation)> on_gone; ///< that process is gone for certain
};

class local_server {
  public:
    static constexpr std::size_t orders_max = 64;

    /// Starts the threads; mysqld may be absent. Removes routing rules of an earlier life. Threads
    /// work in the network namespace of the caller.
    [[nodiscard]] static result<local_server> start(server_options options,
                                                    server_callbacks callbacks);
    local_server(local_server&&) noexcept;
    local_server& operator=(local_server&&) noexcept;
    /// Ends what is running; a freeze rule stays until the next start.
    ~local_server();

    /// From any thread. Each accepted order gets exactly one answer; `exhausted` if the queue is
    /// full.
    [[nodiscard]] result<void> submit(order what);
    /// Asks for facts now rather than at the next interval.
    void probe_now();

  private:
    struct inner;
    explicit local_server(std::unique_ptr<inner> parts);
    std::unique_ptr<inner> inner_;
};

/// What an operator has to repair before the promise holds.
struct check_report {
    std::vector<std::string> faults;         ///< settings, each with its remedy
    std::vector<std::string> missing_grants; ///< each as the statement to run
};
/// Looks once, over a connection of its own; blocks for at most `limit`.
[[nodiscard]] result<check_report> check_server(server_options const& options, milliseconds limit);

} // namespace tasuki::mysql
