#include "tasuki/vip/frames.hpp"

#include <algorithm>

namespace tasuki::vip {

namespace {

constexpr std::uint16_t ethertype_arp = 0x0806;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint16_t hardware_ethernet = 1;
constexpr std::uint16_t protocol_ipv4 = 0x0800;
constexpr std::uint8_t next_header_icmpv6 = 58;
constexpr std::uint8_t hop_limit_of_a_neighbour = 255;
constexpr std::uint32_t flag_override = 0x20000000;
constexpr std::uint8_t option_source_link = 1;
constexpr std::uint8_t option_target_link = 2;
constexpr std::size_t checksum_offset = 2;

constexpr mac_address everybody{{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                 std::byte{0xff}, std::byte{0xff}}};

byte_view octets(ip_address const& address) {
    return byte_view{address.bytes()}.first(address.size());
}

std::array<std::byte, 16> multicast(std::initializer_list<unsigned> tail) {
    std::array<std::byte, 16> out{std::byte{0xff}, std::byte{0x02}};
    auto to = out.end() - static_cast<std::ptrdiff_t>(tail.size());
    for (unsigned const octet : tail)
        *to++ = static_cast<std::byte>(octet);
    return out;
}

/// RFC 2464: 33:33 and the last four octets of the group.
mac_address multicast_mac(ip_address const& group) {
    mac_address out{{std::byte{0x33}, std::byte{0x33}}};
    std::copy_n(group.bytes().begin() + 12, 4, out.bytes.begin() + 2);
    return out;
}

std::uint32_t sum_of(byte_view bytes, std::uint32_t sum) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        auto const octet = std::to_integer<std::uint32_t>(bytes[at]);
        sum += at % 2 == 0 ? octet << 8U : octet;
    }
    return sum;
}

/// RFC 4443, section 2.3. Over a body that holds its checksum already, the result is zero.
std::uint16_t checksum(ip_address const& from, ip_address const& to, byte_view body) {
    std::uint32_t sum = sum_of(octets(from), 0);
    sum = sum_of(octets(to), sum);
    sum += static_cast<std::uint32_t>(body.size()) + next_header_icmpv6;
    sum = sum_of(body, sum);
    while (sum >> 16U != 0)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum & 0xffffU);
}

byte_string icmp_body(neighbour_frame const& frame) {
    bool const advertises = frame.kind == neighbour_kind::advertisement;
    byte_writer body;
    body.u8(static_cast<std::uint8_t>(frame.kind));
    body.u8(0);
    body.u16(0);
    body.u32(advertises && frame.override_cached ? flag_override : 0);
    body.append(octets(frame.target));
    if (frame.link_address) {
        body.u8(advertises ? option_target_link : option_source_link);
        body.u8(1);
        body.append(frame.link_address->bytes);
    }
    auto out = std::move(body).take();
    auto const sum = checksum(frame.sender, frame.receiver, out);
    out[checksum_offset] = static_cast<std::byte>(sum >> 8U);
    out[checksum_offset + 1] = static_cast<std::byte>(sum & 0xffU);
    return out;
}

/// Options are in units of eight octets; one of length zero makes the whole frame invalid.
bool read_options(byte_reader& body, neighbour_frame& out) {
    auto const looked_for =
        out.kind == neighbour_kind::advertisement ? option_target_link : option_source_link;
    while (body.left() > 0) {
        auto const type = body.u8();
        auto const units = body.u8();
        if (body.failed() || units == 0)
            return false;
        byte_reader value{body.take(units * std::size_t{8} - 2)};
        if (body.failed())
            return false;
        if (type == looked_for && !out.link_address)
            out.link_address = mac_address{value.array<6>()};
    }
    return true;
}

bool read_body(byte_view bytes, neighbour_frame& out) {
    byte_reader body{bytes};
    auto const type = body.u8();
    auto const code = body.u8();
    // The checksum covers itself: it is verified below as part of the whole.
    static_cast<void>(body.u16());
    auto const flags = body.u32();
    out.target = ip_address::v6(body.array<16>());
    if (body.failed() || code != 0 || checksum(out.sender, out.receiver, bytes) != 0)
        return false;
    if (type != static_cast<std::uint8_t>(neighbour_kind::solicitation) &&
        type != static_cast<std::uint8_t>(neighbour_kind::advertisement))
        return false;
    out.kind = static_cast<neighbour_kind>(type);
    out.override_cached = out.kind == neighbour_kind::advertisement && (flags & flag_override) != 0;
    return read_options(body, out);
}

} // namespace

byte_string encode(arp_frame const& frame) {
    byte_writer out;
    out.append(frame.destination.bytes);
    out.append(frame.source.bytes);
    out.u16(ethertype_arp);
    out.u16(hardware_ethernet);
    out.u16(protocol_ipv4);
    out.u8(6);
    out.u8(4);
    out.u16(static_cast<std::uint16_t>(frame.operation));
    out.append(frame.sender_mac.bytes);
    out.append(octets(frame.sender));
    out.append(frame.target_mac.bytes);
    out.append(octets(frame.target));
    return std::move(out).take();
}

byte_string encode(neighbour_frame const& frame) {
    auto const body = icmp_body(frame);
    byte_writer out;
    out.append(frame.destination.bytes);
    out.append(frame.source.bytes);
    out.u16(ethertype_ipv6);
    out.u32(0x60000000);
    out.u16(static_cast<std::uint16_t>(body.size()));
    out.u8(next_header_icmpv6);
    out.u8(hop_limit_of_a_neighbour);
    out.append(octets(frame.sender));
    out.append(octets(frame.receiver));
    out.append(body);
    return std::move(out).take();
}

std::optional<arp_frame> parse_arp(byte_view frame) {
    byte_reader in{frame};
    arp_frame out;
    out.destination.bytes = in.array<6>();
    out.source.bytes = in.array<6>();
    bool const ours = in.u16() == ethertype_arp && in.u16() == hardware_ethernet &&
                      in.u16() == protocol_ipv4 && in.u8() == 6 && in.u8() == 4;
    auto const operation = in.u16();
    out.sender_mac.bytes = in.array<6>();
    out.sender = ip_address::v4(in.array<4>());
    out.target_mac.bytes = in.array<6>();
    out.target = ip_address::v4(in.array<4>());
    if (!ours || in.failed() || (operation != 1 && operation != 2))
        return std::nullopt;
    out.operation = static_cast<arp_operation>(operation);
    return out;
}

std::optional<neighbour_frame> parse_neighbour(byte_view frame) {
    byte_reader in{frame};
    neighbour_frame out;
    out.destination.bytes = in.array<6>();
    out.source.bytes = in.array<6>();
    bool ours = in.u16() == ethertype_ipv6 && in.u32() >> 28U == 6;
    auto const length = in.u16();
    ours = ours && in.u8() == next_header_icmpv6 && in.u8() == hop_limit_of_a_neighbour;
    out.sender = ip_address::v6(in.array<16>());
    out.receiver = ip_address::v6(in.array<16>());
    auto const body = in.take(length);
    if (!ours || in.failed() || !read_body(body, out))
        return std::nullopt;
    return out;
}

arp_frame gratuitous_request(ip_address const& address, mac_address const& own) {
    return {.destination = everybody,
            .source = own,
            .operation = arp_operation::request,
            .sender_mac = own,
            .sender = address,
            .target_mac = {},
            .target = address};
}

arp_frame gratuitous_reply(ip_address const& address, mac_address const& own) {
    // Linux takes a reply for gratuitous only if the target's MAC equals the sender's.
    return {.destination = everybody,
            .source = own,
            .operation = arp_operation::reply,
            .sender_mac = own,
            .sender = address,
            .target_mac = own,
            .target = address};
}

arp_frame arp_probe(ip_address const& address, mac_address const& own) {
    return {.destination = everybody,
            .source = own,
            .operation = arp_operation::request,
            .sender_mac = own,
            .sender = ip_address{},
            .target_mac = {},
            .target = address};
}

neighbour_frame unsolicited_advertisement(ip_address const& address, mac_address const& own) {
    auto const all_nodes = ip_address::v6(multicast({1}));
    return {.destination = multicast_mac(all_nodes),
            .source = own,
            .sender = address,
            .receiver = all_nodes,
            .kind = neighbour_kind::advertisement,
            .override_cached = true,
            .target = address,
            .link_address = own};
}

neighbour_frame neighbour_probe(ip_address const& address, mac_address const& own) {
    auto const& bytes = address.bytes();
    auto const group = ip_address::v6(
        multicast({1, 0xff, std::to_integer<unsigned>(bytes[13]),
                   std::to_integer<unsigned>(bytes[14]), std::to_integer<unsigned>(bytes[15])}));
    return {.destination = multicast_mac(group),
            .source = own,
            .sender = ip_address::v6({}),
            .receiver = group,
            .kind = neighbour_kind::solicitation,
            .override_cached = false,
            .target = address,
            .link_address = std::nullopt};
}

std::optional<claim> claim_of(byte_view frame) {
    if (auto const arp = parse_arp(frame)) {
        if (arp->sender == ip_address{})
            return std::nullopt;
        return claim{arp->sender, arp->sender_mac};
    }
    auto const neighbour = parse_neighbour(frame);
    if (!neighbour)
        return std::nullopt;
    auto const mac = neighbour->link_address.value_or(neighbour->source);
    if (neighbour->kind == neighbour_kind::advertisement)
        return claim{neighbour->target, mac};
    if (neighbour->sender == ip_address::v6({}))
        return std::nullopt;
    return claim{neighbour->sender, mac};
}

} // namespace tasuki::vip
