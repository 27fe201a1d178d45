#pragma once
// Keeps this node's virtual addresses as the agent wants them: the only place that changes them.
//
// The agent says per group whether it is active here, under which epoch and until when; the keeper
// compares with what the kernel shows (plan.hpp), changes what differs, and goes on watching. Older
// epochs are refused. An address is never kept, put back or prolonged beyond its deadline. Where
// the kernel lets it, a gate (gate.hpp) stands before every link, closed for each address that is
// not served here: it is there before an address is, and lets nothing in before the address goes.
// Lives on the lease thread: one thread, no locks, each call is bounded; events are posted to the
// io_context, so a callback may call back. Destruction leaves the addresses as they are: a planned
// restart adopts them; the gate goes only if no address is left. IPv4 and IPv6, ARP (RFC 5227) and
// neighbour discovery (RFC 4861).

#include "tasuki/vip/announce.hpp"
#include "tasuki/vip/events.hpp"
#include "tasuki/vip/lifetime.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace tasuki::vip {

/// A TCP port of this node that the gate, where there is one, keeps closed to all but the members
/// of the cluster from this instant on, whatever the address.
struct guarded_port {
    std::uint16_t port = 0;
    instant open_until = long_ago;
};

struct keeper_options {
    std::vector<configured_address> addresses; ///< all that this node may ever carry
    std::vector<guarded_port> ports;
    std::set<ip_address> members;              ///< who reaches a closed port all the same
    duration lease = milliseconds{2500};       ///< decides which enforcement is possible
    std::optional<enforcement> only;           ///< this rung and no other; else the best there is
    duration probe_every = milliseconds{1500}; ///< who else answers for what stands here?
    duration conflict_clear = std::chrono::seconds{10}; ///< several probes, as they may be lost
    duration recheck = std::chrono::seconds{5}; ///< compare with the kernel even without a notice
    duration socket_budget = milliseconds{100}; ///< most time to reset clients of one removal
    std::uint8_t tag = address_tag;
    std::function<instant()> now; ///< CLOCK_BOOTTIME; the keeper reads no clock of its own
    std::function<void(keeper_event const&)> on_event;
};

/// One address that stands on this node now, for status.
struct carried_address {
    group_id group; ///< not set if no configured group knows it
    ip_prefix address;
    std::string interface;
    bool wanted = false;
    std::optional<std::uint32_t> valid_s; ///< what is left of its lifetime, if it has one
    std::optional<conflict> contested;
};

class keeper {
  public:
    keeper(boost::asio::io_context&, keeper_options);
    keeper(keeper const&) = delete;
    keeper& operator=(keeper const&) = delete;
    ~keeper();

    /// Before start(): this group was active here before a planned restart and still is, so that
    /// the sweep leaves its addresses alone.
    void adopt(group_id group, epoch owner, instant deadline);
    /// Checks privileges and interfaces, removes leftovers, begins to watch. Of its problems,
    /// `absent` and `unavailable` are about an interface: the keeper watches all the same and
    /// serves as soon as that is there. After any other it has not started.
    [[nodiscard]] result<void> start();

    /// Brings reality to it before it returns. On success with `here` false nobody is answered any
    /// more: the addresses are verified to be gone, or are behind a closed gate and go right after,
    /// so that the next holder waits for less. After a failure with `here` true it is still wanted
    /// and tried again until the deadline: say false to give it up.
    [[nodiscard]] result<void> want(group_id group, epoch owner, bool here, instant deadline);
    /// A renewed lease: the deadline moves, and with it the lifetime in the kernel.
    [[nodiscard]] result<void> refresh(group_id group, epoch owner, instant deadline);

    /// Of one of the configured ports; refused where it cannot be told to a gate that stands.
    [[nodiscard]] result<void> open_port(std::uint16_t port, instant until);

    /// Asks the neighbours now who has the group's addresses; the answers come in later.
    [[nodiscard]] result<void> probe(group_id group);
    /// Who, neither we nor a peer, has claimed one of them since the last probe.
    [[nodiscard]] std::optional<mac_address> stranger(group_id group) const;
    void set_peer_macs(std::set<mac_address> macs);
    /// Tells the neighbours now; refused if the group is not active here.
    [[nodiscard]] result<void> announce(group_id group);

    /// Netlink requests that take away every configured address, there or not, from the link that
    /// it would stand on: for who acts when this process cannot.
    [[nodiscard]] std::vector<byte_string> removals() const;
    /// Netlink requests that list the TCP connections of all configured addresses, for the same.
    [[nodiscard]] std::vector<byte_string> connections() const;

    /// The MACs of this node's links, for the peers' set_peer_macs.
    [[nodiscard]] std::set<mac_address> own_macs() const;
    /// What enforces the lease now. It can fall when a new link takes no gate, and rise again.
    [[nodiscard]] enforcement rung() const;
    /// Why it is not a better one, with the remedy; empty for the best.
    [[nodiscard]] std::string rung_reason() const;
    /// Asks the kernel.
    [[nodiscard]] result<std::vector<carried_address>> observed();

  private:
    class body;
    std::unique_ptr<body> body_;
};

} // namespace tasuki::vip
