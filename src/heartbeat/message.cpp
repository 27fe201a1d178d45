#include "tasuki/heartbeat/message.hpp"
#include "tasuki/core/planted.hpp"
#include "tasuki/core/require.hpp"

#include <sodium.h>

#include <algorithm>
#include <optional>

namespace tasuki::heartbeat {

namespace {

constexpr std::uint32_t magic = 0x54534b48; // "TSKH"

unsigned char const* octets(byte_view bytes) {
    return reinterpret_cast<unsigned char const*>(bytes.data());
}

std::array<std::byte, mac_bytes> mac_of(byte_view bytes, secret const& key) {
    static_assert(mac_bytes == crypto_generichash_BYTES_MIN);
    std::array<std::byte, mac_bytes> out{};
    crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(), octets(bytes),
                       bytes.size(), octets(key.bytes()), secret::length);
    return out;
}

struct envelope {
    std::uint32_t magic;
    std::uint8_t version;
    std::uint8_t type;
    std::uint16_t length;
    cluster_id cluster;
    node_id from;
    node_id to;
    key_id key;
};

envelope read_envelope(byte_reader& reader) {
    envelope out{};
    out.magic = reader.u32();
    out.version = reader.u8();
    out.type = reader.u8();
    out.length = reader.u16();
    out.cluster.bytes = reader.array<16>();
    out.from = node_id{reader.u32()};
    out.to = node_id{reader.u32()};
    out.key = key_id{reader.u16()};
    return out;
}

/// The cheap checks, in the order of the enum; they keep strangers away from the cryptography.
std::optional<reject> refuse_envelope(envelope const& head, std::size_t size, listener const& who) {
    if (head.magic != magic)
        return reject::bad_magic;
    if (head.version != wire_version && head.version != wire_version_of_changed_voters)
        return reject::unknown_version;
    if (head.type != static_cast<std::uint8_t>(message_type::hello) &&
        head.type != static_cast<std::uint8_t>(message_type::beat))
        return reject::unknown_type;
    if (head.length != size)
        return reject::bad_length;
    if (head.cluster != who.cluster)
        return reject::other_cluster;
    if (head.from == who.self)
        return reject::reflected;
    if (std::find(who.roster.begin(), who.roster.end(), head.from) == who.roster.end())
        return reject::unknown_sender;
    if (head.to != who.self)
        return reject::not_for_us;
    return std::nullopt;
}

std::uint8_t version_of(message const& content) {
    return content.voters.version == 0 ? wire_version : wire_version_of_changed_voters;
}

std::size_t header_bytes_of(std::uint8_t version) {
    return version == wire_version ? header_bytes - voter_version_bytes : header_bytes;
}

bool is_well_formed(message const& opened) {
    return opened.path < paths_max && opened.session.is_set() && opened.sequence != 0 &&
           (opened.type == message_type::beat || opened.payload.empty());
}

} // namespace

cluster_id cluster_named(std::string_view name) {
    cluster_id out;
    crypto_generichash(reinterpret_cast<unsigned char*>(out.bytes.data()), out.bytes.size(),
                       reinterpret_cast<unsigned char const*>(name.data()), name.size(), nullptr,
                       0);
    return out;
}

byte_string seal(message const& content, cluster_id const& cluster, keyring const& keys) {
    TASUKI_REQUIRE(content.payload.size() <= payload_bytes_max);
    TASUKI_REQUIRE(is_well_formed(content));
    auto const id = keys.signer();
    auto const version = version_of(content);
    auto const header = header_bytes_of(version);
    auto const length = header + content.payload.size() + mac_bytes;
    byte_writer out{length};
    out.u32(magic);
    out.u8(version);
    out.u8(static_cast<std::uint8_t>(content.type));
    out.u16(static_cast<std::uint16_t>(length));
    out.append(cluster.bytes);
    out.u32(content.from.value());
    out.u32(content.to.value());
    out.u16(id.value());
    out.u8(content.path);
    out.u64(content.session.value());
    out.u64(content.echo.value());
    out.u64(content.sequence);
    out.u64(content.config_digest);
    out.u64(content.voters.id.value());
    for (auto const age : content.heard_ms)
        out.u16(age);
    out.u32(content.uptime_s);
    if (version == wire_version_of_changed_voters)
        out.u32(content.voters.version);
    TASUKI_REQUIRE(out.size() == header);
    out.append(content.payload);
    out.append(mac_of(out.view(), *keys.find(id)));
    return std::move(out).take();
}

boost::system::result<message, reject> open(byte_view datagram, listener const& who) {
    if (datagram.size() < header_bytes_of(wire_version) + mac_bytes)
        return reject::too_short;
    if (datagram.size() > datagram_bytes_max)
        return reject::too_long;
    auto const signed_part = datagram.first(datagram.size() - mac_bytes);
    byte_reader reader{signed_part};
    auto const head = read_envelope(reader);
    if (auto const refused = refuse_envelope(head, datagram.size(), who))
        return *refused;
    auto const* const key = who.keys.find(head.key);
    if (key == nullptr)
        return reject::unknown_key;
    auto const expected = mac_of(signed_part, *key);
    bool const fits = crypto_verify_16(octets(expected), octets(datagram.last(mac_bytes))) == 0;
    if (!fits && !planted(bug::mac_not_compared))
        return reject::bad_mac;

    message opened;
    opened.type = static_cast<message_type>(head.type);
    opened.from = head.from;
    opened.to = head.to;
    opened.key = head.key;
    opened.path = reader.u8();
    opened.session = session_nonce{reader.u64()};
    opened.echo = session_nonce{reader.u64()};
    opened.sequence = reader.u64();
    opened.config_digest = reader.u64();
    opened.voters.id = voter_set_id{reader.u64()};
    for (auto& age : opened.heard_ms)
        age = reader.u16();
    opened.uptime_s = reader.u32();
    if (head.version == wire_version_of_changed_voters)
        opened.voters.version = reader.u32();
    opened.payload = reader.take(reader.left());
    bool const fits_version = version_of(opened) == head.version;
    if (reader.failed() || !fits_version || !is_well_formed(opened))
        return reject::bad_body;
    return opened;
}

} // namespace tasuki::heartbeat
