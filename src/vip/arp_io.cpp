#include "tasuki/vip/arp_io.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <limits>
#include <vector>

namespace tasuki::vip {

namespace {

constexpr int frames_per_wakeup = 64;
constexpr std::size_t frame_bytes_max = 1518;

// Offsets within an Ethernet frame.
constexpr std::uint32_t arp_sender = 28;
constexpr std::uint32_t ipv6_next_header = 20;
constexpr std::uint32_t ipv6_sender_tail = 34;
constexpr std::uint32_t icmp_type = 54;
constexpr std::uint32_t icmp_target_tail = 74;

/// A program for the kernel's packet filter. Jumps are at most one instruction long, so that the
/// number of addresses is not bounded by the 8 bits of a jump.
class filter_program {
  public:
    void load_word(std::uint32_t at) { add(BPF_LD | BPF_W | BPF_ABS, at); }
    void load_byte(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_ABS, at); }
    void accept() { add(BPF_RET | BPF_K, std::numeric_limits<std::uint32_t>::max()); }
    void reject() { add(BPF_RET | BPF_K, 0); }
    void accept_if(std::uint32_t value) {
        skip_next_unless(value);
        accept();
    }
    void reject_unless(std::uint32_t value) {
        code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, value});
        reject();
    }
    void reject_vlan() {
        load_byte(static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
        reject_unless(0);
    }
    void skip_next_unless(std::uint32_t value) {
        code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value});
    }
    /// If the loaded value is `value`, goes on behind `count` further instructions.
    void skip_if(std::uint32_t value, std::size_t count) {
        code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value});
        code_.push_back({BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(count)});
    }
    [[nodiscard]] std::vector<sock_filter>& code() { return code_; }

  private:
    void add(unsigned operation, std::uint32_t value) {
        code_.push_back({static_cast<std::uint16_t>(operation), 0, 0, value});
    }
    std::vector<sock_filter> code_;
};

/// The last four octets, as the filter loads them. Enough to sort out; the watch compares in full.
std::set<std::uint32_t> tails(std::set<ip_address> const& addresses, ip_family family) {
    std::set<std::uint32_t> out;
    for (auto const& address : addresses)
        if (address.family() == family) {
            byte_reader tail{byte_view{address.bytes()}.subspan(address.size() - 4, 4)};
            out.insert(tail.u32());
        }
    return out;
}

filter_program arp_filter(std::set<ip_address> const& addresses) {
    filter_program out;
    out.reject_vlan();
    out.load_word(arp_sender);
    for (auto const tail : tails(addresses, ip_family::v4))
        out.accept_if(tail);
    out.reject();
    return out;
}

/// Advertisements are matched by their target, solicitations by their sender.
filter_program neighbour_filter(std::set<ip_address> const& addresses) {
    auto const wanted = tails(addresses, ip_family::v6);
    filter_program out;
    out.reject_vlan();
    out.load_byte(ipv6_next_header);
    out.reject_unless(58);
    out.load_byte(icmp_type);
    out.skip_if(static_cast<std::uint8_t>(neighbour_kind::advertisement), 4 + 2 * wanted.size());
    out.reject_unless(static_cast<std::uint8_t>(neighbour_kind::solicitation));
    out.load_word(ipv6_sender_tail);
    for (auto const tail : wanted)
        out.accept_if(tail);
    out.reject();
    out.load_word(icmp_target_tail);
    for (auto const tail : wanted)
        out.accept_if(tail);
    out.reject();
    return out;
}

sockaddr_ll link_address(std::uint32_t link, ip_family family) {
    sockaddr_ll out{};
    out.sll_family = AF_PACKET;
    out.sll_protocol = htons(family == ip_family::v4 ? ETH_P_ARP : ETH_P_IPV6);
    out.sll_ifindex = static_cast<int>(link);
    return out;
}

result<unique_fd> open_socket(link_state const& link, ip_family family,
                              std::set<ip_address> const& addresses) {
    // Protocol 0 hears nothing: the filter is in place before the socket is bound.
    unique_fd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd && errno == EPERM)
        return problem{failure::not_permitted,
                       "not allowed to speak ARP on " + link.name +
                           ": run as root or grant CAP_NET_ADMIN and CAP_NET_RAW"};
    if (!fd)
        return problem_of_errno(errno, "cannot open a packet socket on " + link.name);
    auto program = family == ip_family::v4 ? arp_filter(addresses) : neighbour_filter(addresses);
    sock_fprog const attached{static_cast<unsigned short>(program.code().size()),
                              program.code().data()};
    if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) != 0)
        return problem_of_errno(errno, "cannot filter packets on " + link.name);
    auto const address = link_address(link.index, family);
    if (::bind(fd.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
        return problem_of_errno(errno, "cannot hear packets on " + link.name);
    return fd;
}

} // namespace

neighbourhood::neighbourhood(boost::asio::io_context& io, std::set<ip_address> addresses,
                             std::function<void(claim const&)> on_claim)
    : io_(io)
    , addresses_(std::move(addresses))
    , on_claim_(std::move(on_claim)) {}

result<void> neighbourhood::listen(link_state const& link, ip_family family) {
    key const place{link.index, family};
    if (!link.speaks_arp || sockets_.contains(place))
        return {};
    auto fd = open_socket(link, family, addresses_);
    if (!fd)
        return fd.error();
    sockets_.emplace(
        place, std::make_unique<readable>(io_, std::move(*fd), [this, place] { receive(place); }));
    return {};
}

void neighbourhood::forget(std::uint32_t link) {
    sockets_.erase({link, ip_family::v4});
    sockets_.erase({link, ip_family::v6});
}

result<void> neighbourhood::announce(ip_address const& address, link_state const& link) {
    if (!address.is_v4())
        return send(ip_family::v6, link, encode(unsolicited_advertisement(address, link.mac)));
    auto const asked = send(ip_family::v4, link, encode(gratuitous_request(address, link.mac)));
    auto const told = send(ip_family::v4, link, encode(gratuitous_reply(address, link.mac)));
    return asked ? told : asked;
}

result<void> neighbourhood::probe(ip_address const& address, link_state const& link) {
    if (address.is_v4())
        return send(ip_family::v4, link, encode(arp_probe(address, link.mac)));
    return send(ip_family::v6, link, encode(neighbour_probe(address, link.mac)));
}

result<void> neighbourhood::send(ip_family family, link_state const& link, byte_view frame) {
    if (!link.speaks_arp)
        return {}; // a loopback or tunnel has no neighbours to tell
    if (auto const open = listen(link, family); !open)
        return open;
    auto const to = link_address(link.index, family);
    auto const fd = sockets_.at({link.index, family})->descriptor();
    if (::sendto(fd, frame.data(), frame.size(), MSG_DONTWAIT,
                 reinterpret_cast<sockaddr const*>(&to), sizeof to) < 0)
        return problem_of_errno(errno, "cannot announce on " + link.name);
    return {};
}

void neighbourhood::receive(key const& from) {
    auto const fd = sockets_.at(from)->descriptor();
    std::array<std::byte, frame_bytes_max> frame;
    for (int count = 0; count < frames_per_wakeup; ++count) {
        auto const got = ::recv(fd, frame.data(), frame.size(), 0);
        if (got < 0)
            return; // nothing left, or the link went down, which netlink tells
        if (auto const said = claim_of(byte_view{frame}.first(static_cast<std::size_t>(got))))
            on_claim_(*said);
    }
}

} // namespace tasuki::vip
