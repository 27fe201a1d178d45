#include "tasuki/guard/orders.hpp"

#include "tasuki/core/require.hpp"

#include <algorithm>

namespace tasuki::guard {

namespace {

constexpr std::uint32_t magic = 0x54534b4f; // "TSKO"
constexpr std::uint16_t version = 2;
constexpr std::uint8_t flag_end_server = 1;
constexpr std::uint8_t flag_falls_silent = 2;
constexpr std::size_t datagram_bytes_max = 1200;
constexpr std::size_t netlink_header_bytes = 16;

void write(byte_writer& out, ip_address const& address) {
    out.append(byte_view{address.bytes()}.first(address.size()));
}

void write(byte_writer& out, std::vector<byte_string> const& messages) {
    out.u16(static_cast<std::uint16_t>(messages.size()));
    for (auto const& each : messages) {
        out.u32(static_cast<std::uint32_t>(each.size()));
        out.append(each);
    }
}

ip_address read_address(byte_reader& in, bool is_v4) {
    return is_v4 ? ip_address::v4(in.array<4>()) : ip_address::v6(in.array<16>());
}

problem malformed(std::string_view what) {
    return {failure::invalid, "the agent's orders are malformed (" + std::string{what} +
                                  "): agent and guardian must be of the same version"};
}

byte_string to_bytes(byte_view view) {
    return {view.begin(), view.end()};
}

/// Netlink messages, with what is wrong about them or nothing.
std::string_view read_messages(byte_reader& in, std::size_t most, std::vector<byte_string>& out) {
    std::size_t const messages = in.u16();
    if (messages > most)
        return "too many requests";
    for (std::size_t count = 0; count < messages && !in.failed(); ++count) {
        std::size_t const size = in.u32();
        out.push_back(to_bytes(in.take(size)));
        if (out.back().size() < netlink_header_bytes)
            return "a request too short for netlink";
    }
    return {};
}

} // namespace

byte_string encode(orders const& what) {
    TASUKI_REQUIRE(what.listings.size() <= listings_max && what.requests.size() <= requests_max);
    TASUKI_REQUIRE(what.datagrams.size() <= datagrams_max);
    byte_writer out;
    out.u32(magic);
    out.u16(version);
    out.u64(what.serial);
    out.u8(static_cast<std::uint8_t>((what.end_server ? flag_end_server : 0) |
                                     (what.falls_silent ? flag_falls_silent : 0)));
    write(out, what.listings);
    write(out, what.requests);
    out.u16(static_cast<std::uint16_t>(what.datagrams.size()));
    for (auto const& each : what.datagrams) {
        TASUKI_REQUIRE(each.from.family() == each.to.address.family());
        TASUKI_REQUIRE(each.bytes.size() <= datagram_bytes_max);
        out.u8(static_cast<std::uint8_t>(each.to.address.family()));
        write(out, each.from);
        write(out, each.to.address);
        out.u16(each.to.port);
        out.u16(static_cast<std::uint16_t>(each.bytes.size()));
        out.append(each.bytes);
    }
    return std::move(out).take();
}

result<orders> decode_orders(byte_view bytes) {
    byte_reader in{bytes};
    if (in.u32() != magic || in.u16() != version)
        return malformed("another form");
    orders out;
    out.serial = in.u64();
    auto const flags = in.u8();
    out.end_server = (flags & flag_end_server) != 0;
    out.falls_silent = (flags & flag_falls_silent) != 0;
    if (auto const fault = read_messages(in, listings_max, out.listings); !fault.empty())
        return malformed(fault);
    if (auto const fault = read_messages(in, requests_max, out.requests); !fault.empty())
        return malformed(fault);
    std::size_t const datagrams = in.u16();
    if (datagrams > datagrams_max)
        return malformed("too many datagrams");
    for (std::size_t count = 0; count < datagrams && !in.failed(); ++count) {
        auto const family = in.u8();
        if (!in.failed() && family != 4 && family != 6)
            return malformed("an unknown address family");
        datagram one;
        one.from = read_address(in, family == 4);
        one.to.address = read_address(in, family == 4);
        one.to.port = in.u16();
        std::size_t const size = in.u16();
        if (size > datagram_bytes_max)
            return malformed("a datagram too long");
        one.bytes = to_bytes(in.take(size));
        out.datagrams.push_back(std::move(one));
    }
    if (!in.complete())
        return malformed(in.failed() ? "cut off" : "bytes after its end");
    return out;
}

} // namespace tasuki::guard
