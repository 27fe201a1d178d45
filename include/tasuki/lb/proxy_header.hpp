#pragma once
// Who the client is, told in front of a connection that comes through a proxy.
//
// Both versions of the PROXY protocol (haproxy.org, "proxy-protocol.txt"): v1 a line of text, v2
// binary, with fields behind the addresses that are skipped. Pure: bytes in, verdict out.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/lb/pool.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace tasuki::lb {

inline constexpr std::size_t proxy_header_max = 536; ///< v2 with the fields that are in use

/// Of the connection as the client made it. Empty where the proxy made it by itself (a health
/// check: LOCAL, UNKNOWN).
struct proxied {
    std::optional<endpoint> client;
    std::optional<endpoint> server;
    std::size_t size = 0; ///< of the header
};

struct header_reading {
    enum class verdict : std::uint8_t { whole, more, bad };
    verdict is = verdict::more;
    proxied what;
    std::string fault; ///< of a bad one
};
/// `bytes`: what has come so far, from the beginning.
[[nodiscard]] header_reading read_proxy_header(byte_view bytes);

[[nodiscard]] byte_string write_proxy_header(proxy_header version, endpoint const& client,
                                             endpoint const& server);

} // namespace tasuki::lb
