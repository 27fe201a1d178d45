#pragma once
// The login of a MySQL session: what a server greets with, what a client answers, and how the same
// answer is given to another server.
//
// Only mysql_native_password: the answer to a challenge is SHA1(password) XOR
// SHA1(challenge + SHA1(SHA1(password))), so SHA1(password) is all that has to be known, and
// whether a client has used it can be told from its own answer. Sources: MySQL 8.0 source
// documentation, "Connection Phase"; MariaDB knowledge base, "Connecting".

#include "tasuki/core/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::lb {

/// SHA1 of a password. Whoever has it can log in: as secret as the password itself.
using native_secret = std::array<std::byte, 20>;
[[nodiscard]] native_secret secret_of(std::string_view password);

inline constexpr std::string_view native_plugin = "mysql_native_password";
inline constexpr std::size_t challenge_size = 20;

/// Empty for a challenge of another length.
[[nodiscard]] byte_string answer_to(byte_view challenge, native_secret const&);

struct server_greeting {
    bool is_mariadb = false;
    std::uint64_t capabilities = 0;
    byte_string challenge;
    std::string plugin;
    template<class Archive>
    void members(Archive& it) {
        it(is_mariadb, capabilities, challenge, plugin);
    }
};
[[nodiscard]] std::optional<server_greeting> read_greeting(byte_view payload);

/// A server that wants another plugin, or another answer for the same one.
struct switch_request {
    std::string plugin;
    byte_string challenge;
    template<class Archive>
    void members(Archive& it) {
        it(plugin, challenge);
    }
};
[[nodiscard]] std::optional<switch_request> read_switch_request(byte_view payload);

struct client_login {
    std::uint64_t capabilities = 0;
    std::uint32_t packet_max = 0;
    std::uint8_t character_set = 0;
    std::string user;
    byte_string answer;
    std::string plugin;
    byte_string attributes; ///< with their length in front, as they came
    template<class Archive>
    void members(Archive& it) {
        it(capabilities, packet_max, character_set, user, answer, plugin, attributes);
    }
};
/// Nothing for what is no login of protocol 4.1, and for the request to speak TLS.
[[nodiscard]] std::optional<client_login> read_login(byte_view payload);
/// A payload; without a schema if there is none. It answers with `native_plugin`.
[[nodiscard]] byte_string write_login(client_login const&, byte_view answer,
                                      std::optional<std::string> const& schema);

/// A payload with its header, below 16 MiB.
[[nodiscard]] byte_string packet_of(std::uint8_t sequence, byte_view payload);

/// Puts packets together that come in pieces, where all of them are short.
class short_packets {
  public:
    static constexpr std::size_t size_max = 16 * 1024;
    /// `use` gets the sequence number and the payload of each whole packet. False once one is
    /// longer than `size_max`: nothing more is read then.
    bool read(byte_view bytes, std::function<void(std::uint8_t, byte_view)> const& use);
    [[nodiscard]] bool is_at_boundary() const { return kept_.empty(); }
    template<class Archive>
    void members(Archive& it) {
        it(kept_, failed_);
    }

  private:
    byte_string kept_;
    bool failed_ = false;
};

} // namespace tasuki::lb
