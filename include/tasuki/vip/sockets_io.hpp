#pragma once
// Resets the connections of addresses that are about to leave (sock_diag(7), SOCK_DESTROY).
//
// Bounded in time: the address has to go even if not all connections could be told. Connections
// that close by themselves meanwhile are no failure. A kernel without the facility says EOPNOTSUPP;
// the address then simply leaves, and clients find out by their own timeouts.

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/netlink_io.hpp"
#include "tasuki/vip/sockdiag.hpp"

#include <vector>

namespace tasuki::vip {

/// Destroys connected TCP and UDP sockets whose local address is one of `locals`, for at most
/// `budget`; returns how many.
[[nodiscard]] result<std::size_t> destroy_sockets(netlink_conversation& diagnosis,
                                                  std::vector<ip_address> const& locals,
                                                  duration budget);

} // namespace tasuki::vip
