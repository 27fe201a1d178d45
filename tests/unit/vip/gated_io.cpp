#include "gated_io.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>

namespace tasuki::vip::test {

namespace {

constexpr std::uint8_t icmp = 1;
constexpr std::uint8_t icmp6 = 58;
constexpr std::size_t ethernet_bytes = 14;

std::uint16_t checksum(byte_view bytes, std::uint32_t sum = 0) {
    byte_reader in{bytes};
    while (in.left() >= 2)
        sum += in.u16();
    if (in.left() == 1)
        sum += static_cast<std::uint32_t>(in.u8()) << 8U;
    while (sum > 0xffffU)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

byte_string echo_body(bool v4, std::uint16_t number, std::uint32_t pseudo_sum) {
    auto const body = [&](std::uint16_t sum) {
        byte_writer out;
        out.u8(v4 ? 8 : 128);
        out.u8(0);
        out.u16(sum);
        out.u16(0x7461); // identifier
        out.u16(number);
        out.u64(0);
        return std::move(out).take();
    };
    return body(checksum(body(0), pseudo_sum));
}

byte_string header_v4(ip_address const& from, ip_address const& to, std::size_t body) {
    auto const header = [&](std::uint16_t sum) {
        byte_writer out;
        out.u16(0x4500);
        out.u16(static_cast<std::uint16_t>(20 + body));
        out.u32(0x00004000);
        out.u8(64);
        out.u8(icmp);
        out.u16(sum);
        out.append(byte_view{from.bytes()}.first(4));
        out.append(byte_view{to.bytes()}.first(4));
        return std::move(out).take();
    };
    return header(checksum(header(0)));
}

byte_string header_v6(ip_address const& from, ip_address const& to, std::size_t body) {
    byte_writer out;
    out.u32(0x60000000);
    out.u16(static_cast<std::uint16_t>(body));
    out.u8(icmp6);
    out.u8(64);
    out.append(from.bytes());
    out.append(to.bytes());
    return std::move(out).take();
}

void join(byte_string& to, byte_view more) {
    to.insert(to.end(), more.begin(), more.end());
}

bool is_echo_reply(byte_view packet) {
    bool const v4 = (packet[0] >> 4) == std::byte{4};
    byte_reader protocol{packet.subspan(v4 ? 9 : 6)};
    byte_reader type{packet.subspan(v4 ? 20 : 40)};
    return protocol.u8() == (v4 ? icmp : icmp6) && type.u8() == (v4 ? 0 : 129);
}

/// Receive times are of the wall clock.
duration boot_minus_wall() {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    return boot_now().time_since_epoch() - std::chrono::seconds{wall.tv_sec} -
           std::chrono::nanoseconds{wall.tv_nsec};
}

void each_ingress_qdisc(
    std::string_view interface,
    std::function<void(ingress_qdisc const&, netlink_part const&)> const& told) {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    auto const link = ::if_nametoindex(std::string{interface}.c_str());
    auto const listed = talk->list(list_qdiscs_message(), [&](netlink_part const& part) {
        if (auto const found = parse_ingress_qdisc(part); found && found->link == link)
            told(*found, part);
    });
    REQUIRE(listed);
}

} // namespace

std::unique_ptr<gate> loaded_gate() {
    auto opened = gate::open();
    if (opened)
        return std::make_unique<gate>(std::move(*opened));
    WARN("skipped: " << opened.error().text);
    return nullptr;
}

std::vector<link_state> links_here() {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    auto links = list_links(*talk);
    REQUIRE(links);
    return std::move(*links);
}

bool answers(std::string_view address, milliseconds bound) {
    constexpr milliseconds ask_again{250};
    auto const to = ip(address);
    bool const v4 = to.is_v4();
    unique_fd const socket{
        ::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, v4 ? icmp : icmp6)};
    REQUIRE(socket);
    static std::uint16_t number = 0;
    // The kernel completes the checksum of ICMPv6 itself.
    auto const request = echo_body(v4, ++number, 0);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, to.bytes().data(), 16);
    sockaddr_in plain{};
    plain.sin_family = AF_INET;
    std::memcpy(&plain.sin_addr, to.bytes().data(), 4);
    auto const* const name =
        v4 ? reinterpret_cast<sockaddr const*>(&plain) : reinterpret_cast<sockaddr const*>(&v6);
    auto const size = static_cast<socklen_t>(v4 ? sizeof plain : sizeof v6);
    auto const end = boot_now() + bound;
    for (auto ask_at = boot_now();;) {
        // Again, as what waits for a neighbour is dropped when that one was asked for in vain.
        if (boot_now() >= ask_at) {
            // A packet to an address of its own host is refused here and now.
            if (::sendto(socket.get(), request.data(), request.size(), 0, name, size) < 0)
                return false;
            ask_at = boot_now() + ask_again;
        }
        if (boot_now() >= end)
            return false;
        auto const left = std::chrono::ceil<milliseconds>(std::min(end, ask_at) - boot_now());
        pollfd waiting{socket.get(), POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(std::max(left, milliseconds{0}).count())) <= 0)
            continue;
        std::array<std::byte, 256> got{};
        auto const count = ::recv(socket.get(), got.data(), got.size(), 0);
        if (count < 0)
            return false; // an ICMP error
        auto const body =
            byte_view{got}.first(static_cast<std::size_t>(count)).subspan(v4 ? 20 : 0);
        byte_reader in{body};
        bool const reply = in.u8() == (v4 ? 0 : 129);
        (void)in.take(3);
        if (reply && in.u16() == 0x7461 && in.u16() == number)
            return true;
    }
}

bool is_silent(std::string_view address) {
    return !answers(address, patience(false));
}

byte_string echo_packet(ip_address const& from, ip_address const& to, std::uint16_t number) {
    std::uint32_t pseudo_sum = 0;
    if (!to.is_v4()) {
        byte_writer pseudo;
        pseudo.append(from.bytes());
        pseudo.append(to.bytes());
        pseudo.u32(16);
        pseudo.u32(icmp6);
        pseudo_sum = static_cast<std::uint16_t>(~checksum(pseudo.view()));
    }
    auto const body = echo_body(to.is_v4(), number, pseudo_sum);
    auto out = to.is_v4() ? header_v4(from, to, body.size()) : header_v6(from, to, body.size());
    join(out, body);
    return out;
}

byte_string echo_frame(mac_address const& from, mac_address const& to, std::string_view source,
                       std::string_view destination, std::uint16_t number) {
    byte_writer head;
    head.append(to.bytes);
    head.append(from.bytes);
    head.u16(ip(source).is_v4() ? 0x0800 : 0x86dd);
    auto out = std::move(head).take();
    join(out, echo_packet(ip(source), ip(destination), number));
    return out;
}

byte_string tagged(byte_string frame, std::vector<std::uint16_t> const& tags) {
    byte_writer inserted;
    for (auto const tag : tags) {
        inserted.u16(tag == tags.front() && tags.size() > 1 ? 0x88a8 : 0x8100);
        inserted.u16(tag);
    }
    auto const at = frame.begin() + static_cast<std::ptrdiff_t>(ethernet_bytes - 2);
    frame.insert(at, inserted.view().begin(), inserted.view().end());
    return frame;
}

speaker::speaker(std::string_view interface)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0))
    , link_(static_cast<int>(::if_nametoindex(std::string{interface}.c_str()))) {}

void speaker::say(byte_view frame) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = link_;
    std::memcpy(&to.sll_protocol, frame.data() + ethernet_bytes - 2, sizeof to.sll_protocol);
    // What a filter drops is answered with ENOBUFS or not at all.
    (void)::sendto(socket_.get(), frame.data(), frame.size(), 0,
                   reinterpret_cast<sockaddr const*>(&to), sizeof to);
}

std::uint32_t drops_of(std::string_view interface) {
    std::uint32_t out = 0;
    each_ingress_qdisc(interface, [&](ingress_qdisc const&, netlink_part const& part) {
        auto rest = part.payload.subspan(sizeof(tcmsg));
        while (auto const attribute = take_attribute(rest))
            if (attribute->type == TCA_STATS)
                out = load<tc_stats>(attribute->value)->drops;
    });
    return out;
}

bool has_clsact(std::string_view interface) {
    bool out = false;
    each_ingress_qdisc(
        interface, [&](ingress_qdisc const& found, netlink_part const&) { out = found.is_clsact; });
    return out;
}

stopwatch::stopwatch()
    : socket_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    int const on = 1;
    int const room = 8 << 20;
    REQUIRE(::setsockopt(socket_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0);
    REQUIRE(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0);
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
}

std::vector<instant> const& stopwatch::replies() {
    auto const offset = boot_minus_wall();
    for (;;) {
        std::array<std::byte, 2048> packet{};
        std::array<std::byte, 128> control{};
        sockaddr_ll from{};
        iovec part{packet.data(), packet.size()};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof from;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(socket_.get(), &message, 0) < 0)
            return replies_;
        if (from.sll_pkttype == PACKET_OUTGOING || !is_echo_reply(packet))
            continue;
        for (auto* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one))
            if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_TIMESTAMPNS) {
                timespec when{};
                std::memcpy(&when, CMSG_DATA(one), sizeof when);
                replies_.push_back(instant{std::chrono::seconds{when.tv_sec} +
                                           std::chrono::nanoseconds{when.tv_nsec} + offset});
            }
    }
}

tunnel::tunnel(std::string_view interface)
    : far_end_(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
    REQUIRE(far_end_);
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    REQUIRE(::ioctl(far_end_.get(), TUNSETIFF, &request) == 0);
}

bool tunnel::echoes(byte_view packet, bool expected) {
    REQUIRE(::write(far_end_.get(), packet.data(), packet.size()) ==
            static_cast<ssize_t>(packet.size()));
    return eventually(
        [&] {
            std::array<std::byte, 2048> got{};
            for (;;) {
                auto const count = ::read(far_end_.get(), got.data(), got.size());
                if (count <= 0)
                    return false;
                if (is_echo_reply(got))
                    return true;
            }
        },
        nullptr, patience(expected));
}

place::place() {
    unique_fd const before{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    space_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    set_sysctl_here("ipv6/conf/default/accept_dad", "0");
    REQUIRE(::setns(before.get(), CLONE_NEWNET) == 0);
}

void place::enter() const {
    REQUIRE(::setns(space_.get(), CLONE_NEWNET) == 0);
}

std::string place::path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(space_.get());
}

bool capable(std::vector<int> const& capabilities, std::function<bool()> const& act) {
    pid_t const child = ::fork();
    if (child == 0) {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, 2> sets{};
        for (int const one : capabilities) {
            auto& set = sets.at(static_cast<std::size_t>(one / 32));
            set.permitted |= 1U << (one % 32);
            set.effective = set.permitted;
        }
        bool const dropped = ::syscall(SYS_capset, &header, sets.data()) == 0;
        ::_exit(dropped && act() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status == 0;
}

void set_sysctl_here(std::string const& name, std::string const& value) {
    std::ofstream{"/proc/sys/net/" + name} << value;
}

} // namespace tasuki::vip::test
