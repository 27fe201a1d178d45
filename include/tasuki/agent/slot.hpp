#pragma once
// What a voter must not forget lies in two slots, written in turn: this is the form of one slot and
// the choice between the two. It decides which slot is the newest that can be trusted, and whether
// state was lost; it never touches a file.
//
// Form, big endian: magic u32, version u16, owner u32 (hash of the name), generation u64, length
// u32, payload (opaque), BLAKE2b-128 over all before it. What follows in the file is padding.
// Invariant: generation g lies in slot g % 2, so the two generations differ by exactly one. Only a
// write that was never acknowledged may be torn; every other pattern is damage, not "no state".

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tasuki::agent {

inline constexpr std::size_t slot_payload_max = 60UL * 1024;
inline constexpr std::size_t slot_header_bytes = 4 + 2 + 4 + 8 + 4;
inline constexpr std::size_t slot_checksum_bytes = 16;

struct slot {
    std::uint64_t generation = 0; ///< counts the writes of this name; the first is 1
    byte_string payload;
    friend bool operator==(slot const&, slot const&) = default;
};

using checksum = std::array<std::byte, slot_checksum_bytes>;
[[nodiscard]] checksum checksum_of(byte_view bytes);

/// `written.payload` holds at most `slot_payload_max` bytes.
[[nodiscard]] byte_string encode_slot(std::string_view name, slot const& written);
[[nodiscard]] result<slot> decode_slot(std::string_view name, byte_view bytes);

enum class slot_condition {
    absent,  ///< nothing was ever written: no file exists
    intact,  ///< `newest` is the last acknowledged state, or one that was about to be
    damaged, ///< files exist or are missing such that an acknowledged state may be lost
};

struct slot_choice {
    slot_condition condition = slot_condition::absent;
    slot newest;            ///< set if intact
    bool fell_back = false; ///< intact, but the other slot cannot be read (a torn write)
    /// The highest generation that could be read, whatever the condition: later writes exceed it.
    std::uint64_t highest = 0;
};

/// The bytes of slot 0 (even generations) and of slot 1 (odd ones); nothing where no file exists.
[[nodiscard]] slot_choice choose(std::string_view name, std::optional<byte_string> const& even,
                                 std::optional<byte_string> const& odd);

} // namespace tasuki::agent
