#pragma once
// Values that several heartbeat tests use: two nodes, a key, a message with every field set.

#include "tasuki/heartbeat/message.hpp"

#include <catch2/catch.hpp>
#include <sodium.h>

#include <string>
#include <vector>

namespace tasuki::heartbeat::sample {

inline constexpr node_id db1 = node_named("db1");
inline constexpr node_id db2 = node_named("db2");
inline constexpr node_id db3 = node_named("db3");

inline keyring keys(std::uint16_t first, std::uint16_t count = 1) {
    keyring ring;
    for (std::uint16_t id = first; id < first + count; ++id) {
        std::array<std::byte, secret::length> bytes{};
        for (std::size_t index = 0; index < bytes.size(); ++index)
            bytes[index] = static_cast<std::byte>(index + id);
        REQUIRE(ring.add(key_id{id}, secret{bytes}, true));
    }
    return ring;
}

inline byte_string bytes_of(std::string_view text) {
    byte_string out;
    for (char const letter : text)
        out.push_back(static_cast<std::byte>(letter));
    return out;
}

/// From db1 to db2.
inline message beat(byte_view payload) {
    message out;
    out.type = message_type::beat;
    out.from = db1;
    out.to = db2;
    out.path = 1;
    out.session = session_nonce{0x1112131415161718};
    out.echo = session_nonce{0x2122232425262728};
    out.sequence = 0x3132333435363738;
    out.config_digest = 0x4142434445464748;
    out.voters.id = voter_set_id{0x4948474645444342};
    out.heard_ms = {5, 0x5152, heard_never, heard_never};
    out.uptime_s = 0x61626364;
    out.payload = payload;
    return out;
}

/// Puts a valid MAC under changed bytes, as only a sender with the key could.
inline void sign_again(byte_string& datagram, secret const& key) {
    auto* const bytes = reinterpret_cast<unsigned char*>(datagram.data());
    auto const length = datagram.size() - mac_bytes;
    crypto_generichash(bytes + length, mac_bytes, bytes, length,
                       reinterpret_cast<unsigned char const*>(key.bytes().data()), secret::length);
}

} // namespace tasuki::heartbeat::sample
