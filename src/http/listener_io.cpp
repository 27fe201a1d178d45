#include "listener_io.hpp"

#include "tasuki/core/system_address_io.hpp"

#include <fmt/format.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tasuki::http {

namespace {

constexpr int backlog = 64;

problem with_remedy(problem cause, std::string_view remedy) {
    cause.text += fmt::format(" ({})", remedy);
    return cause;
}

problem cannot_listen(int number, endpoint const& where, std::string_view key) {
    auto cause =
        problem_of_errno(number, fmt::format("{} = \"{}\": cannot listen", key, where.to_string()));
    switch (number) {
    case EADDRINUSE:
        return with_remedy(std::move(cause),
                           fmt::format("another program has the port, see: ss -ltnp 'sport = :{}'; "
                                       "stop it or choose another port",
                                       where.port));
    case EADDRNOTAVAIL:
        return with_remedy(std::move(cause), "no interface of this node has the address; "
                                             "see: ip address");
    case EACCES:
        return with_remedy(std::move(cause), "ports below 1024 need CAP_NET_BIND_SERVICE");
    default:
        return with_remedy(std::move(cause), "see: journalctl -u tasukid");
    }
}

/// True if a server accepts connections on the socket file.
bool somebody_answers(sockaddr_un const& address) {
    unique_fd const probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    auto const* generic = reinterpret_cast<sockaddr const*>(&address);
    if (!probe || ::connect(probe.get(), generic, sizeof address) == 0)
        return true;
    // EAGAIN: it listens, with a full queue. Only a refusal proves that nobody does.
    return errno != ECONNREFUSED;
}

result<void> clear_the_way(std::string const& path, sockaddr_un const& address) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno == ENOENT)
            return {};
        return problem_of_errno(errno, "control socket " + path);
    }
    if (!S_ISSOCK(found.st_mode))
        return problem{failure::conflict,
                       fmt::format("control socket {}: something that is no socket is in its place "
                                   "(move it away, or name another path)",
                                   path)};
    if (somebody_answers(address))
        return problem{failure::conflict,
                       fmt::format("control socket {}: another agent answers there (see: systemctl "
                                   "status tasukid; one agent runs on a node)",
                                   path)};
    if (::unlink(path.c_str()) != 0)
        return problem_of_errno(errno, "control socket " + path + ": cannot remove the old one");
    return {};
}

} // namespace

result<unique_fd> listen_tcp(endpoint const& where, std::string_view key) {
    int const family = where.address.is_v4() ? AF_INET : AF_INET6;
    unique_fd listener{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!listener)
        return cannot_listen(errno, where, key);
    int const on = 1;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6)
        ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    auto const address = to_system(where);
    if (::bind(listener.get(), address.get(), address.length) != 0 ||
        ::listen(listener.get(), backlog) != 0)
        return cannot_listen(errno, where, key);
    return listener;
}

result<endpoint> bound_address(int descriptor) {
    system_address bound;
    if (::getsockname(descriptor, bound.get(), &bound.length) != 0)
        return problem_of_errno(errno, "getsockname");
    return from_system(bound);
}

result<unique_fd> listen_unix(std::string const& path) {
    constexpr mode_t mode = 0660;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return problem{failure::invalid,
                       fmt::format("control socket {}: the path is longer than {} bytes", path,
                                   sizeof address.sun_path - 1)};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (auto const cleared = clear_the_way(path, address); !cleared)
        return cleared.error();
    unique_fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    // Linux gives the new file the mode of the unbound socket: there is no moment of a wider one.
    if (!listener || ::fchmod(listener.get(), mode) != 0)
        return problem_of_errno(errno, "control socket " + path);
    if (::bind(listener.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), mode) != 0 || ::listen(listener.get(), backlog) != 0) {
        int const number = errno;
        auto const folder = std::filesystem::path{path}.parent_path().string();
        return with_remedy(problem_of_errno(number, "control socket " + path + ": cannot listen"),
                           fmt::format("does {} exist, and may the agent write there?", folder));
    }
    return listener;
}

} // namespace tasuki::http
