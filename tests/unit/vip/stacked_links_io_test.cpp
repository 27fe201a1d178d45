// Addresses on links that are made of others: what the neighbours hear on the lower ones, what
// takes the addresses away at the end of a lease, and what the loss of one of two wires does.
//
// Kernels without these kinds of links skip them; tests/lab/test_uml.py has one that knows both.
#include "gated_io.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::db;
using test::eventually;
using test::find_here;
using test::ip;
using test::kept;
using test::lan;

/// Hears a link of the namespace that is entered, VLAN tags included: the kernel keeps the outer
/// one beside the frame (packet(7), PACKET_AUXDATA).
class tagged_ear {
  public:
    static constexpr int none = -1;

    explicit tagged_ear(char const* link)
        : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
        int const yes = 1;
        REQUIRE(::setsockopt(socket_.get(), SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes) == 0);
        sockaddr_ll at{};
        at.sll_family = AF_PACKET;
        at.sll_protocol = htons(ETH_P_ALL);
        at.sll_ifindex = static_cast<int>(::if_nametoindex(link));
        REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    }
    /// How often this frame has come so far under this VLAN, or under none.
    [[nodiscard]] std::size_t count(byte_view frame, int vlan = none) {
        while (hear()) {
        }
        return static_cast<std::size_t>(
            std::count_if(heard_.begin(), heard_.end(), [&](auto const& one) {
                return one.first == vlan && one.second.size() >= frame.size() &&
                       std::equal(frame.begin(), frame.end(), one.second.begin());
            }));
    }

  private:
    [[nodiscard]] bool hear() {
        std::array<std::byte, 2048> frame{};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> beside{};
        iovec part{frame.data(), frame.size()};
        msghdr whole{};
        whole.msg_iov = &part;
        whole.msg_iovlen = 1;
        whole.msg_control = beside.data();
        whole.msg_controllen = beside.size();
        auto const got = ::recvmsg(socket_.get(), &whole, 0);
        if (got < 0)
            return false;
        int vlan = none;
        for (auto* one = CMSG_FIRSTHDR(&whole); one != nullptr; one = CMSG_NXTHDR(&whole, one)) {
            tpacket_auxdata seen{};
            if (one->cmsg_level != SOL_PACKET || one->cmsg_type != PACKET_AUXDATA)
                continue;
            std::memcpy(&seen, CMSG_DATA(one), sizeof seen);
            if ((seen.tp_status & TP_STATUS_VLAN_VALID) != 0)
                vlan = seen.tp_vlan_tci & 0xfff;
        }
        heard_.emplace_back(vlan, byte_string{frame.begin(), frame.begin() + got});
        return true;
    }

    unique_fd socket_;
    std::vector<std::pair<int, byte_string>> heard_;
};

/// False, and a warning, where the kernel has no such links.
bool has(lan& net, std::string const& kind, std::vector<std::string> const& lines) {
    if (net.try_ip(lines))
        return true;
    WARN("skipped: this kernel has no links of type " << kind);
    return false;
}

/// A bond of two wires into a bridge of the same node, with a station beside them.
bool make_bond(lan& net) {
    if (!has(net, "bond", {"link add bond0 type bond mode active-backup miimon 20"}))
        return false;
    net.ip({"link add near0 type veth peer name far0", "link add near1 type veth peer name far1",
            "link add near2 type veth peer name far2", "link add switch0 type bridge",
            "link set far0 master switch0 up", "link set far1 master switch0 up",
            "link set far2 master switch0 up", "link set switch0 up", "link set near2 up",
            "link set near0 master bond0", "link set near1 master bond0",
            "link set bond0 type bond active_slave near0", "link set bond0 up",
            "addr add 10.79.0.1/24 dev bond0"});
    return true;
}

/// A keeper whose address is on this link.
struct on_link : kept {
    explicit on_link(std::string const& interface, duration lease = milliseconds{800})
        : kept({"10.77.0.50"}, lease) {
        options.addresses.front().interface = interface;
        // Where a switch has just learnt of a link, the first announcement may not get through.
        announce_as({.repeat = 200ms, .interval = 400ms});
    }
    void say_rung(std::string_view where) const {
        WARN("rung on a " << where << ": " << to_string(subject->rung())
                          << (subject->rung_reason().empty() ? "" : ", ")
                          << subject->rung_reason());
    }
    [[nodiscard]] byte_string request(std::string_view link) const {
        return encode(gratuitous_request(ip("10.77.0.50"), test::mac_here(link)));
    }
    [[nodiscard]] byte_string reply(std::string_view link) const {
        return encode(gratuitous_reply(ip("10.77.0.50"), test::mac_here(link)));
    }
};

constexpr std::string_view vlan5 = "link add link eth0 name eth0.5 type vlan id 5";
constexpr std::string_view vip = "10.77.0.50";

} // namespace

TEST_CASE("vip: an address on a VLAN is announced under its tag", "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_a();
    if (!has(*net, "vlan", {std::string{vlan5}}))
        return;
    net->ip({"link set eth0.5 up", "addr add 10.79.0.1/24 dev eth0.5"});
    net->enter_b();
    tagged_ear ear{"eth0"};
    net->enter_a();
    on_link node{"eth0.5"};
    node.start();
    node.take();
    CHECK(eventually([&] { return ear.count(node.request("eth0.5"), 5) > 0; }, &node.io));
    CHECK(eventually([&] { return ear.count(node.reply("eth0.5"), 5) > 0; }, &node.io));
    CHECK(ear.count(node.request("eth0.5")) == 0); // never without
}

TEST_CASE("vip: an address on a VLAN falls silent with its lease", "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    for (auto const enter : {&lan::enter_a, &lan::enter_b}) {
        ((*net).*enter)();
        if (!has(*net, "vlan", {std::string{vlan5}}))
            return;
        net->ip({"link set eth0.5 up"});
    }
    net->ip({"addr add 10.77.5.2/24 dev eth0.5", "route add 10.77.0.50/32 dev eth0.5"});
    net->enter_a();
    net->ip({"addr add 10.77.5.1/24 dev eth0.5"});
    on_link node{"eth0.5"};
    node.start();
    node.say_rung("vlan");
    auto const until = test::boot_now() + 1500ms;
    REQUIRE(node.subject->want(db, epoch{1}, true, until));
    net->enter_b();
    CHECK(test::answers(vip, 1000ms));
    // Nobody acts any more: the gate does, or else the keeper at the deadline.
    bool const gated = node.subject->rung() == enforcement::ebpf;
    CHECK(eventually([&] { return test::boot_now() > until; }, gated ? nullptr : &node.io));
    if (gated)
        CHECK(test::is_silent(vip));
    net->enter_a();
    CHECK(eventually([] { return !find_here(vip); }, &node.io));
}

TEST_CASE("vip: an address on a bond outlives one of its wires, and the neighbours hear of it",
          "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_a();
    if (!make_bond(*net))
        return;
    tagged_ear ear{"near2"};
    on_link node{"bond0"};
    node.start();
    node.say_rung("bond");
    node.take();
    REQUIRE(find_here(vip));
    CHECK(eventually([&] { return ear.count(node.request("bond0")) > 0; }, &node.io));
    auto const before = ear.count(node.request("bond0"));
    net->ip({"link set far0 down"}); // the wire in use loses its carrier
    CHECK(eventually([&] { return ear.count(node.request("bond0")) > before; }, &node.io));
    CHECK(find_here(vip));
    CHECK(node.count<address_lost>() == 0);
    CHECK(node.count<link_down>() == 0);
    net->ip({"link set far1 down"}); // the last one
    CHECK(node.reports<link_down>());
    CHECK(node.last<link_down>().interface == "bond0");
    net->ip({"link set far0 up"});
    CHECK(node.reports<link_up>());
    CHECK(find_here(vip));
    node.release();
    CHECK_FALSE(find_here(vip));
}

TEST_CASE("vip: an address on a VLAN above a bond is announced under its tag", "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_a();
    if (!make_bond(*net) ||
        !has(*net, "vlan", {"link add link bond0 name bond0.100 type vlan id 100"}))
        return;
    net->ip({"link set bond0.100 up", "addr add 10.79.1.1/24 dev bond0.100"});
    tagged_ear ear{"near2"};
    on_link node{"bond0.100"};
    node.start();
    node.take();
    CHECK(eventually([&] { return ear.count(node.request("bond0.100"), 100) > 0; }, &node.io));
    auto const before = ear.count(node.request("bond0.100"), 100);
    net->ip({"link set far0 down"});
    CHECK(eventually([&] { return ear.count(node.request("bond0.100"), 100) > before; }, &node.io));
    CHECK(find_here(vip));
    CHECK(node.count<link_down>() == 0);
}

TEST_CASE("vip: on a link above another, a lifetime takes the address from a dead agent's node",
          "[vip][links]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->enter_a();
    if (!has(*net, "vlan", {std::string{vlan5}}))
        return;
    net->ip({"link set eth0.5 up", "addr add 10.79.0.1/24 dev eth0.5"});
    {
        on_link node{"eth0.5", milliseconds{2500}};
        node.options.only = enforcement::lifetime;
        node.start();
        node.say_rung("vlan, without a gate");
        node.take(1, 2500ms);
        REQUIRE(find_here(vip));
    } // nobody is left
    CHECK(eventually([] { return !find_here(vip); }, nullptr, 5000ms));
}

} // namespace tasuki::vip
