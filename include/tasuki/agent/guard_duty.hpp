#pragma once
// What the guardian of this node is there for, and its watchdog, as the node's state says it: which
// of the slots are open, whose server it would have to end, what its orders are made from. Pure.
//
// A slot is closed when the addresses are about to go. There is one exception: while a program
// takes its time over that, the lease is held, and a server that writes what nobody else has is
// still open. Then the slot stays, and its deadline moves with the lease, so that a guardian ends
// that server if the agent cannot.

#include "tasuki/agent/node.hpp"
#include "tasuki/vip/lifetime.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace tasuki::agent {

/// Groups held here whose server may accept commits that are protected by nobody else.
[[nodiscard]] std::vector<group_id> unprotected_here(node const&);
/// Whoever is dead: what is behind a gate is silent at its deadline.
[[nodiscard]] bool falls_silent(vip::enforcement);
/// The orders are made anew when this changes. `signer` names the key that signs farewells.
[[nodiscard]] std::vector<std::uint64_t> guard_basis(node const&, std::uint64_t signer,
                                                     vip::enforcement);

/// Nothing answers here beyond its lease, which is what a watchdog device is fed for. What a
/// program moves is silent here by then, though the program may still have to tell the cloud.
[[nodiscard]] bool keeps_within_leases(node const&, instant now);

class guard_slots {
  public:
    /// The same as long as the page is, wherever the file names the group.
    [[nodiscard]] std::size_t of(group_id);
    [[nodiscard]] std::map<group_id, std::size_t> const& all() const { return slots_; }
    /// As the program before this one has used them.
    void take_over(std::map<group_id, std::size_t> slots) { slots_ = std::move(slots); }
    void forget(group_id group) { slots_.erase(group); }

    /// A program is about to give up the addresses: true if the slot is to be closed now.
    [[nodiscard]] bool leave(group const&);
    /// What is done after each turn of the node with those that have stayed.
    struct change {
        std::size_t slot = 0;
        bool closes = false;
        epoch under; ///< else it is extended
        instant deadline = long_ago;
    };
    [[nodiscard]] std::vector<change> changes(node const&);

  private:
    std::map<group_id, std::size_t> slots_;
    std::set<group_id> staying_;
};

} // namespace tasuki::agent
