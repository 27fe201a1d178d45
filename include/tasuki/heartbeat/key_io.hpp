#pragma once
// The key file on disk: load it only if nobody else can have read or replaced it, and create it so.
//
// Refused: a symbolic link, anything but a regular file, a mode that lets group or others in, an
// owner other than root or ourselves, a folder above it in which others may rename files. The error
// names the file, what is wrong and the command that puts it right. Never overwrites a key.
// See open(2) O_NOFOLLOW, O_EXCL; path_resolution(7).

#include "tasuki/core/result.hpp"
#include "tasuki/heartbeat/keys.hpp"

#include <string>

namespace tasuki::heartbeat {

[[nodiscard]] result<keyring> load_key_file(std::string const& path);

/// Writes one new random key with id 1: mode 0600, file and folder on disk before it returns.
[[nodiscard]] result<void> create_key_file(std::string const& path);

/// Random bits from the kernel for a session nonce; never zero.
[[nodiscard]] std::uint64_t random_nonce();

} // namespace tasuki::heartbeat
