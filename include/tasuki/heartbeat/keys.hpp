#pragma once
// The cluster's secrets as values: parse, format, look up, derive. Reading files is key_io's.
//
// A key file has one key a line: `<id> <32 bytes as 64 hex or 44 base64 characters> [sign]`; `#`
// starts a comment. All keys are accepted, one signs: the marked one, else the last. The oldest
// comes first. To rotate: add the new key everywhere, mark it everywhere, drop the old one. The
// keys of the file are never used directly: each purpose has its own subkey (libsodium crypto_kdf,
// BLAKE2b). An id is at most 255, as the peer channel names it in one byte.
// Invariant: every copy of a secret inside these types is overwritten when it is left.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::heartbeat {

/// The name of a key in its file and on the wire; never zero.
using key_id = strong_id<struct key_tag, std::uint16_t>;
inline constexpr std::uint16_t key_id_max = 255;

/// Tells two keys of the same id apart and nothing about either: a subkey's first bytes.
using key_print = strong_id<struct key_print_tag, std::uint64_t>;

/// 32 secret bytes. Move-only; zeroed when moved from and when destroyed.
class secret {
  public:
    static constexpr std::size_t length = 32;

    secret() = default;
    explicit secret(std::span<std::byte const, length> bytes);
    secret(secret&& other) noexcept;
    secret& operator=(secret&& other) noexcept;
    secret(secret const&) = delete;
    secret& operator=(secret const&) = delete;
    ~secret();

    [[nodiscard]] byte_view bytes() const { return bytes_; }
    /// One more place that holds it; said aloud, because it never happens by itself.
    [[nodiscard]] secret copy() const { return secret{bytes_}; }

  private:
    void wipe() noexcept;

    std::array<std::byte, length> bytes_{};
};

/// A string that may hold secrets: overwritten when destroyed. For the text of a key file.
class secret_text {
  public:
    secret_text() = default;
    explicit secret_text(std::size_t size)
        : text_(size, '\0') {}
    secret_text(secret_text const&) = delete;
    secret_text& operator=(secret_text const&) = delete;
    secret_text(secret_text&& other) noexcept;
    secret_text& operator=(secret_text&&) = delete;
    ~secret_text();

    [[nodiscard]] std::string_view view() const { return {text_.data(), text_.size()}; }
    [[nodiscard]] std::vector<char>& buffer() { return text_; }

  private:
    std::vector<char> text_;
};

/// The numbers are part of the derivation and never change their meaning.
enum class key_purpose : std::uint8_t {
    heartbeat = 1,
    peer_channel = 2,
    transport = 3, ///< of another key, from node to node
    print = 4,
};

class keyring {
  public:
    static constexpr std::size_t keys_max = 8;

    /// False, and nothing changed, if the id is zero or taken or the ring is full.
    [[nodiscard]] bool add(key_id, secret, bool signs);
    /// False, and nothing changed, if there is no such key.
    [[nodiscard]] bool sign_with(key_id);
    /// False, and nothing changed, if there is no such key, or it signs.
    [[nodiscard]] bool drop(key_id);

    [[nodiscard]] keyring copy() const;
    /// Null if there is no such key.
    [[nodiscard]] secret const* find(key_id) const;
    /// The key that signs. The ring must not be empty.
    [[nodiscard]] key_id signer() const;
    [[nodiscard]] std::size_t size() const { return keys_.size(); }
    /// In the order of the file.
    [[nodiscard]] std::vector<key_id> ids() const;
    /// Of a key that is there.
    [[nodiscard]] key_print print(key_id) const;

  private:
    friend keyring derive(keyring const&, key_purpose);
    struct entry {
        key_id id;
        secret key;
    };
    std::vector<entry> keys_;
    std::size_t signer_ = 0;
};

/// The same ids and signer, each key replaced by its subkey for one purpose.
[[nodiscard]] keyring derive(keyring const& cluster_keys, key_purpose);

/// `file` only names the place in errors: "file:line: what is wrong (remedy)".
[[nodiscard]] result<keyring> parse_key_file(std::string_view text, std::string_view file);

/// The text of a key file; the ring is not empty.
[[nodiscard]] secret_text format_key_file(keyring const&);

/// A key on its way to another node: sealed under a third one that both have, and bound to its id
/// (XChaCha20-Poly1305), so that no buffer on the way ever holds it.
using transport_nonce = std::array<std::byte, 24>;
[[nodiscard]] byte_string wrap(secret const& key, key_id, secret const& under,
                               transport_nonce const&);
[[nodiscard]] result<secret> unwrap(byte_view wrapped, key_id, secret const& under);

} // namespace tasuki::heartbeat
