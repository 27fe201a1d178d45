#pragma once
// Reads a secret (cluster key, password) from its own file, or says why it will not.
//
// A file that others may read or write is refused rather than warned about, as is a symlink, a
// folder or a pipe: the content would be no secret, or not the owner's. At most 4,096 bytes; one
// newline at the end is dropped, since editors add it. The text is never printed.

#include "tasuki/core/result.hpp"

#include <cstddef>
#include <string>

namespace tasuki::agent {

inline constexpr std::size_t secret_bytes_max = 4096;

[[nodiscard]] result<std::string> read_secret(std::string const& file);

} // namespace tasuki::agent
