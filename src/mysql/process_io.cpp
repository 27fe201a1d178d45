#include "tasuki/mysql/process_io.hpp"

#include "tasuki/mysql/whole_file_io.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>

namespace tasuki::mysql {
namespace {

/// Field 22 of /proc/PID/stat: clock ticks since boot. The name before it may hold any letter.
std::optional<std::uint64_t> start_time_of(pid_t process) {
    auto const text = read_whole_file(fmt::format("/proc/{}/stat", process));
    auto const name_end = text ? text->rfind(')') : std::string::npos;
    if (name_end == std::string::npos)
        return std::nullopt;
    std::istringstream fields(text->substr(name_end + 1));
    std::string word;
    for (int number = 3; number <= 22; ++number)
        if (!(fields >> word))
            return std::nullopt;
    return std::stoull(word);
}

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (char const letter : text) {
        hash ^= static_cast<unsigned char>(letter);
        hash *= 1099511628211ULL;
    }
    return hash == 0 ? 1 : hash;
}

result<pid_t> peer_of(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return problem_of_errno(errno, "SO_PEERCRED of mysqld's socket");
    if (peer.pid <= 0)
        return problem{failure::not_permitted, "mysqld runs in a process namespace that the agent "
                                               "does not see; share it (docker: --pid)"};
    if (peer.pid == 1)
        return problem{failure::not_permitted, "mysqld's socket was opened by process 1 (socket "
                                               "activation): let mysqld open its own, or it can "
                                               "not be fenced"};
    return peer.pid;
}

result<unique_fd> connect_to(std::string const& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path)
        return problem{failure::invalid, socket_path + ": longer than a Unix socket's path may be"};
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
    unique_fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd)
        return problem_of_errno(errno, "socket for " + socket_path);
    if (::connect(fd.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0)
        return fd;
    if (errno == ECONNREFUSED || errno == ENOENT)
        return problem{failure::absent, "no mysqld listens on " + socket_path};
    return problem_of_errno(errno, socket_path);
}

} // namespace

result<server_process> server_process::behind(std::string const& socket_path) {
    auto const connected = connect_to(socket_path);
    if (!connected)
        return connected.error();
    return at_end_of(connected->get());
}

result<server_process> server_process::at_end_of(int descriptor) {
    auto const found = peer_of(descriptor);
    if (!found)
        return found.error();
    auto const started = start_time_of(*found);
    server_process out;
    out.id_ = *found;
    out.handle_.reset(static_cast<int>(::syscall(SYS_pidfd_open, *found, 0)));
    // Opened between two equal readings of the start time, the handle is of that very process.
    if (!out.handle_ || !started || start_time_of(*found) != started)
        return problem{failure::absent, fmt::format("process {} (mysqld) has ended", *found)};
    auto const boot = read_whole_file("/proc/sys/kernel/random/boot_id");
    if (!boot)
        return boot.error();
    out.life_ = server_incarnation{hash_of(fmt::format("{} {} {}", *boot, *found, *started))};
    return out;
}

bool server_process::is_gone() const {
    pollfd one{.fd = handle_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) > 0;
}

result<void> server_process::kill(milliseconds limit) const {
    if (::syscall(SYS_pidfd_send_signal, handle_.get(), SIGKILL, nullptr, 0) != 0) {
        if (errno == ESRCH)
            return boost::system::in_place_value;
        return problem_of_errno(errno, fmt::format("SIGKILL of mysqld (process {})", id_));
    }
    pollfd one{.fd = handle_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, static_cast<int>(limit.count())) > 0)
        return boost::system::in_place_value;
    return problem{failure::timed_out,
                   fmt::format("mysqld (process {}) got SIGKILL but was not gone after {} ms: the "
                               "kernel still frees its memory, or its disk hangs",
                               id_, limit.count())};
}

} // namespace tasuki::mysql
