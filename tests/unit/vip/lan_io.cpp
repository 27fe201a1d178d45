#include "lan_io.hpp"

#include "results.hpp"
#include "tasuki/vip/frames.hpp"
#include "tasuki/vip/netlink_io.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>

extern char** environ;

namespace tasuki::vip::test {

namespace {

unique_fd current_namespace() {
    return unique_fd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
}

void enter(unique_fd const& space) {
    REQUIRE(::setns(space.get(), CLONE_NEWNET) == 0);
}

unique_fd new_namespace() {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    return current_namespace();
}

sockaddr_ll eth0() {
    sockaddr_ll out{};
    out.sll_family = AF_PACKET;
    out.sll_protocol = htons(ETH_P_ALL);
    out.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    return out;
}

void set_sysctl(std::string const& name, std::string const& value) {
    std::ofstream{"/proc/sys/net/" + name} << value;
}

} // namespace

instant boot_now() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return instant{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

bool eventually(std::function<bool()> const& met, boost::asio::io_context* io, milliseconds bound) {
    auto const end = boot_now() + bound;
    for (;;) {
        if (io != nullptr) {
            io->restart();
            io->run_for(milliseconds{2});
        } else {
            ::poll(nullptr, 0, 2);
        }
        if (met())
            return true;
        if (boot_now() > end)
            return false;
    }
}

bool unprivileged(std::function<bool()> const& act) {
    pid_t const child = ::fork();
    if (child == 0) {
        bool const dropped = ::setgid(65534) == 0 && ::setuid(65534) == 0;
        ::_exit(dropped && act() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status == 0;
}

mac_address neighbour_here(std::string_view address) {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    netlink_message question{RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP};
    question.body(bytes_of(ndmsg{}));
    auto const wanted = ip_address::parse(address).value();
    mac_address out;
    auto const listed = talk->list(std::move(question).take(), [&](netlink_part const& part) {
        bool matches = false;
        mac_address at;
        auto rest = part.payload.subspan(sizeof(ndmsg));
        while (auto const attribute = take_attribute(rest)) {
            byte_reader in{attribute->value};
            if (attribute->type == NDA_DST)
                matches = std::equal(
                    attribute->value.begin(), attribute->value.end(), wanted.bytes().begin(),
                    wanted.bytes().begin() + static_cast<std::ptrdiff_t>(wanted.size()));
            if (attribute->type == NDA_LLADDR)
                at.bytes = in.array<6>();
        }
        if (matches)
            out = at;
    });
    REQUIRE(listed);
    return out;
}

bool hears_questions_for(std::string_view address) {
    auto const bytes = ip_address::parse(address).value().bytes();
    std::string group = "ff0200000000000000000001ff"; // RFC 4291, section 2.7.1
    constexpr std::string_view digits = "0123456789abcdef";
    for (std::size_t at = 13; at < 16; ++at) {
        auto const byte = std::to_integer<std::size_t>(bytes[at]);
        group += {digits[byte / 16], digits[byte % 16]};
    }
    std::ifstream joined{"/proc/thread-self/net/igmp6"};
    for (std::string line; std::getline(joined, line);)
        if (line.find(group) != std::string::npos)
            return true;
    return false;
}

std::unique_ptr<lan> lan::make() {
    std::unique_ptr<lan> out{new lan};
    out->before_ = current_namespace();
    if (::unshare(CLONE_NEWNET) != 0) {
        WARN("skipped: no network namespace can be made here (" << std::strerror(errno)
                                                                << "); run as root");
        return nullptr;
    }
    out->bridge_ = current_namespace();
    out->wire();
    return out;
}

lan::~lan() {
    ::setns(before_.get(), CLONE_NEWNET);
}

void lan::wire() {
    for (auto* const node : {&a_, &b_}) {
        *node = new_namespace();
        set_sysctl("ipv6/conf/default/accept_dad", "0");
        set_sysctl("ipv6/conf/default/router_solicitations", "0");
    }
    auto const place = [](unique_fd const& space) {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(space.get());
    };
    enter_bridge();
    ip({"link add lan0 type bridge mcast_snooping 0", "link set lan0 up",
        "link add port1 type veth peer name eth0 netns " + place(a_),
        "link add port2 type veth peer name eth0 netns " + place(b_),
        "link set port1 master lan0 up", "link set port2 master lan0 up"});
    enter_a();
    ip({"link set lo up", "link set eth0 up", "addr add 10.77.0.1/24 dev eth0",
        "addr add fd77::1/64 dev eth0 nodad"});
    enter_b();
    ip({"link set lo up", "link set eth0 up", "addr add 10.77.0.2/24 dev eth0",
        "addr add fd77::2/64 dev eth0 nodad"});
    wait_until_forwarded(a_, b_);
    wait_until_forwarded(b_, a_);
}

/// Links and ports carry frames a moment after they are up, each in its own time; what is sent
/// before is lost, and a neighbour is asked for but once a second.
void lan::wait_until_forwarded(unique_fd const& from, unique_fd const& onto) {
    enter(from);
    unique_fd const speaker{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    auto const to = eth0();
    auto const frame = encode(arp_probe(ip_address::parse("10.77.0.250").value(),
                                        mac_address::parse("02:00:00:00:00:fe").value()));
    enter(onto);
    sniffer hearer;
    REQUIRE(eventually([&] {
        ::sendto(speaker.get(), frame.data(), frame.size(), 0,
                 reinterpret_cast<sockaddr const*>(&to), sizeof to);
        return hearer.count(frame) > 0;
    }));
}

void lan::enter_a() {
    enter(a_);
}
void lan::enter_b() {
    enter(b_);
}
void lan::enter_bridge() {
    enter(bridge_);
}

void lan::must(std::string const& program, std::vector<std::string> const& lines) {
    for (auto const& line : lines)
        UNSCOPED_INFO(line);
    REQUIRE(batch(program, lines));
}

bool lan::batch(std::string program, std::vector<std::string> const& lines) {
    unique_fd const input{::memfd_create("batch", MFD_CLOEXEC)};
    std::string text;
    for (auto const& line : lines)
        text += line + "\n";
    REQUIRE(::write(input.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::lseek(input.get(), 0, SEEK_SET);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), 0);
    std::string option = program == "nft" ? "-f" : "-batch";
    std::array<char, 2> standard_input{"-"};
    std::array<char*, 4> const arguments{program.data(), option.data(), standard_input.data(),
                                         nullptr};
    pid_t child = 0;
    int const spawned =
        ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(spawned == 0);
    int status = -1;
    ::waitpid(child, &status, 0);
    return status == 0;
}

sniffer::sniffer()
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
    auto address = eth0();
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

std::vector<byte_string> const& sniffer::frames() {
    std::array<std::byte, 2048> buffer;
    for (;;) {
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        auto const got = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &size);
        if (got < 0)
            return frames_;
        if (from.sll_pkttype != PACKET_OUTGOING)
            frames_.emplace_back(buffer.begin(), buffer.begin() + got);
    }
}

std::size_t sniffer::count(byte_view frame) {
    auto const& all = frames();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](byte_string const& one) {
            return std::equal(one.begin(), one.end(), frame.begin(), frame.end());
        }));
}

} // namespace tasuki::vip::test
