#pragma once
// Finding and destroying the sockets of an address (sock_diag(7)): requests out, sockets in.
//
// Before an address leaves, its established connections are reset: a client that is told
// reconnects at once, one that is not waits for its timeouts. The kernel itself filters by local
// address, so that a server with many other connections is not listed in full. A listener keeps
// listening and an unconnected UDP socket stays bound: the address may come back.

#include "tasuki/core/net.hpp"
#include "tasuki/vip/netlink_message.hpp"

#include <optional>
#include <vector>

namespace tasuki::vip {

enum class transport : std::uint8_t { tcp = 6, udp = 17 };

/// One request lists one family of sockets; for TCP there is one for both, as old as the facility
/// (TCPDIAG_GETSOCK): the kernel walks its whole table for each request, a millisecond on a large
/// machine. Sockets of IPv6 may well carry IPv4 connections.
struct socket_question {
    transport protocol = transport::tcp;
    std::optional<ip_family> sockets{};
};

/// Lists the connections whose local address is one of `locals`; there is at least one, and at
/// most `locals_max`.
inline constexpr std::size_t locals_max = 256;
[[nodiscard]] byte_string list_sockets_message(socket_question const&,
                                               std::vector<ip_address> const& locals);

/// The requests that list all TCP connections of these addresses.
[[nodiscard]] std::vector<byte_string> list_connections(std::vector<ip_address> const& locals);
/// Sockets of IPv4 carry IPv4 only; those of IPv6 carry both.
[[nodiscard]] std::vector<ip_address> locals_of(socket_question const&,
                                                std::vector<ip_address> const& locals);

/// From a listed socket, the request that destroys exactly it; nothing if it is no socket.
[[nodiscard]] std::optional<byte_string> destroy_message(transport, netlink_part const& listed);

} // namespace tasuki::vip
