#pragma once
// The plugin caching_sha2_password: a server that has seen the password lately is satisfied with an
// answer to its challenge; another one wants the password itself, sealed with its public key where
// the connection is not encrypted. Source: MySQL 8.0 source documentation, "Caching_sha2_password
// information".

#include "tasuki/core/bytes.hpp"

#include <string_view>

namespace tasuki::lb {

inline constexpr std::string_view sha2_plugin = "caching_sha2_password";

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + challenge).
[[nodiscard]] byte_string sha2_answer(byte_view challenge, std::string_view password);
/// RSA with OAEP; empty for what is no public key.
[[nodiscard]] byte_string sealed_password(std::string_view key_pem, byte_view challenge,
                                          std::string_view password);

} // namespace tasuki::lb
