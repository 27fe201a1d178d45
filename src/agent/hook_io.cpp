#include "tasuki/agent/hook_io.hpp"

#include "tasuki/core/result.hpp"
#include "tasuki/vip/readable_io.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace tasuki::agent {

namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

constexpr std::size_t kept_bytes_max = 4096;
constexpr int pieces_at_once = 16; // whoever writes on and on does not hold us up

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& each : texts)
        out.push_back(each.data());
    out.push_back(nullptr);
    return out;
}

void kill_and_reap(pid_t process) {
    ::kill(-process, SIGKILL);
    while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
    }
}

/// What posix_spawn(3) wants to know, with the lifetime of the call.
class spawn_settings {
  public:
    explicit spawn_settings(int error_output) {
        ::posix_spawn_file_actions_init(&files_);
        ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&files_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        ::posix_spawn_file_actions_adddup2(&files_, error_output, STDERR_FILENO);
        ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
        ::posix_spawnattr_init(&attributes_);
        sigset_t none{};
        sigset_t all{};
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                     POSIX_SPAWN_SETPGROUP);
    }
    spawn_settings(spawn_settings const&) = delete;
    spawn_settings& operator=(spawn_settings const&) = delete;
    ~spawn_settings() {
        ::posix_spawn_file_actions_destroy(&files_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    result<pid_t> spawn(hook_call const& what) const {
        std::vector<std::string> arguments{what.program};
        arguments.insert(arguments.end(), what.arguments.begin(), what.arguments.end());
        auto environment = what.environment;
        pid_t child = 0;
        int const error =
            ::posix_spawn(&child, what.program.c_str(), &files_, &attributes_,
                          pointers_to(arguments).data(), pointers_to(environment).data());
        if (error != 0)
            return problem_of_errno(error, what.program);
        return child;
    }

  private:
    posix_spawn_file_actions_t files_{};
    posix_spawnattr_t attributes_{};
};

} // namespace

struct hook_runner::child {
    explicit child(asio::io_context& io)
        : limit(io) {}

    void kill(hook_end::kind as) {
        if (ended || why_killed)
            return;
        why_killed = as;
        ::kill(-process, SIGKILL);
    }

    pid_t process = 0;
    clock::time_point begun = clock::now();
    on_end told;
    std::string said;
    std::optional<hook_end::kind> why_killed;
    bool ended = false;
    std::unique_ptr<vip::readable> words;
    std::unique_ptr<vip::readable> end;
    asio::steady_timer limit;
};

hook_runner::hook_runner(asio::io_context& io)
    : io_(io) {}

hook_runner::~hook_runner() {
    for (auto const& [number, it] : running_)
        kill_and_reap(it->process);
}

std::uint64_t hook_runner::run(hook_call const& what, on_end told) {
    auto const number = ++count_;
    std::array<int, 2> ends{-1, -1};
    result<pid_t> spawned = problem{failure::unavailable, what.program + ": no pipe"};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
        ::fcntl(ends[1], F_SETFL, 0); // a program need not expect that it cannot write
        spawned = spawn_settings{ends[1]}.spawn(what);
    }
    unique_fd output{ends[0]};
    unique_fd{ends[1]}.reset();
    // Whose end nobody would see is ended at once.
    unique_fd process;
    if (spawned)
        process.reset(static_cast<int>(::syscall(SYS_pidfd_open, *spawned, 0)));
    if (spawned && !process) {
        auto const why = problem_of_errno(errno, what.program);
        kill_and_reap(*spawned);
        spawned = why;
    }
    if (!spawned) {
        asio::post(io_, [told = std::move(told), text = spawned.error().text] {
            told({hook_end::kind::not_run, 0, {}, text});
        });
        return number;
    }
    auto it = std::make_unique<child>(io_);
    it->process = *spawned;
    it->told = std::move(told);
    it->words = std::make_unique<vip::readable>(io_, std::move(output),
                                                [this, each = it.get()] { read(*each); });
    it->end =
        std::make_unique<vip::readable>(io_, std::move(process), [this, number] { ended(number); });
    it->limit.expires_after(what.limit);
    it->limit.async_wait([this, number](boost::system::error_code const& error) {
        auto const found = running_.find(number);
        if (!error && found != running_.end())
            found->second->kill(hook_end::kind::overdue);
    });
    running_.emplace(number, std::move(it));
    return number;
}

void hook_runner::withdraw(std::uint64_t number) {
    if (auto const found = running_.find(number); found != running_.end())
        found->second->kill(hook_end::kind::withdrawn);
}

/// What is beyond the first words is read and dropped, so that the program is not held up.
void hook_runner::read(child& from) {
    if (!from.words)
        return;
    std::array<char, kept_bytes_max> some{};
    for (int pieces = 0; pieces < pieces_at_once; ++pieces) {
        auto const got = ::read(from.words->descriptor(), some.data(), some.size());
        if (got > 0) {
            auto const room = kept_bytes_max - from.said.size();
            from.said.append(some.data(), std::min(room, static_cast<std::size_t>(got)));
            continue;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0) // this may be its callback: it ends afterwards
            asio::post(io_, [gone = std::shared_ptr<vip::readable>(std::move(from.words))] {});
        return;
    }
}

void hook_runner::ended(std::uint64_t number) {
    auto const found = running_.find(number);
    if (found == running_.end() || found->second->ended)
        return;
    auto& it = *found->second;
    int status = 0;
    auto const reaped = ::waitpid(it.process, &status, WNOHANG);
    if (reaped == 0)
        return;
    it.ended = true;
    read(it);
    hook_end out;
    out.took = std::chrono::duration_cast<milliseconds>(clock::now() - it.begun);
    out.said = first_line(it.said);
    if (reaped < 0) {
        out.how = hook_end::kind::not_run;
        out.said = "nobody saw how it ended";
    } else if (WIFSIGNALED(status)) {
        out.how = it.why_killed.value_or(hook_end::kind::killed);
        out.number = WTERMSIG(status);
    } else {
        out.number = WEXITSTATUS(status);
    }
    // This is the callback of something inside it.
    asio::post(io_, [gone = std::shared_ptr<child>(std::move(found->second))] {});
    auto const told = std::move(it.told);
    running_.erase(found);
    told(out);
}

} // namespace tasuki::agent
