#pragma once
// The peer channel's form on the wire: who may talk (handshake), and how (sealed frames). Pure: the
// challenges come in as values, bytes go out. It decides nothing about connections.
//
// Both sides send a hello of 64 bytes, big endian: magic u32, version u16, role u8, key id u8,
// cluster 16, from u32, to u32, challenge 32. All secrets are BLAKE2b-256 of a label and both
// hellos under the cluster key, so they hold for these two nodes, roles and challenges only. Each
// side proves its knowledge of the key, the listener first. Then frames: length u32, and the
// message sealed by XChaCha20-Poly1305 under a key per direction and a counter as nonce: a frame
// that was replayed, dropped, reordered or changed cannot be opened. There is no forward secrecy:
// who learns the cluster key can read what was recorded.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tasuki::agent {

/// A secret: each copy is overwritten when it is left.
class channel_key : public std::array<std::byte, 32> {
  public:
    channel_key()
        : array{} {}
    channel_key(channel_key const&) = default;
    channel_key& operator=(channel_key const&) = default;
    ~channel_key();
};
using channel_proof = std::array<std::byte, 32>;
using channel_challenge = std::array<std::byte, 32>;
using channel_cluster = std::array<std::byte, 16>;

inline constexpr std::size_t hello_bytes = 64;
inline constexpr std::size_t frame_length_bytes = 4;
inline constexpr std::size_t frame_tag_bytes = 16;
inline constexpr std::size_t frame_bytes_max = 256UL * 1024; ///< sealed, without its length
inline constexpr std::size_t message_header_bytes = 1 + 8;
/// The longest body of a request or an answer.
inline constexpr std::size_t channel_body_max =
    frame_bytes_max - frame_tag_bytes - message_header_bytes;

enum class channel_refusal : std::uint8_t {
    truncated,     ///< shorter than its form asks for
    not_a_channel, ///< something else talks to this port
    other_version,
    wrong_role, ///< both sides call, or both listen: a reflection
    other_cluster,
    wrong_node,  ///< not meant for this node, or not from the one expected
    unknown_key, ///< a key id that is not configured here
    wrong_key,   ///< the proof does not match
    oversize,
    forged,    ///< the frame cannot be opened: damaged, replayed, dropped or out of order
    malformed, ///< opened, but no message of ours
};

[[nodiscard]] std::string_view to_string(channel_refusal reason);
/// The reason as a sentence with its remedy; `peer` names the other side.
[[nodiscard]] problem to_problem(channel_refusal reason, std::string_view peer);
[[noreturn]] void throw_exception_from_error(channel_refusal reason,
                                             boost::source_location const& place);

template<class T>
using channel_result = boost::system::result<T, channel_refusal>;

enum class channel_role : std::uint8_t { caller = 1, listener = 2 };

struct channel_hello {
    channel_role role = channel_role::caller;
    std::uint8_t key_id = 0;
    channel_cluster cluster{};
    node_id from;
    node_id to;
    channel_challenge challenge{};
    friend bool operator==(channel_hello const&, channel_hello const&) = default;
};

using hello_image = std::array<std::byte, hello_bytes>;
[[nodiscard]] hello_image encode(channel_hello const& hello);
[[nodiscard]] channel_result<channel_hello> decode_hello(byte_view bytes);

/// The other side's hello against ours: opposite role, same cluster and key id, names crosswise.
[[nodiscard]] channel_result<void> check_hello(channel_hello const& theirs,
                                               channel_hello const& ours);

struct channel_secrets {
    channel_proof caller_proof{};
    channel_proof listener_proof{};
    channel_key caller_to_listener{};
    channel_key listener_to_caller{};
};

[[nodiscard]] channel_secrets derive_secrets(channel_key const& cluster_key,
                                             hello_image const& caller,
                                             hello_image const& listener);
/// In constant time.
[[nodiscard]] channel_result<void> check_proof(channel_proof const& expected, byte_view received);

/// Seals the frames of one direction, in order.
class frame_sealer {
  public:
    explicit frame_sealer(channel_key const& key)
        : key_(key) {}
    /// Length and sealed message; at most `frame_bytes_max` - `frame_tag_bytes` go in.
    [[nodiscard]] byte_string seal(byte_view message);

  private:
    channel_key key_;
    std::uint64_t counter_ = 0;
};

/// Opens the frames of one direction, in order. After the first that fails, none opens.
class frame_opener {
  public:
    explicit frame_opener(channel_key const& key)
        : key_(key) {}
    /// `sealed` is what follows the length.
    [[nodiscard]] channel_result<byte_string> open(byte_view sealed);

  private:
    channel_key key_;
    std::uint64_t counter_ = 0;
    bool failed_ = false;
};

/// The four bytes before a frame: how many follow.
[[nodiscard]] channel_result<std::size_t> decode_frame_length(byte_view bytes);

enum class message_kind : std::uint8_t {
    request = 1,
    answer = 2,
    busy = 3,     ///< the request was not looked at: too many are open
    too_long = 4, ///< it was carried out, but the answer does not fit into a frame
    note = 5,     ///< wants no answer
};

struct channel_message {
    message_kind kind = message_kind::request;
    std::uint64_t id = 0; ///< chosen by the caller; the answer repeats it
    byte_string body;
    friend bool operator==(channel_message const&, channel_message const&) = default;
};

[[nodiscard]] byte_string encode(channel_message const& message);
[[nodiscard]] channel_result<channel_message> decode_message(byte_view bytes);

} // namespace tasuki::agent
