#pragma once
// Opens the sockets the server listens on. Private to the room's sources.
//
// Errors name the address, the configuration key and the remedy. A control socket that was left
// behind is replaced only if nobody answers on it, and never anything that is not a socket.

#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <string>
#include <string_view>

namespace tasuki::http {

/// Close-on-exec, non-blocking, listening. `key` is the configuration's, such as "[http] listen".
[[nodiscard]] result<unique_fd> listen_tcp(endpoint const&, std::string_view key);
[[nodiscard]] result<endpoint> bound_address(int descriptor);

/// Mode 0660 from its first moment.
[[nodiscard]] result<unique_fd> listen_unix(std::string const& path);

} // namespace tasuki::http
