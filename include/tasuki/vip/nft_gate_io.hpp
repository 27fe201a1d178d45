#pragma once
// The gate in the kernel's packet filter: the rung `nftables` of enforcement.
//
// Decides nothing, as gate_io.hpp. It stands before everything that this node takes in or says by
// itself, on every link there is or will be, except what is sent past the stack (packet sockets):
// only the agent announces addresses so, and looks at the deadline before. Takes CAP_NET_ADMIN.
// Each change is one batch, carried out while it is sent: well under a millisecond, unless another
// program changes the packet filter at that moment. The tables stay when this process ends; those
// of the next life take their place at once. take_nft_gate_off() is for a good end.

#include "tasuki/core/result.hpp"
#include "tasuki/vip/netlink_io.hpp"
#include "tasuki/vip/nft_gate.hpp"

#include <functional>
#include <map>
#include <vector>

namespace tasuki::vip {

class nft_gate {
  public:
    /// Nothing in the kernel is touched before put_up().
    [[nodiscard]] static result<nft_gate> open(std::function<instant()> now);

    /// Of addresses that are never served.
    [[nodiscard]] nft_key nobody() const { return nobody_; }
    /// A key that was not handed out in this life, nor in another one.
    [[nodiscard]] nft_key new_key() { return ++last_key_; }
    /// Before put_up(). Closed until set() says otherwise.
    void guard(ip_address const&, nft_key);
    void guard(std::uint16_t port, nft_key key) { tables_.ports.push_back({port, key}); }
    void admit(ip_address const& member) { tables_.members.push_back(member); }
    /// The tables with all that is guarded, open as set() said; in the place of any former ones.
    /// The problem says what is missing.
    [[nodiscard]] result<void> put_up();

    /// Before put_up() it is only noted. Tables that somebody has taken away are put up again.
    [[nodiscard]] result<void> set(nft_key, gate_times const&);
    /// Puts the tables up again where somebody has taken them away.
    [[nodiscard]] result<void> look_after();
    /// The address passes again as if there were no gate.
    void forget(ip_address const&);

  private:
    nft_gate(netlink_conversation, std::function<instant()> now);
    enum class loss { put_back, told }; ///< what is done where the tables are gone
    [[nodiscard]] result<void> change(nft_key, gate_times const&, loss);
    [[nodiscard]] int give_ticket();
    [[nodiscard]] int attempt(nft_key, std::vector<nft_opening> const&, instant now);
    [[nodiscard]] std::vector<nft_opening> changes(nft_key, gate_times const&, instant now,
                                                   milliseconds margin) const;
    void note(std::vector<nft_opening> const&, instant now);
    [[nodiscard]] int put_tables(instant now);
    [[nodiscard]] result<void> put_back(nft_key);

    netlink_conversation talk_;
    std::function<instant()> now_;
    nft_key nobody_;
    nft_key ticket_;
    instant ticket_at_ = long_ago; ///< it was put there before
    nft_key last_key_;
    bool up_ = false;
    nft_tables tables_;
    std::map<nft_key, gate_times> wanted_;
    std::map<std::pair<gate_side, nft_key>, instant> told_; ///< until when its element may live
};

/// Whoever put it up.
void take_nft_gate_off();

} // namespace tasuki::vip
