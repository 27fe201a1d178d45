#include "packet_socket_io.hpp"

#include "../clock_io.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace tasuki::lab {

namespace {

moment wall_clock_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

/// Keeps everything but incoming ARP and ICMP away from the socket, load on the same wire included.
bool attach_filter(int socket) {
    constexpr auto packet_type = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, packet_type),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 6, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    sock_fprog const filter{std::size(program), program};
    return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

bool ask_kernel_for_times(int socket) {
    int const on = 1;
    int const bytes = 4 * 1024 * 1024;
    return ::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0 &&
           ::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0;
}

ifreq request_for(std::string const& interface) {
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    return request;
}

} // namespace

result<packet_socket> packet_socket::open(std::string const& interface) {
    packet_socket out;
    auto const failed = [&](char const* call) {
        return problem_of_errno(errno, "packet socket on " + interface + ": " + call);
    };
    // Protocol 0 receives nothing until bind() names one, so no frame slips in before the filter.
    out.socket_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!out.socket_)
        return failed("socket");
    auto const socket = out.socket_.get();
    auto request = request_for(interface);
    if (::ioctl(socket, SIOCGIFINDEX, &request) != 0)
        return failed("no such interface");
    out.index_ = request.ifr_ifindex;
    if (::ioctl(socket, SIOCGIFHWADDR, &request) != 0)
        return failed("hardware address");
    std::memcpy(out.mac_.bytes.data(), request.ifr_hwaddr.sa_data, out.mac_.bytes.size());
    unique_fd const inet{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    request = request_for(interface);
    if (::ioctl(inet.get(), SIOCGIFADDR, &request) != 0)
        return failed("no IPv4 address");
    std::array<std::byte, 4> address{};
    std::memcpy(address.data(), request.ifr_addr.sa_data + 2, address.size());
    out.address_ = ip_address::v4(address);
    if (!attach_filter(socket) || !ask_kernel_for_times(socket))
        return failed("socket options");
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_ALL);
    where.sll_ifindex = out.index_;
    if (::bind(socket, reinterpret_cast<sockaddr const*>(&where), sizeof where) != 0)
        return failed("bind");
    return out;
}

void packet_socket::send(byte_view frame) const {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index_;
    static_cast<void>(::sendto(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
                               reinterpret_cast<sockaddr const*>(&to), sizeof to));
}

std::optional<received_frame> packet_socket::receive() {
    alignas(cmsghdr) std::array<char, 128> control{};
    iovec piece{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto const length = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (length < 0)
        return {};
    moment at = monotonic_now();
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            auto const taken_in =
                std::chrono::seconds{stamp.tv_sec} + std::chrono::nanoseconds{stamp.tv_nsec};
            at -= std::max(moment{}, wall_clock_now() - taken_in);
        }
    return received_frame{at, byte_view{buffer_}.first(static_cast<std::size_t>(length))};
}

} // namespace tasuki::lab
