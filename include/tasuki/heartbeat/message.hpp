#pragma once
// The heartbeat datagram: seal and open. Pure and total: any bytes in, a message or a reject out.
//
// All fields are fixed width and big endian; the payload lies between the last field and the MAC:
//   0 magic 4 | version 1 | type 1 | length 2 | cluster 16 | from 4 | to 4 | key id 2 | path 1 |
//  35 session 8 | echo 8 | sequence 8 | configuration digest 8 | voter set 8 | heard 4 x 2 |
//  83 uptime 4 | version of the voter set 4, from wire version 3 on |
//  91 payload 0..1093 | MAC 16 (keyed BLAKE2b over everything before it)
// A cluster whose voters were never changed speaks version 2, which every release understands.
// Nothing of variable form is read before the MAC has been compared, in constant time. The payload
// is opaque here. Nothing is encrypted: a listener learns who is alive, not how to forge it.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/heartbeat/keys.hpp"
#include "tasuki/heartbeat/reject.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tasuki::heartbeat {

inline constexpr std::size_t datagram_bytes_max = 1200;
inline constexpr std::size_t header_bytes = 91; ///< the longest
inline constexpr std::size_t mac_bytes = 16;
inline constexpr std::size_t payload_bytes_max = datagram_bytes_max - header_bytes - mac_bytes;
/// Network paths of one node: addresses[0], addresses[1], ... A format constant.
inline constexpr std::size_t paths_max = 4;
/// As long as the voters are those of the files, and once they were changed.
inline constexpr std::uint8_t wire_version = 2;
inline constexpr std::uint8_t wire_version_of_changed_voters = 3;
inline constexpr std::size_t voter_version_bytes = 4;

/// `heard_ms` of a path on which nothing was ever heard.
inline constexpr std::uint16_t heard_never = 0xffff;

enum class message_type : std::uint8_t {
    hello = 1, ///< "this is my nonce": opens a session, carries no payload
    beat = 2,  ///< sent within a proven session, carries the payload
};

/// A challenge and a name of one session in one direction; random origin, zero is "none".
using session_nonce = strong_id<struct session_tag, std::uint64_t>;

struct cluster_id {
    std::array<std::byte, 16> bytes{};
    friend bool operator==(cluster_id const&, cluster_id const&) = default;
};
/// BLAKE2b of the cluster's configured name.
[[nodiscard]] cluster_id cluster_named(std::string_view name);

/// `payload` is borrowed: from the datagram that was opened, or from whoever composed the message.
struct message {
    message_type type = message_type::hello;
    node_id from;
    node_id to;
    key_id key; ///< set by `open`; `seal` takes the signer of the keyring
    std::uint8_t path = 0;
    session_nonce session;           ///< the sender's
    session_nonce echo;              ///< the receiver's, as the sender last learned it
    std::uint64_t sequence = 0;      ///< from 1; increases per receiver and path
    std::uint64_t config_digest = 0; ///< a difference only warns
    voter_set voters;                ///< an older one, or another of version 0, refuses the payload
    /// Age in ms, when this was sent, of what the sender last heard from the receiver, per path.
    std::array<std::uint16_t, paths_max> heard_ms{heard_never, heard_never, heard_never,
                                                  heard_never};
    std::uint32_t uptime_s = 0; ///< of the sender's agent
    byte_view payload{};
};

/// Who we are and whom we listen to. Borrowed for the duration of the call.
struct listener {
    cluster_id const& cluster;
    node_id self;
    std::span<node_id const> roster; ///< the other nodes
    keyring const& keys;             ///< derived for `key_purpose::heartbeat`
};

/// The payload must fit `payload_bytes_max`, and a hello has none.
[[nodiscard]] byte_string seal(message const&, cluster_id const&, keyring const&);

[[nodiscard]] boost::system::result<message, reject> open(byte_view datagram, listener const&);

} // namespace tasuki::heartbeat
