#include "frames.hpp"

#include <algorithm>

namespace tasuki::lab {

namespace {

constexpr std::uint16_t ethertype_ip = 0x0800;
constexpr std::uint16_t ethertype_arp = 0x0806;
constexpr std::uint16_t arp_is_request = 1;
constexpr std::uint16_t arp_is_reply = 2;
constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t icmp_echo = 8;
constexpr std::uint8_t icmp_echo_reply = 0;
constexpr mac_address everybody{{std::byte{255}, std::byte{255}, std::byte{255}, std::byte{255},
                                 std::byte{255}, std::byte{255}}};

byte_view four(ip_address const& address) {
    return byte_view{address.bytes()}.first(4);
}

void ethernet(byte_writer& out, mac_address const& to, mac_address const& from,
              std::uint16_t type) {
    out.append(to.bytes);
    out.append(from.bytes);
    out.u16(type);
}

std::uint16_t checksum(byte_view bytes) {
    byte_reader in{bytes};
    std::uint32_t sum = 0;
    while (in.left() >= 2)
        sum += in.u16();
    if (in.left() == 1)
        sum += static_cast<std::uint32_t>(in.u8()) << 8U;
    while (sum >> 16U != 0)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

byte_string icmp_message(std::uint16_t id, std::uint16_t sequence, std::uint16_t sum) {
    byte_writer out;
    out.u8(icmp_echo);
    out.u8(0);
    out.u16(sum);
    out.u16(id);
    out.u16(sequence);
    return std::move(out).take();
}

byte_string ip_header(probe_identity const& me, std::uint16_t payload, std::uint16_t sum) {
    byte_writer out;
    out.u16(0x4500);
    out.u16(static_cast<std::uint16_t>(20 + payload));
    out.u32(0x00004000); // identification 0, do not fragment
    out.u8(64);
    out.u8(protocol_icmp);
    out.u16(sum);
    out.append(four(me.own_address));
    out.append(four(me.watched));
    return std::move(out).take();
}

std::optional<sighting> read_arp(probe_identity const& me, byte_reader in) {
    auto const hardware = in.u16();
    auto const protocol = in.u16();
    auto const lengths = in.u16();
    auto const operation = in.u16();
    mac_address const sender{in.array<6>()};
    auto const sender_address = ip_address::v4(in.array<4>());
    static_cast<void>(in.array<6>());
    auto const target_address = ip_address::v4(in.array<4>());
    if (in.failed() || hardware != 1 || protocol != ethertype_ip || lengths != 0x0604)
        return {};
    if (sender_address != me.watched || sender == me.own_mac)
        return {};
    if (target_address == me.watched)
        return sighting{sender, sighting_kind::announcement};
    if (operation == arp_is_reply && target_address == me.own_address)
        return sighting{sender, sighting_kind::arp_answer};
    return {};
}

std::optional<sighting> read_echo(probe_identity const& me, mac_address const& from,
                                  byte_reader in) {
    auto const version_length = in.u8();
    static_cast<void>(in.take(8));
    auto const protocol = in.u8();
    static_cast<void>(in.u16());
    auto const source = ip_address::v4(in.array<4>());
    static_cast<void>(in.array<4>());
    auto const header = static_cast<std::size_t>(version_length & 0x0fU) * 4;
    if (version_length >> 4U != 4 || header < 20)
        return {};
    static_cast<void>(in.take(header - 20));
    auto const type = in.u8();
    static_cast<void>(in.take(3));
    auto const id = in.u16();
    if (in.failed() || protocol != protocol_icmp || source != me.watched ||
        type != icmp_echo_reply || id != me.echo_id)
        return {};
    return sighting{from, sighting_kind::echo_answer};
}

} // namespace

byte_string arp_request(probe_identity const& me) {
    byte_writer out;
    ethernet(out, everybody, me.own_mac, ethertype_arp);
    out.u16(1);
    out.u16(ethertype_ip);
    out.u16(0x0604);
    out.u16(arp_is_request);
    out.append(me.own_mac.bytes);
    out.append(four(me.own_address));
    out.append(mac_address{}.bytes);
    out.append(four(me.watched));
    return std::move(out).take();
}

byte_string echo_request(probe_identity const& me, mac_address to, std::uint16_t sequence) {
    auto const unsigned_message = icmp_message(me.echo_id, sequence, 0);
    auto const message = icmp_message(me.echo_id, sequence, checksum(unsigned_message));
    auto const size = static_cast<std::uint16_t>(message.size());
    auto const header = ip_header(me, size, checksum(ip_header(me, size, 0)));
    byte_writer out;
    ethernet(out, to, me.own_mac, ethertype_ip);
    out.append(header);
    out.append(message);
    return std::move(out).take();
}

std::optional<sighting> read_frame(probe_identity const& me, byte_view frame) {
    byte_reader in{frame};
    static_cast<void>(in.array<6>());
    mac_address const from{in.array<6>()};
    auto const type = in.u16();
    if (in.failed())
        return {};
    if (type == ethertype_arp)
        return read_arp(me, in);
    if (type == ethertype_ip)
        return read_echo(me, from, in);
    return {};
}

} // namespace tasuki::lab
