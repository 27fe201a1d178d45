#pragma once
// The key file on disk: load it only if nobody else can have read or replaced it, and write it so.
//
// Refused: a symbolic link, anything but a regular file, a mode that lets group or others in, an
// owner other than root or ourselves, a folder above it in which others may rename files. The error
// names the file, what is wrong and the command that puts it right. `create` never overwrites a
// key; `replace` leaves the old file whole until the new one is on disk.
// See open(2) O_NOFOLLOW, O_EXCL; path_resolution(7); rename(2).

#include "tasuki/core/result.hpp"
#include "tasuki/heartbeat/keys.hpp"

#include <string>

namespace tasuki::heartbeat {

[[nodiscard]] result<keyring> load_key_file(std::string const& path);

/// Writes one new random key with id 1: mode 0600, file and folder on disk before it returns.
[[nodiscard]] result<void> create_key_file(std::string const& path);

/// Writes the file anew: beside it, mode 0600 and its owner kept, on disk, then in its place. After
/// an error the old file is still there, unless the error says that only the folder is not on disk.
[[nodiscard]] result<void> replace_key_file(std::string const& path, keyring const&);

[[nodiscard]] secret random_secret();
[[nodiscard]] transport_nonce random_transport_nonce();

/// From now on this process leaves no core dump and lets only root look into it: prctl(2),
/// PR_SET_DUMPABLE.
void keep_out_of_core_dumps();

/// Random bits from the kernel for a session nonce; never zero.
[[nodiscard]] std::uint64_t random_nonce();

} // namespace tasuki::heartbeat
