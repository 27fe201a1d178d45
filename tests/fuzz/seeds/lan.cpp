// What the kernel and the LAN say, and what a guardian and a disk are given.
#include "seeds.hpp"
#include "tasuki/agent/slot.hpp"
#include "tasuki/guard/orders.hpp"
#include "tasuki/vip/frames.hpp"
#include "tasuki/vip/gate.hpp"
#include "tasuki/vip/rtnetlink.hpp"
#include "tasuki/vip/sockdiag.hpp"

#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

namespace tasuki::fuzz {

namespace {

using namespace vip;

ip_address const four = *ip_address::parse("10.77.0.50");
ip_address const six = *ip_address::parse("fd00::50");
mac_address const own = *mac_address::parse("02:00:00:00:00:01");

byte_string link_message(std::uint16_t type) {
    ifinfomsg header{};
    header.ifi_index = 3;
    header.ifi_type = 1;
    header.ifi_flags = 0x10043;
    netlink_message kind{0, 0};
    kind.attribute(IFLA_INFO_KIND, text_bytes("veth"))
        .attribute(IFLA_INFO_SLAVE_KIND, text_bytes("bridge"));
    auto const nested = std::move(kind).take();
    netlink_message out{type, 0};
    out.body(bytes_of(header))
        .attribute(IFLA_IFNAME, text_bytes("eth0"))
        .attribute(IFLA_ADDRESS, own.bytes)
        .attribute(IFLA_LINKINFO, byte_view{nested}.subspan(16));
    return std::move(out).take();
}

template<class Header>
byte_string plain_message(std::uint16_t type, Header const& header) {
    netlink_message out{type, 0};
    out.body(bytes_of(header));
    return std::move(out).take();
}

void add_netlink(seeds& to) {
    auto const add = [&](std::string const& name, byte_string bytes) {
        to.push_back({"vip_netlink", name, std::move(bytes)});
    };
    auto const address = add_message({{four, 24}, 3});
    add("address", address);
    add("address_6", add_message({{six, 64}, 3, 12}));
    add("address_gone", delete_message({four, 24}, 3));
    auto const link = link_message(RTM_NEWLINK);
    add("link", link);
    add("link_gone", link_message(RTM_DELLINK));
    nlmsgerr refused{};
    refused.error = -1;
    add("refused", plain_message(NLMSG_ERROR, refused));
    inet_diag_msg socket{};
    socket.idiag_family = 2;
    socket.idiag_state = 1;
    add("socket", plain_message(SOCK_DIAG_BY_FAMILY, socket));
    tcmsg filter{};
    filter.tcm_ifindex = 3;
    add("filter_gone", plain_message(RTM_DELTFILTER, filter));
    filter.tcm_parent = TC_H_CLSACT;
    add("qdisc_gone", plain_message(RTM_DELQDISC, filter));
    auto several = link;
    several.insert(several.end(), address.begin(), address.end());
    add("several", several);
}

} // namespace

void add_kernel_and_lan(seeds& to) {
    add_netlink(to);
    auto const add = [&](std::string const& name, byte_string bytes) {
        to.push_back({"vip_frames", name, std::move(bytes)});
    };
    add("arp_request", encode(gratuitous_request(four, own)));
    add("arp_reply", encode(gratuitous_reply(four, own)));
    add("arp_probe", encode(arp_probe(four, own)));
    add("advertisement", encode(unsolicited_advertisement(six, own)));
    add("neighbour_probe", encode(neighbour_probe(six, own)));
    auto solicitation = neighbour_probe(six, own);
    solicitation.sender = six;
    solicitation.link_address = own;
    add("solicitation", encode(solicitation));

    // Pairs of an action and what it is about: see the target.
    to.push_back(
        {"vip_conflict", "held", text_bytes("\x01\x01\x02\x05\x02\x02\x00\x40\x02\x05\x00\x50")});
    to.push_back(
        {"vip_conflict", "stranger", text_bytes("\x02\x05\x12\x02\x01\x01\x01\x02\x02\x01")});
}

void add_guard_and_slots(seeds& to) {
    guard::orders orders{42,
                         true,
                         true,
                         list_connections({four, six}),
                         {delete_message({four, 24}, 3), delete_message({six, 64}, 3)},
                         {}};
    orders.datagrams.push_back(
        {four, {*ip_address::parse("10.77.0.2"), 7800}, text_bytes("sealed")});
    orders.datagrams.push_back({six, {six, 7800}, text_bytes("sealed as well")});
    to.push_back({"guard_orders", "two_of_each", encode(orders)});
    to.push_back({"guard_orders", "nothing", encode(guard::orders{})});

    to.push_back({"agent_slot", "raw", agent::encode_slot("fuzz", {3, text_bytes("promised")})});
    for (unsigned reach : {0U, 5U, 26U, 30U, 200U}) {
        byte_writer script;
        script.u64(4);
        script.u16(static_cast<std::uint16_t>(reach));
        for (std::string_view const payload : {"the old one", "kept", "the new one"}) {
            if (payload != "the new one")
                script.u8(static_cast<std::uint8_t>(payload.size()));
            script.append(text_bytes(payload));
        }
        to.push_back({"agent_slot", "torn_" + std::to_string(reach), std::move(script).take()});
    }
}

} // namespace tasuki::fuzz
