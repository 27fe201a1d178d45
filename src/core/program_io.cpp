#include "tasuki/core/program_io.hpp"

#include "tasuki/core/time.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

extern char** environ;

namespace tasuki {

namespace {

constexpr std::size_t read_at_once = 1U << 20U;
constexpr std::size_t output_bytes_max = 64U << 10U;
constexpr std::array wishes{SIGHUP, SIGUSR2};
constexpr milliseconds check_limit{5'000};
constexpr milliseconds end_limit{1'000};

std::vector<char*> pointers_to(std::vector<std::string>& arguments) {
    std::vector<char*> out;
    for (auto& each : arguments)
        out.push_back(each.data());
    out.push_back(nullptr);
    return out;
}

result<unique_fd> memory_with(byte_view content) {
    unique_fd memory{::memfd_create("tasuki-inheritance", MFD_CLOEXEC)};
    if (!memory)
        return problem_of_errno(errno, "memory for what the next program inherits");
    for (std::size_t at = 0; at < content.size();) {
        auto const wrote = ::write(memory.get(), content.data() + at, content.size() - at);
        if (wrote < 0 && errno != EINTR)
            return problem_of_errno(errno, "what the next program inherits");
        at += wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
    }
    if (::lseek(memory.get(), 0, SEEK_SET) != 0)
        return problem_of_errno(errno, "what the next program inherits");
    return memory;
}

void hand_on(int descriptor) {
    if (descriptor >= 0)
        ::fcntl(descriptor, F_SETFD, 0);
}

/// Reads until the writer has closed, or the limit has passed.
std::string read_output(int descriptor) {
    std::string out;
    auto const end = std::chrono::steady_clock::now() + check_limit;
    std::array<char, 4096> some{};
    for (;;) {
        auto const left =
            std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
        pollfd waiting{descriptor, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0)
            return out;
        auto const got = ::read(descriptor, some.data(), some.size());
        if (got <= 0 || out.size() > output_bytes_max)
            return out;
        out.append(some.data(), static_cast<std::size_t>(got));
    }
}

/// Its status, or nothing if it had to be killed. Its output is closed already: it is ending.
std::optional<int> end_of(pid_t child) {
    unique_fd const end{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
    pollfd waiting{end.get(), POLLIN, 0};
    bool const ended = ::poll(&waiting, 1, static_cast<int>(end_limit.count())) > 0;
    if (!ended)
        ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return ended ? std::optional{status} : std::nullopt;
}

result<pid_t> spawn(program const& it, int output) {
    auto arguments = it.arguments;
    arguments.emplace_back(check_option);
    posix_spawn_file_actions_t files{};
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    pid_t child = 0;
    int const error = ::posix_spawn(&child, it.path.c_str(), &files, nullptr,
                                    pointers_to(arguments).data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0)
        return problem_of_errno(error, "cannot run " + it.path);
    return child;
}

} // namespace

result<program> this_program(int count, char const* const* arguments) {
    std::array<char, 4096> path{};
    auto const length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length <= 0)
        return problem_of_errno(errno, "the path of this program");
    program out{{path.data(), static_cast<std::size_t>(length)}, {}};
    for (int index = 0; index < count; ++index) {
        if (arguments[index] == inherit_option)
            ++index; // and its number
        else
            out.arguments.emplace_back(arguments[index]);
    }
    return out;
}

problem replace_program(program const& it, byte_view estate, std::span<int const> kept) {
    auto const memory = memory_with(estate);
    if (!memory)
        return memory.error();
    auto arguments = it.arguments;
    arguments.emplace_back(inherit_option);
    arguments.push_back(std::to_string(memory->get()));

    int const policy = ::sched_getscheduler(0);
    sched_param before{};
    ::sched_getparam(0, &before);
    sched_param const ordinary{};
    ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
    sigset_t blocked_before{};
    sigset_t none{};
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, &blocked_before);
    // Until the new program listens to signals, a second wish of that kind must not end it.
    struct sigaction ignore {};
    std::array<struct sigaction, wishes.size()> handled{};
    ignore.sa_handler = SIG_IGN;
    for (std::size_t index = 0; index < wishes.size(); ++index)
        ::sigaction(wishes[index], &ignore, &handled[index]);
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    hand_on(memory->get());
    for (int const each : kept)
        hand_on(each);
    ::execv(it.path.c_str(), pointers_to(arguments).data());

    auto const why = problem_of_errno(errno, "cannot run " + it.path);
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    for (std::size_t index = 0; index < wishes.size(); ++index)
        ::sigaction(wishes[index], &handled[index], nullptr);
    ::pthread_sigmask(SIG_SETMASK, &blocked_before, nullptr);
    ::sched_setscheduler(0, policy, &before);
    return why;
}

result<byte_string> read_estate_bytes(int descriptor) {
    unique_fd const memory{descriptor};
    byte_string out;
    for (;;) {
        auto const size = out.size();
        out.resize(size + read_at_once);
        auto const got = ::read(memory.get(), out.data() + size, read_at_once);
        if (got < 0 && errno != EINTR)
            return problem_of_errno(errno, "what the program before this one has left");
        out.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got == 0)
            return out;
    }
}

void keep_private(std::span<int const> descriptors) {
    for (int const each : descriptors)
        if (each >= 0)
            ::fcntl(each, F_SETFD, FD_CLOEXEC);
}

result<std::string> check_program(program const& it) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return problem_of_errno(errno, "a pipe to " + it.path);
    unique_fd const output{ends[0]};
    unique_fd input{ends[1]};
    auto const child = spawn(it, input.get());
    input.reset();
    if (!child)
        return child.error();
    auto said = read_output(output.get());
    auto const status = end_of(*child);
    if (!status || !WIFEXITED(*status) || WEXITSTATUS(*status) != 0)
        return problem{failure::invalid, said.empty() ? it.path + " does not start" : said};
    return said;
}

} // namespace tasuki
