#include "tasuki/guard/estate.hpp"

#include "tasuki/guard/orders.hpp"

namespace tasuki::guard {

namespace {

constexpr std::uint32_t magic = 0x54534b45; // "TSKE"
constexpr std::uint16_t version = 1;

int take_descriptor(byte_reader& in) {
    return static_cast<int>(in.u32());
}

} // namespace

byte_string encode(estate const& what) {
    byte_writer out;
    out.u32(magic);
    out.u16(version);
    for (int const each : {what.listener, what.agent_socket, what.agent, what.page, what.server})
        out.u32(static_cast<std::uint32_t>(each));
    out.u32(static_cast<std::uint32_t>(what.orders.size()));
    out.append(what.orders);
    return std::move(out).take();
}

result<estate> decode_estate(byte_view bytes) {
    byte_reader in{bytes};
    problem const unreadable{failure::invalid,
                             "what the guardian before this one left cannot be read"};
    if (in.u32() != magic || in.u16() != version)
        return unreadable;
    estate out;
    out.listener = take_descriptor(in);
    out.agent_socket = take_descriptor(in);
    out.agent = take_descriptor(in);
    out.page = take_descriptor(in);
    out.server = take_descriptor(in);
    std::size_t const size = in.u32();
    if (size > orders_bytes_max)
        return unreadable;
    auto const orders = in.take(size);
    out.orders.assign(orders.begin(), orders.end());
    bool const whole = out.agent_socket < 0 || (out.agent >= 0 && out.page >= 0);
    if (!in.complete() || out.listener < 0 || !whole)
        return unreadable;
    return out;
}

} // namespace tasuki::guard
