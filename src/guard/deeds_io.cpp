#include "deeds_io.hpp"

#include "tasuki/core/system_address_io.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
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
    return error == EADDRNOTAVAIL || error == ENODEV || error == ENOENT;
}

result<unique_fd> open_netlink(int bus) {
    unique_fd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus)};
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (!socket ||
        ::connect(socket.get(), reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) != 0)
        return problem_of_errno(errno, "the guardian's netlink socket");
    return socket;
}

/// One of sock_diag(7), as it is sent.
struct question {
    nlmsghdr header;
    inet_diag_req_v2 body;
};
/// As many as connections are named in one part of a listing.
constexpr std::size_t questions_max = batch_bytes / (sizeof(nlmsghdr) + sizeof(inet_diag_msg));

/// The request that resets the TCP connection which the kernel has named.
bool ends(nlmsghdr const& named, question& out) {
    inet_diag_msg found{};
    if (named.nlmsg_len < sizeof named + sizeof found)
        return false;
    std::memcpy(&found, &named + 1, sizeof found);
    out.header.nlmsg_len = sizeof out;
    out.header.nlmsg_type = SOCK_DESTROY;
    out.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    out.body.sdiag_family = found.idiag_family;
    out.body.sdiag_protocol = IPPROTO_TCP;
    out.body.idiag_states = 1U << found.idiag_state;
    out.body.id = found.id;
    return true;
}

/// What the kernel has answered so far, message by message.
template<class Each>
bool next_answers(int socket, Each const& each) {
    alignas(nlmsghdr) std::array<char, batch_bytes> buffer{};
    auto const got = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0)
        return false;
    auto left = static_cast<std::size_t>(got);
    for (auto const* one = reinterpret_cast<nlmsghdr const*>(buffer.data());
         left >= sizeof *one && one->nlmsg_len >= sizeof *one && one->nlmsg_len <= left;) {
        each(*one);
        auto const step = std::min<std::size_t>(NLMSG_ALIGN(one->nlmsg_len), left);
        left -= step;
        one = reinterpret_cast<nlmsghdr const*>(reinterpret_cast<char const*>(one) + step);
    }
    return true;
}

requests_ready::outcome count_answers(int socket) {
    requests_ready::outcome out;
    while (next_answers(socket, [&](nlmsghdr const& one) {
        if (one.nlmsg_type != NLMSG_ERROR)
            return;
        int error = 0; // the first word of nlmsgerr, negative
        std::memcpy(&error, &one + 1, sizeof error);
        out.done += error == 0 ? 1U : 0U;
        if (error != 0 && !was_not_there(-error)) {
            ++out.failed;
            out.error = -error;
        }
    })) {
    }
    return out;
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
    auto socket = open_netlink(NETLINK_ROUTE);
    if (!socket)
        return socket.error();
    requests_ready out;
    out.socket_ = std::move(*socket);
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
    return count_answers(socket_.get());
}

connections_ready connections_ready::open() {
    connections_ready out;
    auto asking = open_netlink(NETLINK_SOCK_DIAG);
    auto resetting = open_netlink(NETLINK_SOCK_DIAG);
    if (!asking || !resetting)
        return out;
    out.asking_ = std::move(*asking);
    out.resetting_ = std::move(*resetting);
    for (auto const family : {AF_INET, AF_INET6}) { // of no state: it only loads the kernel's part
        question nothing{};
        nothing.header.nlmsg_len = sizeof nothing;
        nothing.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
        nothing.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        nothing.body.sdiag_family = static_cast<std::uint8_t>(family);
        nothing.body.sdiag_protocol = IPPROTO_TCP;
        static_cast<void>(::send(out.asking_.get(), &nothing, sizeof nothing, 0));
        while (next_answers(out.asking_.get(), [](nlmsghdr const&) {})) {
        }
    }
    return out;
}

std::size_t connections_ready::reset(duration limit) const {
    std::size_t done = 0;
    auto const until = boottime_now() + limit;
    for (auto const& listing : listings_) {
        if (boottime_now() >= until || ::send(asking_.get(), listing.data(), listing.size(), 0) < 0)
            break;
        // The kernel lists a part each time that it is asked for the next one.
        for (bool more = true; more && boottime_now() < until;) {
            std::array<question, questions_max> wanted{};
            std::size_t count = 0;
            more = next_answers(asking_.get(), [&](nlmsghdr const& one) {
                bool const socket =
                    one.nlmsg_type == SOCK_DIAG_BY_FAMILY || one.nlmsg_type == TCPDIAG_GETSOCK;
                if (socket && count < wanted.size())
                    count += ends(one, wanted[count]) ? 1U : 0U;
            });
            if (count == 0)
                continue;
            static_cast<void>(::send(resetting_.get(), wanted.data(), count * sizeof(question), 0));
            done += count_answers(resetting_.get()).done;
        }
    }
    return done;
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
