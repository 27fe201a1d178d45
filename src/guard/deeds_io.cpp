#include "deeds_io.hpp"

#include "tasuki/core/system_address_io.hpp"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tasuki::guard {

namespace {

constexpr std::size_t batch_bytes = 16UL * 1024;
constexpr int class_of_service = 0xc0; // CS6, as the heartbeats

bool was_not_there(int error) {
    return error == EADDRNOTAVAIL || error == ENODEV;
}

} // namespace

instant boottime_now() {
    timespec value{};
    ::clock_gettime(CLOCK_BOOTTIME, &value);
    return instant{std::chrono::seconds{value.tv_sec} + std::chrono::nanoseconds{value.tv_nsec}};
}

result<held_process> held_process::at_end_of(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return problem_of_errno(errno, "the agent behind the guardian's socket");
    unique_fd descriptor{static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0))};
    if (!descriptor)
        return problem_of_errno(errno, "the agent's process");
    // If it is still connected now, the number was its own when it was opened.
    char byte = 0;
    if (::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        return problem{failure::absent, "the agent has gone"};
    return held_process{std::move(descriptor)};
}

bool held_process::end(milliseconds limit) const {
    if (!descriptor_)
        return true;
    if (::syscall(SYS_pidfd_send_signal, descriptor_.get(), SIGKILL, nullptr, 0) != 0 &&
        errno == ESRCH)
        return true;
    pollfd one{.fd = descriptor_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
}

result<requests_ready> requests_ready::open() {
    requests_ready out;
    out.socket_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!out.socket_)
        return problem_of_errno(errno, "the guardian's netlink socket");
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (::connect(out.socket_.get(), reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) != 0)
        return problem_of_errno(errno, "the guardian's netlink socket");
    return out;
}

void requests_ready::prepare(std::vector<byte_string> const& requests) {
    batches_.clear();
    for (auto const& each : requests) {
        if (batches_.empty() || batches_.back().size() + each.size() > batch_bytes)
            batches_.emplace_back().reserve(batch_bytes);
        batches_.back().insert(batches_.back().end(), each.begin(), each.end());
    }
}

void requests_ready::send() const {
    for (auto const& batch : batches_)
        static_cast<void>(::send(socket_.get(), batch.data(), batch.size(), 0));
}

requests_ready::outcome requests_ready::answers() const {
    outcome out;
    alignas(nlmsghdr) std::array<char, batch_bytes> buffer{};
    for (;;) {
        auto const got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got <= 0)
            return out;
        auto left = static_cast<std::size_t>(got);
        for (auto const* each = reinterpret_cast<nlmsghdr const*>(buffer.data());
             left >= sizeof *each && each->nlmsg_len >= sizeof *each && each->nlmsg_len <= left;) {
            if (each->nlmsg_type == NLMSG_ERROR) {
                int error = 0; // the first word of nlmsgerr, negative
                std::memcpy(&error, each + 1, sizeof error);
                out.done += error == 0 ? 1U : 0U;
                if (error != 0 && !was_not_there(-error)) {
                    ++out.failed;
                    out.error = -error;
                }
            }
            auto const step = std::min<std::size_t>(NLMSG_ALIGN(each->nlmsg_len), left);
            left -= step;
            each = reinterpret_cast<nlmsghdr const*>(reinterpret_cast<char const*>(each) + step);
        }
    }
}

int datagrams_ready::socket_of(ip_address const& local) {
    auto& socket = sockets_[local];
    if (socket)
        return socket.get();
    socket.reset(
        ::socket(local.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (local.is_v4())
        ::setsockopt(socket.get(), IPPROTO_IP, IP_TOS, &class_of_service, sizeof class_of_service);
    auto const from = to_system({local, 0});
    // Without that address the kernel chooses one: the receiver judges by the signature.
    static_cast<void>(::bind(socket.get(), from.get(), from.length));
    return socket.get();
}

void datagrams_ready::prepare(std::vector<datagram> const& datagrams) {
    datagrams_ = datagrams;
    through_.clear();
    for (auto const& each : datagrams_)
        through_.push_back(socket_of(each.from));
}

std::size_t datagrams_ready::send() const {
    std::size_t left = 0;
    for (std::size_t at = 0; at < datagrams_.size(); ++at) {
        auto const& each = datagrams_[at];
        auto const to = to_system(each.to);
        auto const sent = ::sendto(through_[at], each.bytes.data(), each.bytes.size(),
                                   MSG_DONTWAIT | MSG_NOSIGNAL, to.get(), to.length);
        left += sent >= 0 ? 1U : 0U;
    }
    return left;
}

} // namespace tasuki::guard
