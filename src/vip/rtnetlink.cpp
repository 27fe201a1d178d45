#include "tasuki/vip/rtnetlink.hpp"

#include "tasuki/vip/gate.hpp"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>

namespace tasuki::vip {

namespace {

constexpr std::uint8_t family_v4 = 2;
constexpr std::uint8_t family_bridge = 7;
constexpr std::uint8_t family_v6 = 10;

ifaddrmsg header_for(ip_prefix const& address, std::uint32_t link) {
    ifaddrmsg out{};
    out.ifa_family = address.address.is_v4() ? family_v4 : family_v6;
    out.ifa_prefixlen = address.length;
    out.ifa_scope = RT_SCOPE_UNIVERSE;
    out.ifa_index = link;
    return out;
}

byte_view octets(ip_address const& address) {
    return byte_view{address.bytes()}.first(address.size());
}

std::string text_of(byte_view value) {
    auto const end = std::find(value.begin(), value.end(), std::byte{0});
    std::string out;
    std::transform(value.begin(), end, std::back_inserter(out),
                   [](std::byte letter) { return static_cast<char>(letter); });
    return out;
}

std::optional<ip_address> address_from(std::uint8_t family, byte_view value) {
    byte_reader in{value};
    if (family == family_v4 && value.size() == 4)
        return ip_address::v4(in.array<4>());
    if (family == family_v6 && value.size() == 16)
        return ip_address::v6(in.array<16>());
    return std::nullopt;
}

void read_info(byte_view link_info, link_state& out) {
    while (auto const inner = take_attribute(link_info)) {
        if (inner->type == IFLA_INFO_KIND)
            out.kind = text_of(inner->value);
        if (inner->type == IFLA_INFO_SLAVE_KIND) {
            auto const master = text_of(inner->value);
            out.switched = master == "bridge" || master == "openvswitch";
        }
    }
}

std::optional<link_state> parse_link(byte_view payload) {
    auto const header = load<ifinfomsg>(payload);
    // A bridge speaks of its ports under its own family: "gone" is then only gone from the bridge.
    if (!header || header->ifi_index <= 0 || header->ifi_family == family_bridge)
        return std::nullopt;
    link_state out;
    out.index = static_cast<std::uint32_t>(header->ifi_index);
    out.up = (header->ifi_flags & IFF_UP) != 0;
    out.carrier = (header->ifi_flags & IFF_LOWER_UP) != 0;
    out.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
    out.speaks_arp = header->ifi_type == ARPHRD_ETHER && (header->ifi_flags & IFF_NOARP) == 0;
    out.bare = header->ifi_type != ARPHRD_ETHER && header->ifi_type != ARPHRD_LOOPBACK;
    auto rest = payload.subspan(sizeof *header);
    while (auto const attribute = take_attribute(rest)) {
        if (attribute->type == IFLA_IFNAME)
            out.name = text_of(attribute->value);
        else if (attribute->type == IFLA_ADDRESS && attribute->value.size() == 6)
            std::copy(attribute->value.begin(), attribute->value.end(), out.mac.bytes.begin());
        else if (attribute->type == IFLA_LINKINFO)
            read_info(attribute->value, out);
    }
    return out;
}

std::optional<observed_address> parse_address(byte_view payload) {
    auto const header = load<ifaddrmsg>(payload);
    if (!header)
        return std::nullopt;
    std::uint32_t flags = header->ifa_flags;
    std::optional<ip_address> local;
    std::optional<ip_address> address;
    observed_address out;
    out.link = header->ifa_index;
    auto rest = payload.subspan(sizeof *header);
    while (auto const attribute = take_attribute(rest)) {
        if (attribute->type == IFA_LOCAL)
            local = address_from(header->ifa_family, attribute->value);
        else if (attribute->type == IFA_ADDRESS)
            address = address_from(header->ifa_family, attribute->value);
        else if (attribute->type == IFA_FLAGS)
            flags = load<std::uint32_t>(attribute->value).value_or(flags);
        else if (attribute->type == IFA_PROTO)
            out.protocol = load<std::uint8_t>(attribute->value).value_or(0);
        else if (auto const life = load<ifa_cacheinfo>(attribute->value);
                 life && attribute->type == IFA_CACHEINFO)
            out.valid_s = life->ifa_valid;
    }
    // On a point-to-point link IFA_ADDRESS is the other end; IPv6 gives only IFA_ADDRESS otherwise.
    if (!local)
        local = address;
    if (!local || header->ifa_prefixlen > local->size() * 8)
        return std::nullopt;
    out.address = {*local, header->ifa_prefixlen};
    out.duplicate = (flags & IFA_F_DADFAILED) != 0;
    return out;
}

} // namespace

byte_string add_message(address_request const& request) {
    bool const v4 = request.address.address.is_v4();
    ifa_cacheinfo life{};
    life.ifa_valid = request.valid_s;
    life.ifa_prefered = v4 ? request.valid_s : 0;
    std::uint32_t const flags = v4 ? 0U : static_cast<std::uint32_t>(IFA_F_NODAD);
    netlink_message out{RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE};
    out.body(bytes_of(header_for(request.address, request.link)))
        .attribute(IFA_LOCAL, octets(request.address.address))
        .attribute(IFA_ADDRESS, octets(request.address.address))
        .attribute(IFA_FLAGS, bytes_of(flags))
        .attribute(IFA_CACHEINFO, bytes_of(life))
        .attribute(IFA_PROTO, bytes_of(request.tag));
    return std::move(out).take();
}

byte_string delete_message(ip_prefix const& address, std::uint32_t link) {
    netlink_message out{RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK};
    out.body(bytes_of(header_for(address, link)))
        .attribute(IFA_LOCAL, octets(address.address))
        .attribute(IFA_ADDRESS, octets(address.address));
    return std::move(out).take();
}

byte_string promote_secondaries_message(std::uint32_t link) {
    constexpr std::uint16_t promote_secondaries = 20; // IPV4_DEVCONF_PROMOTE_SECONDARIES
    auto const nest = [](std::uint16_t type, byte_view inner) {
        nlattr header{};
        header.nla_len = static_cast<std::uint16_t>(sizeof header + inner.size());
        header.nla_type = type;
        byte_string out;
        auto const head = bytes_of(header);
        out.insert(out.end(), head.begin(), head.end());
        out.insert(out.end(), inner.begin(), inner.end());
        return out;
    };
    std::uint32_t const on = 1;
    auto const setting = nest(promote_secondaries, bytes_of(on));
    auto const inet = nest(family_v4, nest(IFLA_INET_CONF, setting));
    ifinfomsg header{};
    header.ifi_index = static_cast<int>(link);
    netlink_message out{RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK};
    out.body(bytes_of(header)).attribute(IFLA_AF_SPEC, inet);
    return std::move(out).take();
}

byte_string list_links_message() {
    netlink_message out{RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP};
    out.body(bytes_of(ifinfomsg{}));
    return std::move(out).take();
}

byte_string list_addresses_message() {
    netlink_message out{RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP};
    out.body(bytes_of(ifaddrmsg{}));
    return std::move(out).take();
}

byte_string privilege_question() {
    // Link 0 does not exist: whoever passes the privilege check is told so.
    return delete_message(ip_prefix{}, 0);
}

std::optional<notice> parse_notice(netlink_part const& part) {
    if (part.type == RTM_NEWLINK || part.type == RTM_DELLINK) {
        auto link = parse_link(part.payload);
        if (!link)
            return std::nullopt;
        if (part.type == RTM_DELLINK)
            return link_gone{link->index};
        return link_seen{std::move(*link)};
    }
    if (part.type == RTM_NEWADDR || part.type == RTM_DELADDR) {
        auto const address = parse_address(part.payload);
        if (!address)
            return std::nullopt;
        if (part.type == RTM_DELADDR)
            return address_gone{*address};
        return address_seen{*address};
    }
    if (auto const link = parse_gate_loss(part))
        return gate_gone{*link};
    return std::nullopt;
}

} // namespace tasuki::vip
