#include "tasuki/guard/orders.hpp"

#include "tasuki/core/require.hpp"

#include <algorithm>

namespace tasuki::guard {

namespace {

constexpr std::uint32_t magic = 0x54534b4f; // "TSKO"
constexpr std::uint16_t version = 1;
constexpr std::uint8_t flag_end_server = 1;
constexpr std::size_t datagram_bytes_max = 1200;
constexpr std::size_t netlink_header_bytes = 16;

void write(byte_writer& out, ip_address const& address) {
    out.append(byte_view{address.bytes()}.first(address.size()));
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

} // namespace

byte_string encode(orders const& what) {
    TASUKI_REQUIRE(what.requests.size() <= requests_max && what.datagrams.size() <= datagrams_max);
    byte_writer out;
    out.u32(magic);
    out.u16(version);
    out.u64(what.serial);
    out.u8(what.end_server ? flag_end_server : 0);
    out.u16(static_cast<std::uint16_t>(what.requests.size()));
    for (auto const& request : what.requests) {
        out.u32(static_cast<std::uint32_t>(request.size()));
        out.append(request);
    }
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
    out.end_server = (in.u8() & flag_end_server) != 0;
    std::size_t const requests = in.u16();
    if (requests > requests_max)
        return malformed("too many requests");
    for (std::size_t count = 0; count < requests && !in.failed(); ++count) {
        std::size_t const size = in.u32();
        out.requests.push_back(to_bytes(in.take(size)));
        if (out.requests.back().size() < netlink_header_bytes)
            return malformed("a request too short for netlink");
    }
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
