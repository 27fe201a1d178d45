#pragma once
// Real MariaDB servers for tests: each in a network namespace of its own, joined by a bridge in
// another one; data in a folder under /dev/shm that goes with the lab. Nothing is visible in the
// root namespace, and every server is ended by its process id.

#include "tasuki/core/net.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/mysql/client_io.hpp"
#include "tasuki/mysql/server_io.hpp"

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace tasuki::mysql::lab {

using clock = std::chrono::steady_clock;

/// Empty if the lab can be built here, else the reason why not.
[[nodiscard]] std::string why_not();

[[nodiscard]] double ms_since(clock::time_point begun);

class database {
  public:
    database(std::filesystem::path folder, unsigned number, int network);
    ~database();
    database(database const&) = delete;
    database& operator=(database const&) = delete;

    void start(std::vector<std::string> const& more = {});
    void await_up() const;
    void signal(int number) const;
    /// SIGKILL, and waits for its end.
    void kill();
    [[nodiscard]] pid_t process() const { return process_; }
    [[nodiscard]] std::string socket() const { return folder_ / "sock"; }
    [[nodiscard]] std::filesystem::path folder() const { return folder_; }
    [[nodiscard]] endpoint address() const;
    [[nodiscard]] std::string account() const;
    [[nodiscard]] int network() const { return network_; }
    /// As root; the first column of the first row. Fails the test on an error.
    std::string sql(std::string const& text) const;
    [[nodiscard]] connection login(std::string const& user, std::string const& password) const;

  private:
    std::filesystem::path folder_;
    unsigned number_;
    int network_;
    pid_t process_ = -1;
};

/// The agent's side of one database: a local_server and everything that it has called back.
class agent {
  public:
    explicit agent(database& server, std::string password = "tasukipw",
                   milliseconds interval = milliseconds{50},
                   milliseconds timeout = milliseconds{300});

    /// Submits and waits for the answer.
    answer ask(operation what, std::uint64_t under = 1, milliseconds limit = milliseconds{3000});
    std::uint64_t submit(operation what, std::uint64_t under, milliseconds limit);
    answer await(std::uint64_t ticket);
    /// As `ask`, and the test fails unless it was done.
    answer must(operation what, std::uint64_t under = 1, milliseconds limit = milliseconds{3000});
    /// Waits until the facts fit; the time it took, or a failed test after `limit`.
    double await_facts(std::function<bool(server_facts const&)> const& fit,
                       milliseconds limit = milliseconds{5000});
    [[nodiscard]] server_facts facts();
    /// When each life was reported gone.
    [[nodiscard]] std::map<server_incarnation, clock::time_point> gone();
    [[nodiscard]] std::size_t facts_seen();

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, answer> answers_;
    std::map<server_incarnation, clock::time_point> gone_;
    server_facts facts_;
    std::size_t facts_seen_ = 0;
    std::uint64_t next_ticket_ = 1;
    std::optional<local_server> server_;
};

/// Sessions that insert rows and remember those that were answered with OK.
class writers {
  public:
    writers(database const& server, unsigned sessions, std::uint64_t first_id = 1);
    ~writers() { stop(); }
    void stop();
    [[nodiscard]] std::set<std::uint64_t> acknowledged();
    [[nodiscard]] std::size_t count();

  private:
    void write(database const& server, std::uint64_t first, std::uint64_t step);
    std::mutex mutex_;
    std::set<std::uint64_t> acknowledged_;
    std::atomic<bool> stopping_ = false;
    std::vector<std::thread> threads_;
};

class cluster {
  public:
    explicit cluster(unsigned servers);
    ~cluster();
    cluster(cluster const&) = delete;
    cluster& operator=(cluster const&) = delete;

    database& operator[](std::size_t index) { return *databases_[index]; }
    /// Starts all of them and makes the first the master, the others its ackers, through agents.
    void replicate();
    agent& at(std::size_t index) { return *agents_[index]; }
    void drop_agent(std::size_t index) { agents_[index].reset(); }
    void new_agent(std::size_t index);

  private:
    std::filesystem::path folder_;
    unique_fd bridge_;
    std::vector<unique_fd> networks_;
    std::vector<std::unique_ptr<database>> databases_;
    std::vector<std::unique_ptr<agent>> agents_;
};

/// Runs `work` on a thread in the network namespace `network`.
void inside(int network, std::function<void()> const& work);
[[nodiscard]] unique_fd new_network();

/// The ids in app.t.
[[nodiscard]] std::set<std::uint64_t> rows_of(database const& server);

} // namespace tasuki::mysql::lab

#define TASUKI_NEEDS_MARIADB()                                                                     \
    if (auto const reason = ::tasuki::mysql::lab::why_not(); !reason.empty()) {                    \
        WARN("skipped: " << reason);                                                               \
        return;                                                                                    \
    }
