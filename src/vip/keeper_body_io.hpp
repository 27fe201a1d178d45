#pragma once
// The inside of the keeper, shared by its four files: the calls (keeper_io), making reality equal
// to what is wanted (keeper_reconcile_io), what happens by itself (keeper_watch_io), and the gate
// (keeper_gate_io).
//
// Invariant: every change of an address goes through reconcile() or refresh(); what `carried_`
// holds has been added or found by us and is reported when it goes.

#include "tasuki/vip/arp_io.hpp"
#include "tasuki/vip/gate_io.hpp"
#include "tasuki/vip/keeper_io.hpp"
#include "tasuki/vip/netlink_io.hpp"
#include "tasuki/vip/nft_gate_io.hpp"

#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace tasuki::vip {

[[nodiscard]] std::vector<ip_address> addresses_of(std::vector<configured_address> const&);

class keeper::body {
  public:
    body(boost::asio::io_context&, keeper_options);

    // keeper_io.cpp
    void adopt(group_id, epoch, instant deadline);
    [[nodiscard]] result<void> start();
    [[nodiscard]] result<void> want(group_id, epoch, bool here, instant deadline);
    [[nodiscard]] result<void> refresh(group_id, epoch, instant deadline);
    [[nodiscard]] result<void> open_port(std::uint16_t port, instant until);
    [[nodiscard]] result<void> probe(group_id);
    [[nodiscard]] std::optional<mac_address> stranger(group_id) const;
    [[nodiscard]] result<void> announce(group_id);
    [[nodiscard]] std::vector<byte_string> removals() const;
    [[nodiscard]] std::vector<byte_string> connections() const;
    [[nodiscard]] std::set<mac_address> own_macs() const;
    [[nodiscard]] result<std::vector<carried_address>> observed();

    [[nodiscard]] enforcement rung() const;
    [[nodiscard]] std::string rung_reason() const;
    void leave();

    conflict_watch conflicts;

  private:
    struct group_state {
        std::vector<configured_address> addresses; ///< behind the gate
        std::vector<configured_address> kept;      ///< but for what something else moves
        epoch owner;
        bool here = false;
        instant deadline = long_ago;
        told_lifetime told;
        bool gate_open = false;
        nft_key key = 0; ///< in the gate of nftables
        std::optional<instant> probed;
        std::string last_problem; ///< so that one problem is reported once
        std::string failed_link;  ///< as reported; empty while all its links work
    };
    struct carried {
        group_id group;
        std::uint32_t link = 0;
        announce_policy policy{};
        announce_schedule schedule{};
    };
    struct port_state {
        instant open_until = long_ago;
        nft_key key = 0; ///< in the gate of nftables
    };
    using problems = std::map<group_id, problem>;

    // keeper_io.cpp
    [[nodiscard]] result<void> open();
    [[nodiscard]] result<void> listen_everywhere();
    [[nodiscard]] result<void> check_claim(group_state const&, instant deadline) const;
    [[nodiscard]] bool is_gated(ip_address const&) const;
    [[nodiscard]] result<void> give_up(group_id, group_state&);
    [[nodiscard]] result<void> reconcile_for(group_id);

    // keeper_reconcile_io.cpp
    /// Lists, plans, changes, verifies. The problems are those of single groups.
    [[nodiscard]] result<problems> reconcile();
    [[nodiscard]] std::vector<desired_address> desired(std::vector<observed_address> const&,
                                                       problems&);
    void forget_vanished(std::vector<observed_address> const&);
    void note_losses(std::vector<operation> const&);
    void report_loss(ip_address const&, carried const&, group_state const&);
    [[nodiscard]] result<void> take_away(std::vector<operation>);
    void bring(std::vector<operation> const&, problems&);
    [[nodiscard]] announce_policy policy_of(ip_address const&) const;
    void settle_groups(problems const&, instant now);
    [[nodiscard]] instant hard_deadline(operation const& removal) const;
    [[nodiscard]] duration time_for_clients(instant hard) const;
    [[nodiscard]] std::vector<ip_address> untold_of(std::vector<operation> const&) const;
    void destroy_clients(std::vector<ip_address> const&, duration budget);
    [[nodiscard]] result<void> remove(std::vector<operation>);
    void resolve_all(std::vector<observed_address> const&);
    void spare_companions(std::vector<operation> const&);
    [[nodiscard]] result<void> resolve(configured_address const&, std::vector<link_state> const&,
                                       std::vector<observed_address> const&);
    [[nodiscard]] std::vector<link_state> known_links() const;
    [[nodiscard]] result<void> serving(std::uint32_t link) const;
    [[nodiscard]] std::string name_of(std::uint32_t link) const;
    [[nodiscard]] result<void> read_links();

    // keeper_gate_io.cpp
    /// Loads the gate and fills it; links get it by guard_links(), and nftables by settle_gates().
    [[nodiscard]] result<void> open_gate();
    [[nodiscard]] result<void> fill_gate();
    [[nodiscard]] bool guards_nothing() const;
    void guard_links();
    void put_before(std::vector<link_state> const&);
    void settle_gates();
    [[nodiscard]] result<void> put_nft_gate_up();
    [[nodiscard]] bool wants_nft_gate() const;
    [[nodiscard]] result<void> check_gate() const;
    [[nodiscard]] result<void> open_gate_of(group_state&);
    [[nodiscard]] result<void> tell_gate(group_state const&, gate_times const&);
    [[nodiscard]] result<void> close_gate_of(group_state&);
    [[nodiscard]] bool stands_everywhere() const;
    [[nodiscard]] result<void> close_to_moved(group_state&);
    [[nodiscard]] result<void> close_to(group_state&, std::vector<ip_address> const& locals);
    void close_gate_to(ip_address const&, instant leaving_until);
    void set_gate(ip_address const&, gate_times const&);
    void forget_gate(ip_address const&);
    void note_gate(result<void> const& done);
    [[nodiscard]] bool is_served(ip_address const&) const;

    // keeper_watch_io.cpp
    void on_notice(notice const&);
    void on_link(link_state const&);
    void on_link_gone(std::uint32_t index);
    void on_address(observed_address const&);
    void on_address_gone(observed_address const&);
    void learn_own_macs();
    void on_claim(claim const&);
    void tell_links();
    struct failed_link {
        std::string interface;
        std::string why;
    };
    [[nodiscard]] std::optional<failed_link> failed_link_of(group_state const&) const;
    void reconcile_in_background();
    void begin_announcing(group_id, instant now);
    void announce_due();
    void announce(ip_address const&, carried const&);
    void probe_due();
    void note_sending(group_id, result<void> const& sent);
    void tick();
    void arm();
    [[nodiscard]] instant next_wake(instant now) const;
    void report(keeper_event);

    boost::asio::io_context& io_;
    keeper_options const options_;
    std::set<ip_address> configured_;
    std::map<group_id, group_state> groups_;
    std::map<ip_address, group_id> group_of_;
    std::map<std::uint16_t, port_state> ports_;
    std::map<ip_address, std::uint32_t> link_of_;  ///< last resolved; survives a passing absence
    std::map<ip_address, std::string> unresolved_; ///< why no link was found, last time
    std::map<std::uint32_t, link_state> links_;
    std::map<ip_address, carried> carried_;
    std::set<ip_address> lost_; ///< deleted by others, by notice

    enforcement const lifetimes_; ///< how the kernel's lifetimes relate to the lease
    std::optional<gate> gate_;
    std::string no_gate_;                           ///< why there is none
    std::set<std::uint32_t> unguarded_;             ///< links to put it before
    std::map<std::uint32_t, std::string> gateless_; ///< links that do not take it, and why
    std::optional<nft_gate> nft_;                   ///< where the gate is not everywhere
    std::string no_nft_;                            ///< why there is none although it is needed
    bool nft_settled_ = false;                      ///< what a former life left of it is gone

    std::optional<netlink_conversation> routes_;
    std::optional<netlink_conversation> diagnosis_;
    std::unique_ptr<netlink_notices> notices_;
    neighbourhood neighbours_;
    bool cannot_destroy_sockets_ = false;

    boost::asio::steady_timer timer_;
    instant armed_ = never;
    instant recheck_at_ = long_ago;
    instant probe_at_ = long_ago;
    instant quiet_until_ = long_ago;
    bool dirty_ = false;
    bool removal_owed_ = false; ///< of what was given up behind a closed gate
    bool links_stale_ = false;
    std::string last_failure_; ///< of the whole, so that it is reported once
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace tasuki::vip
