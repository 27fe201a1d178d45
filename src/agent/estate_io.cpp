#include "tasuki/agent/estate_io.hpp"

#include <array>
#include <utility>

namespace tasuki::agent {

namespace {

byte_string text_of(estate const& it) {
    byte_writer out;
    out.u32(static_cast<std::uint32_t>(it.guard.socket));
    out.u32(static_cast<std::uint32_t>(it.guard.page));
    out.u64(it.guard.serial);
    out.u16(static_cast<std::uint16_t>(it.guard.slots.size()));
    for (auto const& [group, slot] : it.guard.slots) {
        out.u32(group.value());
        out.u16(static_cast<std::uint16_t>(slot));
    }
    out.append(encode(it.left));
    return std::move(out).take();
}

result<estate> estate_in(byte_view bytes) {
    byte_reader in{bytes};
    estate out;
    out.guard.socket = static_cast<int>(in.u32());
    out.guard.page = static_cast<int>(in.u32());
    out.guard.serial = in.u64();
    std::size_t const count = in.u16();
    for (std::size_t index = 0; index < count && !in.failed(); ++index) {
        group_id const group{in.u32()};
        out.guard.slots[group] = in.u16();
    }
    auto left = decode_inheritance(in.take(in.left()));
    if (!left)
        return left.error();
    out.left = std::move(*left);
    return out;
}

} // namespace

problem replace_program(program const& it, estate const& what) {
    std::array const kept{what.guard.socket, what.guard.page};
    return tasuki::replace_program(it, text_of(what), kept);
}

result<estate> read_estate(int descriptor) {
    auto const bytes = read_estate_bytes(descriptor);
    if (!bytes)
        return bytes.error();
    auto found = estate_in(*bytes);
    if (found)
        keep_private(std::array{found->guard.socket, found->guard.page});
    return found;
}

} // namespace tasuki::agent
