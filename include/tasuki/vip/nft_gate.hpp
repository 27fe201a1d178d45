#pragma once
// The gate of the rung `nftables`, as bytes: what it is made of, and how it is opened and closed.
//
// Where no eBPF can be loaded, two tables named `tasuki` do its work, `inet` for IP and neighbour
// discovery and `arp` for ARP. Each knows the addresses and under which key they are served; a key
// is open while an element of its name lives in the set of its direction. Elements die by
// themselves, with nobody alive, so that the gate closes at the end of a lease. Their time is
// relative and counts the kernel's ticks: they are given a little less than what is left.
// A deletion of what has died is refused, and with it the batch that it stands in. So whoever gives
// an element its life first puts a ticket there that soon dies, then looks at the clock, and then
// deletes the ticket in the batch: where the sender was stopped between the clock and the kernel,
// the kernel refuses it. Keys are drawn anew in each life, so that what a former life still says
// names nothing. linux/netfilter/nf_tables.h, nft(8), RFC 826, RFC 4861.

#include "tasuki/vip/gate.hpp"

#include <optional>
#include <vector>

namespace tasuki::vip {

/// What one lease is called in the tables: all its addresses open and close together.
using nft_key = std::uint32_t;

struct nft_address {
    ip_address address;
    nft_key key = 0;
    friend bool operator==(nft_address const&, nft_address const&) = default;
};

/// A TCP port of this node, whatever the address, closed to all but the members.
struct nft_port {
    std::uint16_t port = 0;
    nft_key key = 0;
    friend bool operator==(nft_port const&, nft_port const&) = default;
};

inline constexpr milliseconds nft_for_ever = milliseconds::max();

/// An element of one of the sets. Zero: none, the direction is closed.
struct nft_opening {
    gate_side side = gate_side::arriving;
    nft_key key = 0;
    milliseconds lives{0};
    bool prolongs = false; ///< what lives already, or else the whole batch is refused
    friend bool operator==(nft_opening const&, nft_opening const&) = default;
};

/// What is taken off the time that is left, for the way from the clock to the kernel: at least.
inline constexpr milliseconds nft_margin{3};
/// What an element may live so that it is surely gone at `until`; zero if that is too near, and
/// `nft_for_ever` for never.
/// A life that is shorter than a tick of the kernel's clock would never end on kernels of before
/// autumn 2024 ("elements with timeout below CONFIG_HZ never expire"): at HZ=100 a tick is 10 ms.
inline constexpr milliseconds nft_shortest_life{11};
/// Zero: it may not live any more.
[[nodiscard]] milliseconds nft_life(instant until, instant now, milliseconds margin = nft_margin);

/// A whole batch each, for netlink_conversation::transact().
using nft_batch = std::vector<byte_string>;

struct nft_tables {
    std::vector<nft_address> addresses;
    std::vector<nft_port> ports;
    std::vector<ip_address> members; ///< reach a closed port all the same, over the wire
    std::vector<nft_opening> openings;
};
/// Both tables with all they hold, in the place of any former ones, without a gap.
[[nodiscard]] nft_batch nft_tables_batch(nft_tables const&);
[[nodiscard]] nft_batch nft_removal_batch();

/// How long a batch may be on its way from the clock to the kernel, but for a tick of the kernel's.
inline constexpr milliseconds nft_ticket_life{20};
/// Refused with ENOENT if the tables are gone.
[[nodiscard]] nft_batch nft_ticket_batch(nft_key ticket);
/// Refused with ENOENT if something that was to be prolonged has died by now, the ticket has, where
/// there is one, or the tables have. It leaves a new ticket.
[[nodiscard]] nft_batch nft_change_batch(std::vector<nft_opening> const&,
                                         std::optional<nft_key> ticket = std::nullopt);
/// The address is nobody's business any more.
[[nodiscard]] nft_batch nft_forget_batch(ip_address const&);

} // namespace tasuki::vip
