#include "tasuki/vip/nft_gate.hpp"

#include "nft_message.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace tasuki::vip {

namespace {

using nft::attributes;
using nft::base;
using nft::family;
using nft::rule;

constexpr std::string_view table = "tasuki";
constexpr std::string_view addresses_v4 = "addresses_v4";
constexpr std::string_view addresses_v6 = "addresses_v6";
constexpr std::string_view ports = "ports";
constexpr std::string_view members_v4 = "members_v4";
constexpr std::string_view members_v6 = "members_v6";
constexpr std::array<family, 2> families{family::inet, family::arp};

/// As nft(8) shows them: an address of either family, a port, a mark.
enum class shown_as : std::uint32_t { v4 = 7, v6 = 8, port = 13, mark = 19 };

/// Before whatever rewrites addresses, and after it: an address is judged as the wire sees it.
constexpr int before_all = -300;
constexpr int after_all = 300;

/// Of Ethernet and of InfiniBand: where the addresses stand in ARP depends on it.
constexpr std::array<std::uint8_t, 2> hardware_lengths{6, 20};
constexpr std::uint32_t loopback = 1; // the index of lo in every network namespace
constexpr std::uint8_t next_tcp = 6;
constexpr std::uint8_t next_icmpv6 = 58;
constexpr std::array solicitation{std::byte{135}};
constexpr std::array advertisement{std::byte{136}};
constexpr std::array arp_request{std::byte{0}, std::byte{1}};

std::string_view name_of(gate_side side) {
    return side == gate_side::arriving ? "arriving" : "leaving";
}

attributes table_name() {
    attributes out;
    out.text(NFTA_TABLE_NAME, table);
    return out;
}

byte_string set_message(family of, std::string_view name, shown_as key, std::uint32_t key_length,
                        std::uint32_t flags, std::uint32_t id) {
    attributes out;
    out.text(NFTA_SET_TABLE, table)
        .text(NFTA_SET_NAME, name)
        .number(NFTA_SET_FLAGS, flags)
        .number(NFTA_SET_KEY_TYPE, static_cast<std::uint32_t>(key))
        .number(NFTA_SET_KEY_LEN, key_length)
        .number(NFTA_SET_ID, id);
    if ((flags & NFT_SET_MAP) != 0)
        out.number(NFTA_SET_DATA_TYPE, static_cast<std::uint32_t>(shown_as::mark))
            .number(NFTA_SET_DATA_LEN, sizeof(nft_key));
    return nft::message(NFT_MSG_NEWSET, NLM_F_CREATE, of, out);
}

byte_string chain_message(family of, std::string_view name, std::uint32_t hook, int priority) {
    attributes at;
    at.number(NFTA_HOOK_HOOKNUM, hook)
        .number(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority));
    attributes out;
    out.text(NFTA_CHAIN_TABLE, table)
        .text(NFTA_CHAIN_NAME, name)
        .nested(NFTA_CHAIN_HOOK, at)
        .number(NFTA_CHAIN_POLICY, NF_ACCEPT)
        .text(NFTA_CHAIN_TYPE, "filter");
    return nft::message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, of, out);
}

byte_string elements_message(std::uint16_t type, family of, std::string_view set,
                             attributes const& elements) {
    attributes out;
    out.text(NFTA_SET_ELEM_LIST_TABLE, table)
        .text(NFTA_SET_ELEM_LIST_SET, set)
        .nested(NFTA_SET_ELEM_LIST_ELEMENTS, elements);
    return nft::message(type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, of, out);
}

attributes value_of(byte_view bytes) {
    attributes out;
    out.raw(NFTA_DATA_VALUE, bytes);
    return out;
}

/// With a key it is one of a map.
void add_element(attributes& to, byte_view what, nft_key const* key) {
    attributes element;
    element.nested(NFTA_SET_ELEM_KEY, value_of(what));
    if (key != nullptr)
        element.nested(NFTA_SET_ELEM_DATA, value_of(bytes_of(*key)));
    to.nested(NFTA_LIST_ELEM, element);
}

byte_view octets_of(ip_address const& address) {
    return byte_view{address.bytes()}.first(address.size());
}

byte_string opening_message(std::uint16_t type, family of, nft_opening const& one,
                            milliseconds lives) {
    attributes element;
    element.nested(NFTA_SET_ELEM_KEY, value_of(bytes_of(one.key)));
    if (type == NFT_MSG_NEWSETELEM && lives != nft_for_ever)
        element.number64(NFTA_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(lives.count()));
    attributes elements;
    elements.nested(NFTA_LIST_ELEM, element);
    return elements_message(type, of, name_of(one.side), elements);
}

void put_addresses(nft_batch& out, family of, std::vector<nft_address> const& addresses, bool v4) {
    attributes elements;
    for (auto const& one : addresses)
        if (one.address.is_v4() == v4)
            add_element(elements, octets_of(one.address), &one.key);
    if (!elements.bytes().empty())
        out.push_back(
            elements_message(NFT_MSG_NEWSETELEM, of, v4 ? addresses_v4 : addresses_v6, elements));
}

void put_ports(nft_batch& out, nft_tables const& from) {
    attributes closed;
    for (auto const& one : from.ports) {
        byte_writer port;
        port.u16(one.port);
        add_element(closed, port.view(), &one.key);
    }
    out.push_back(set_message(family::inet, ports, shown_as::port, 2, NFT_SET_MAP, 5));
    out.push_back(set_message(family::inet, members_v4, shown_as::v4, 4, 0, 6));
    out.push_back(set_message(family::inet, members_v6, shown_as::v6, 16, 0, 7));
    if (!from.ports.empty())
        out.push_back(elements_message(NFT_MSG_NEWSETELEM, family::inet, ports, closed));
    for (bool const v4 : {true, false}) {
        attributes admitted;
        for (auto const& one : from.members)
            if (one.is_v4() == v4)
                add_element(admitted, octets_of(one), nullptr);
        if (!admitted.bytes().empty())
            out.push_back(elements_message(NFT_MSG_NEWSETELEM, family::inet,
                                           v4 ? members_v4 : members_v6, admitted));
    }
}

void put_sets(nft_batch& out, family of) {
    out.push_back(set_message(of, addresses_v4, shown_as::v4, 4, NFT_SET_MAP, 1));
    if (of == family::inet)
        out.push_back(set_message(of, addresses_v6, shown_as::v6, 16, NFT_SET_MAP, 2));
    std::uint32_t id = 3;
    for (auto const side : {gate_side::arriving, gate_side::leaving})
        out.push_back(
            set_message(of, name_of(side), shown_as::mark, sizeof(nft_key), NFT_SET_TIMEOUT, id++));
}

/// What this node would take for itself, or says itself; what it forwards passes.
void put_ip_rules(nft_batch& out, gate_side side) {
    bool const arriving = side == gate_side::arriving;
    std::uint32_t const fib_flag = arriving ? NFTA_FIB_F_DADDR : NFTA_FIB_F_SADDR;
    auto const put = [&](rule const& one) {
        out.push_back(one.message(family::inet, table, name_of(side)));
    };
    auto const put_addressed = [&](std::uint8_t protocol, std::uint32_t at, std::uint32_t size,
                                   std::string_view known) {
        put(rule{}
                .is_protocol(protocol)
                .take(base::network, at, size)
                .find_in(known)
                .found_is_not_in(name_of(side))
                .is_local(fib_flag)
                .verdict(NF_DROP));
    };
    put_addressed(NFPROTO_IPV4, arriving ? 16 : 12, 4, addresses_v4);
    put_addressed(NFPROTO_IPV6, arriving ? 24 : 8, 16, addresses_v6);
    put(rule{}
            .is_protocol(NFPROTO_IPV6)
            .is_transport(next_icmpv6)
            .is(base::transport, 0, arriving ? solicitation : advertisement)
            .take(base::transport, 8, 16)
            .find_in(addresses_v6)
            .found_is_not_in(name_of(side))
            .verdict(NF_DROP));
}

/// The other members come over the wire: on lo it is this node's own clients. Comes last, as what
/// is accepted here meets no other rule of ours.
void put_port_rules(nft_batch& out, gate_side side) {
    bool const arriving = side == gate_side::arriving;
    auto const put = [&](rule const& one) {
        out.push_back(one.message(family::inet, table, name_of(side)));
    };
    put(rule{}
            .is_protocol(NFPROTO_IPV4)
            .is_not_on(arriving ? NFT_META_IIF : NFT_META_OIF, loopback)
            .take(base::network, arriving ? 12 : 16, 4)
            .is_in(members_v4)
            .verdict(NF_ACCEPT));
    put(rule{}
            .is_protocol(NFPROTO_IPV6)
            .is_not_on(arriving ? NFT_META_IIF : NFT_META_OIF, loopback)
            .take(base::network, arriving ? 8 : 24, 16)
            .is_in(members_v6)
            .verdict(NF_ACCEPT));
    put(rule{}
            .is_transport(next_tcp)
            .take(base::transport, arriving ? 2 : 0, 2)
            .find_in(ports)
            .found_is_not_in(name_of(side))
            .is_local(arriving ? NFTA_FIB_F_DADDR : NFTA_FIB_F_SADDR)
            .verdict(NF_DROP));
}

void put_arp_rules(nft_batch& out, gate_side side, std::uint8_t hardware_bytes) {
    std::array const kind{std::byte{8}, std::byte{0}, std::byte{hardware_bytes}, std::byte{4}};
    std::uint32_t const sender_at = 8U + hardware_bytes;
    std::uint32_t const target_at = sender_at + 4U + hardware_bytes;
    auto const put = [&](rule const& one) {
        out.push_back(one.message(family::arp, table, name_of(side)));
    };
    if (side == gate_side::leaving)
        return put(rule{}
                       .is(base::network, 2, kind)
                       .take(base::network, sender_at, 4)
                       .find_in(addresses_v4)
                       .found_is_not_in(name_of(side))
                       .verdict(NF_DROP));
    // Another holder announces himself by a request for his own address: it has to get through.
    // What this node may not answer to it does not leave.
    put(rule{}
            .is(base::network, 2, kind)
            .is(base::network, 6, arp_request)
            .take(base::network, sender_at, 4)
            .find_in(addresses_v4)
            .verdict(NF_ACCEPT));
    put(rule{}
            .is(base::network, 2, kind)
            .is(base::network, 6, arp_request)
            .take(base::network, target_at, 4)
            .find_in(addresses_v4)
            .found_is_not_in(name_of(side))
            .verdict(NF_DROP));
}

nft_batch whole(nft_batch content) {
    content.insert(content.begin(), nft::batch_begin());
    content.push_back(nft::batch_end());
    return content;
}

void put_opening(nft_batch& out, family of, nft_opening const& one) {
    if (!one.prolongs) // so that there is something to delete
        out.push_back(opening_message(NFT_MSG_NEWSETELEM, of, one, nft_shortest_life));
    out.push_back(opening_message(NFT_MSG_DELSETELEM, of, one, one.lives));
    if (one.lives > milliseconds{0})
        out.push_back(opening_message(NFT_MSG_NEWSETELEM, of, one, one.lives));
}

/// Added first, so that there is something to remove whatever was there.
void put_removal(nft_batch& out) {
    for (auto const of : families) {
        out.push_back(nft::message(NFT_MSG_NEWTABLE, NLM_F_CREATE, of, table_name()));
        out.push_back(nft::message(NFT_MSG_DELTABLE, 0, of, table_name()));
    }
}

} // namespace

milliseconds nft_life(instant until, instant now, milliseconds margin) {
    // A month is far beyond any lease and keeps the kernel's arithmetic from wrapping.
    constexpr milliseconds longest = std::chrono::hours{30 * 24};
    if (until == never)
        return nft_for_ever;
    if (until - longest > now)
        return longest;
    auto const left = std::chrono::floor<milliseconds>(until - now) - margin;
    return left < nft_shortest_life ? milliseconds{0} : left;
}

nft_batch nft_tables_batch(nft_tables const& from) {
    nft_batch out;
    put_removal(out);
    for (auto const of : families) {
        out.push_back(nft::message(NFT_MSG_NEWTABLE, NLM_F_CREATE, of, table_name()));
        put_sets(out, of);
        put_addresses(out, of, from.addresses, true);
        if (of == family::inet) {
            put_addresses(out, of, from.addresses, false);
            put_ports(out, from);
        }
        for (auto const& one : from.openings)
            if (one.lives > milliseconds{0})
                out.push_back(opening_message(NFT_MSG_NEWSETELEM, of, one, one.lives));
    }
    out.push_back(
        chain_message(family::inet, name_of(gate_side::arriving), NF_INET_PRE_ROUTING, before_all));
    out.push_back(
        chain_message(family::inet, name_of(gate_side::leaving), NF_INET_POST_ROUTING, after_all));
    out.push_back(chain_message(family::arp, name_of(gate_side::arriving), NF_ARP_IN, before_all));
    out.push_back(chain_message(family::arp, name_of(gate_side::leaving), NF_ARP_OUT, before_all));
    for (auto const side : {gate_side::arriving, gate_side::leaving}) {
        put_ip_rules(out, side);
        for (auto const hardware_bytes : hardware_lengths)
            put_arp_rules(out, side, hardware_bytes);
        put_port_rules(out, side);
    }
    return whole(std::move(out));
}

nft_batch nft_removal_batch() {
    nft_batch out;
    put_removal(out);
    return whole(std::move(out));
}

nft_batch nft_ticket_batch(nft_key ticket) {
    nft_batch out;
    for (auto const of : families)
        put_opening(out, of, {gate_side::arriving, ticket, nft_ticket_life});
    return whole(std::move(out));
}

nft_batch nft_change_batch(std::vector<nft_opening> const& openings,
                           std::optional<nft_key> ticket) {
    nft_batch out;
    for (auto const of : families) {
        if (ticket)
            put_opening(out, of, {gate_side::arriving, *ticket, nft_ticket_life, true});
        for (auto const& one : openings)
            put_opening(out, of, one);
    }
    return whole(std::move(out));
}

nft_batch nft_forget_batch(ip_address const& address) {
    nft_batch out;
    for (auto const of : families) {
        if (of == family::arp && !address.is_v4())
            continue;
        attributes elements;
        add_element(elements, octets_of(address), nullptr);
        out.push_back(elements_message(NFT_MSG_DELSETELEM, of,
                                       address.is_v4() ? addresses_v4 : addresses_v6, elements));
    }
    return whole(std::move(out));
}

} // namespace tasuki::vip
