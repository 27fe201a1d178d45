#pragma once
// The gate loaded into the kernel and put before links: the rung `ebpf` of enforcement.
//
// Decides nothing: who opens it, and until when, is the keeper's business. Loading takes CAP_BPF
// (or CAP_SYS_ADMIN), putting it up CAP_NET_ADMIN. A gate that has been put up goes on without this
// process, each address closing at its deadline; nothing is pinned in a file system. Whoever comes
// next does not search for it but puts up his own, filled before: on each link one replaces the
// other at once. Each network namespace, and so each node of a lab, has its own. The object closes
// its descriptors only; take_gate_off() is for a good end.

#include "tasuki/core/result.hpp"
#include "tasuki/vip/gate.hpp"
#include "tasuki/vip/netlink_io.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

struct bpf_object;

namespace tasuki::vip {

class gate {
  public:
    /// Loads it, without entries and before no link. The problem says what is missing.
    [[nodiscard]] static result<gate> open();

    /// From now on; at most 1024 addresses have an entry.
    [[nodiscard]] result<void> set(ip_address const&, gate_times const&);
    /// The same for all of them, in one system call. One that is refused does not spare the others;
    /// the first problem is told.
    [[nodiscard]] result<void> set(std::vector<ip_address> const&, gate_times const&);
    /// The address passes again as if there were no gate.
    void forget(ip_address const&);
    /// From now on the TCP port is open to whoever is no member only until then; at most 64.
    [[nodiscard]] result<void> set_port(std::uint16_t port, instant until);
    /// Whoever reaches a closed port all the same, over the wire; at most 256.
    [[nodiscard]] result<void> admit(ip_address const& member);
    /// What was set last; nothing for an address without an entry.
    [[nodiscard]] std::optional<gate_times> times(ip_address const&) const;

    /// Puts it before those of the links that need one, in place of any former gate, and takes it
    /// from the others. What could not be done, by link; the others are done.
    [[nodiscard]] std::map<std::uint32_t, problem> put_before(netlink_conversation&,
                                                              std::vector<link_state> const&) const;

  private:
    struct closer {
        void operator()(bpf_object*) const;
    };
    explicit gate(std::unique_ptr<bpf_object, closer> loaded);
    [[nodiscard]] int program(link_state const&, gate_side) const;

    std::unique_ptr<bpf_object, closer> loaded_;
    int entries_ = -1;
    int ports_ = -1;
    int members_ = -1;
};

/// Takes away whatever gate stands before these links, whoever put it up. The qdiscs stay: others
/// may use them by now.
void take_gate_off(netlink_conversation&, std::vector<link_state> const&);

} // namespace tasuki::vip
