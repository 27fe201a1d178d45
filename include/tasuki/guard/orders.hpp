#pragma once
// What the guardian shall do when its agent cannot: prepared by the agent, kept ready in memory.
//
// Everything is complete bytes for the kernel or for the wire, so that the guardian has nothing to
// compute, to allocate or to know at the moment it acts: questions for the connections of the
// addresses, which are reset so that their clients do not wait for a node that has gone, netlink
// requests that take the addresses away, then datagrams, signed in advance, that tell the other
// voters that the lease is given up. An order replaces the one before. Form (big endian): magic
// u32, version u16, serial u64, flags u8, count u16 and listings (length u32, bytes), count u16 and
// requests (the same), count u16 and datagrams (family u8, local address, remote address, port u16,
// length u16, bytes).

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tasuki::guard {

inline constexpr std::size_t listings_max = 64;   ///< some addresses and one family each
inline constexpr std::size_t requests_max = 4096; ///< addresses times links
inline constexpr std::size_t datagrams_max = 64;  ///< peers times paths
inline constexpr std::size_t orders_bytes_max = 192UL * 1024;

struct datagram {
    ip_address from; ///< a local address; the port is free
    endpoint to;
    byte_string bytes;
    friend bool operator==(datagram const&, datagram const&) = default;
};

struct orders {
    std::uint64_t serial = 0; ///< for the log
    /// The process whose descriptor comes along has to be dead before the datagrams go: its data is
    /// not protected by anybody else.
    bool end_server = false;
    /// The addresses fall silent at their deadline whoever acts: what else is done can come first.
    bool falls_silent = false;
    std::vector<byte_string> listings; ///< each a whole netlink message for NETLINK_SOCK_DIAG
    std::vector<byte_string> requests; ///< each a whole netlink message for NETLINK_ROUTE
    std::vector<datagram> datagrams;
    friend bool operator==(orders const&, orders const&) = default;
};

[[nodiscard]] byte_string encode(orders const&);
[[nodiscard]] result<orders> decode_orders(byte_view);

} // namespace tasuki::guard
