#include "tasuki/heartbeat/udp_socket_io.hpp"

#include "tasuki/core/system_address_io.hpp"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace tasuki::heartbeat {

namespace {

constexpr int class_of_service = 0xc0; // CS6
constexpr int queue_priority = 6;      // TC_PRIO_INTERACTIVE

void set_option(int socket, int level, int name, int value) {
    // What a kernel or container does not grant costs only quality: the socket works without.
    static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

void tune(int socket, bool is_v4, int receive_buffer_bytes) {
    set_option(socket, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
    set_option(socket, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_bytes);
    if (is_v4) {
        set_option(socket, IPPROTO_IP, IP_TOS, class_of_service);
    } else {
        set_option(socket, IPPROTO_IPV6, IPV6_TCLASS, class_of_service);
        set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    // After IP_TOS, which derives a priority of its own.
    set_option(socket, SOL_SOCKET, SO_PRIORITY, queue_priority);
}

problem bind_failed(int number, endpoint const& local) {
    auto out = problem_of_errno(number, "heartbeat path " + local.to_string());
    auto const address = local.address.to_string();
    if (number == EADDRNOTAVAIL)
        out.text += " (no interface has " + address +
                    ": add it, or correct `addresses` of this "
                    "node; tried again each second)";
    else if (number == EADDRINUSE)
        out.text +=
            " (another program has the port: `ss -ulpn sport = :" + std::to_string(local.port) +
            "` names it; tried again each second)";
    else if (number == EACCES)
        out.text += " (ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher "
                    "`heartbeat.port`)";
    return out;
}

} // namespace

result<bound_socket> open_datagram_socket(endpoint const& local, int receive_buffer_bytes) {
    bool const is_v4 = local.address.is_v4();
    unique_fd socket{
        ::socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket)
        return problem_of_errno(errno, "heartbeat path " + local.to_string());
    tune(socket.get(), is_v4, receive_buffer_bytes);
    auto address = to_system(local);
    if (::bind(socket.get(), address.get(), address.length) != 0)
        return bind_failed(errno, local);
    system_address bound;
    if (::getsockname(socket.get(), bound.get(), &bound.length) != 0)
        return problem_of_errno(errno, "heartbeat path " + local.to_string());
    return bound_socket{std::move(socket), from_system(bound)};
}

int send_datagram(int socket, endpoint const& to, byte_view bytes) {
    auto address = to_system(to);
    auto const sent = ::sendto(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                               address.get(), address.length);
    return sent < 0 ? errno : 0;
}

received receive_datagram(int socket, std::span<std::byte> buffer) {
    system_address source;
    auto const size = ::recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT, source.get(),
                                 &source.length);
    received out;
    if (size < 0) {
        out.error = errno;
        return out;
    }
    out.size = static_cast<std::size_t>(size);
    out.source = from_system(source);
    return out;
}

} // namespace tasuki::heartbeat
