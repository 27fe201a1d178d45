#include "tasuki/agent/slot.hpp"

#include "tasuki/core/ids.hpp"
#include "tasuki/core/require.hpp"

#include <sodium.h>

#include <algorithm>
#include <string>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr std::uint32_t slot_magic = 0x54534b53; // "TSKS"
constexpr std::uint16_t slot_version = 1;

problem unreadable(std::string_view reason) {
    return {failure::invalid, "the slot " + std::string{reason}};
}

/// What one file says: its slot if it can be read and lies where its generation belongs.
std::optional<slot> read(std::string_view name, std::optional<byte_string> const& bytes,
                         std::uint64_t parity) {
    if (!bytes)
        return std::nullopt;
    auto decoded = decode_slot(name, *bytes);
    if (!decoded || decoded->generation % 2 != parity)
        return std::nullopt;
    return std::move(*decoded);
}

slot_choice intact(slot newest, bool fell_back, std::uint64_t highest) {
    return {slot_condition::intact, std::move(newest), fell_back, highest};
}

slot_choice damaged(std::uint64_t highest) {
    return {slot_condition::damaged, {}, false, highest};
}

} // namespace

checksum checksum_of(byte_view bytes) {
    checksum out{};
    crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                       reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size(), nullptr,
                       0);
    return out;
}

byte_string encode_slot(std::string_view name, slot const& written) {
    TASUKI_REQUIRE(written.payload.size() <= slot_payload_max);
    byte_writer out;
    out.u32(slot_magic);
    out.u16(slot_version);
    out.u32(hash_name(name));
    out.u64(written.generation);
    out.u32(static_cast<std::uint32_t>(written.payload.size()));
    out.append(written.payload);
    out.append(checksum_of(out.view()));
    return std::move(out).take();
}

result<slot> decode_slot(std::string_view name, byte_view bytes) {
    byte_reader in{bytes};
    auto const magic = in.u32();
    auto const version = in.u16();
    auto const owner = in.u32();
    slot out;
    out.generation = in.u64();
    auto const length = in.u32();
    if (in.failed())
        return unreadable("is shorter than its header");
    if (magic != slot_magic)
        return unreadable("does not begin as a slot does");
    if (version != slot_version)
        return unreadable("has a format version that this program does not know");
    if (length > slot_payload_max)
        return unreadable("claims to be longer than a slot may be");
    auto const payload = in.take(length);
    auto const expected = in.array<slot_checksum_bytes>();
    if (in.failed())
        return unreadable("is shorter than it claims");
    if (checksum_of(bytes.first(slot_header_bytes + length)) != expected)
        return unreadable("does not match its checksum");
    if (owner != hash_name(name))
        return unreadable("belongs to another name");
    if (out.generation == 0)
        return unreadable("has no generation");
    out.payload.assign(payload.begin(), payload.end());
    return out;
}

slot_choice choose(std::string_view name, std::optional<byte_string> const& even,
                   std::optional<byte_string> const& odd) {
    if (!even && !odd)
        return {};
    auto first = read(name, even, 0);
    auto second = read(name, odd, 1);
    if (!first && !second)
        return damaged(0);
    if (first && second) {
        auto const highest = std::max(first->generation, second->generation);
        // A gap means that one file was put back from a copy: the state between them is lost.
        if (highest - std::min(first->generation, second->generation) != 1)
            return damaged(highest);
        return intact(first->generation == highest ? std::move(*first) : std::move(*second), false,
                      highest);
    }
    auto& left = first ? *first : *second;
    auto const highest = left.generation;
    bool const other_exists = first ? odd.has_value() : even.has_value();
    // From the second write on both files exist: a missing one may have been the newer.
    if (!other_exists && highest != 1)
        return damaged(highest);
    return intact(std::move(left), other_exists, highest);
}

} // namespace tasuki::agent
