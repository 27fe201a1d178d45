#pragma once
// The inside of the lease thread: what it owns and how it turns effects into deeds. It belongs to
// lease_loop_io and lease_effects_io, and nobody else includes it. One thread, no locks.

#include "tasuki/agent/address_hooks_io.hpp"
#include "tasuki/agent/guard_duty.hpp"
#include "tasuki/agent/guard_link_io.hpp"
#include "tasuki/agent/lease_loop_io.hpp"
#include "tasuki/agent/lease_timer_io.hpp"
#include "tasuki/agent/lease_turns.hpp"
#include "tasuki/agent/make_settings.hpp"
#include "tasuki/agent/server_ports.hpp"
#include "tasuki/agent/stamp_io.hpp"
#include "tasuki/agent/store_io.hpp"
#include "tasuki/agent/watchdog_io.hpp"
#include "tasuki/heartbeat/key_io.hpp"
#include "tasuki/heartbeat/log_limit.hpp"
#include "tasuki/heartbeat/udp_io.hpp"
#include "tasuki/vip/keeper_io.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace tasuki::agent {
namespace asio = boost::asio;
/// The name of a group's state in the state folder.
[[nodiscard]] std::string folder_name(group_settings const&);

class lease_loop::body {
  public:
    explicit body(lease_loop_options options)
        : options_(std::move(options))
        , settings_(make_settings(options_.from, options_.node))
        , cluster_(heartbeat::cluster_named(settings_.cluster))
        , turns_([this](happening const& what) { return handle(what); },
                 [this](effect& it) { std::visit([this](auto& wanted) { act(wanted); }, it); })
        , rejects_(std::chrono::seconds{10}) {}

    result<void> open() {
        conditions_.version = options_.version;
        for (auto const& warning : options_.from.warnings)
            conditions_.warnings.push_back(to_string(warning));
        if (auto const opened = open_alarm(); !opened)
            return opened.error();
        if (auto const opened = open_state(); !opened)
            return opened.error();
        open_guard();
        if (auto const armed = arm_watchdog(); !armed)
            return armed.error();
        if (auto const opened = open_addresses(); !opened)
            return opened.error();
        open_paths();
        return {};
    }
    void start() {
        thread_ = std::thread{[this] { run(); }};
    }
    void stop() {
        if (!thread_.joinable())
            return;
        asio::post(io_, [this] { leave(); });
        thread_.join();
    }
    void post(happening what) {
        asio::post(io_, [this, what = std::move(what)] {
            if (auto const* const answered = std::get_if<order_answered>(&what))
                last_orders_.erase({answered->group, answered->what.ticket});
            turns_.happen(what);
        });
    }
    void ask(std::function<void(node const&, conditions const&, moment)> question) {
        asio::post(io_, [this, question = std::move(question)] {
            refresh_conditions();
            question(*node_, conditions_, read_clocks());
        });
    }

    void replace(program by, std::function<void(problem)> failed);
    void set_peer_macs(std::set<mac_address> macs) {
        asio::post(io_, [this, macs = std::move(macs)] { keeper_->set_peer_macs(macs); });
    }

    void set_keys(heartbeat::keyring keys, std::function<void()> done) {
        asio::post(io_, [this, keys = std::move(keys), done = std::move(done)]() mutable {
            options_.keys = std::move(keys);
            keep_guard_equipped();
            done();
        });
    }

    void set_server_process(group_id group, mysql::process_handle process) {
        asio::post(io_, [this, group, process = std::move(process)]() mutable {
            servers_[group] = std::move(process);
            equip_guard();
        });
    }

    void announce(group_id group, std::function<void(result<void>)> done) {
        asio::post(io_, [this, group, done = std::move(done)] { done(keeper_->announce(group)); });
    }

    [[nodiscard]] std::set<mac_address> const& own_macs() const { return own_macs_; }

  private:
    // --- opening ----------------------------------------------------------------------------
    result<void> open_alarm();
    result<void> open_state();
    result<void> arm_watchdog();
    result<void> open_addresses();
    void open_paths();
    void open_guard();
    void vouch_later();
    [[nodiscard]] election::voter_start start_of(group_settings const&, loaded_state const&);

    // --- the thread -------------------------------------------------------------------------
    void run();

    void act(transmit&);
    void act(store_state&);
    void act(stamp_grant&);
    void act(open_address&);
    void act(extend_address&);
    void act(close_address&);
    void act(probe_address&);
    void act(submit_order&);
    void act(wake&);
    void act(refused_heartbeat&);
    template<class Other>
    void act(Other& it) {
        depart(std::move(it));
    }

    void open_hooks();
    void open_by_hook(open_address const&);
    void close_by_hook(close_address const&);
    void try_to_replace(program, std::function<void(problem)> failed, instant until);
    [[nodiscard]] std::vector<effect> handle(happening const&);
    void keep_ports();
    [[nodiscard]] std::vector<vip::guarded_port> ports_at_start();
    void adopt_addresses();
    void take_over_guard();
    void keep_slots();
    void equip_guard();
    void keep_guard_equipped();
    [[nodiscard]] std::vector<std::uint64_t> basis_now() const;
    void on_datagram(heartbeat::datagram const& arrived);
    void on_keeper(vip::keeper_event const& event);
    void on_stored(write_done const& done);
    void refuse(heartbeat::reject why, endpoint const& source, std::uint64_t count = 1);
    void log_refusal(heartbeat::reject why, endpoint const& source);
    void on_alarm();
    void check_clock();
    void leave();
    void wait_until_idle();
    [[nodiscard]] bool may_end();
    void refresh_conditions();
    void depart(departure what) { options_.depart(std::move(what)); }

    lease_loop_options options_;
    node_settings settings_;
    heartbeat::cluster_id cluster_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> keep_running_{io_.get_executor()};
    lease_turns turns_;
    std::unique_ptr<boot_alarm> alarm_;
    std::unique_ptr<state_store> store_;
    std::unique_ptr<stamp_page> stamps_;
    std::unique_ptr<vip::keeper> keeper_;
    std::unique_ptr<heartbeat::udp_paths> paths_;
    std::unique_ptr<address_hooks> hooks_;
    std::unique_ptr<node> node_;
    std::unique_ptr<guard_link> guard_;
    std::unique_ptr<watchdog> watchdog_; ///< where one is configured
    standing_watch standings_;
    server_ports ports_;                     ///< as the keeper has accepted them
    guard_slots slots_;                      ///< in its page
    std::vector<std::uint64_t> guard_basis_; ///< what its orders were made from
    std::map<group_id, mysql::process_handle> servers_;
    heartbeat::reject_log rejects_;
    conditions conditions_;
    std::set<mac_address> own_macs_;
    instant due_ = never;
    instant fired_ = never;
    bool carries_ = false; ///< virtual IPs may be put on this node
    bool leaving_ = false;
    bool abandoned_ = false;
    std::set<std::pair<group_id, std::uint64_t>> last_orders_; ///< since leaving, by ticket
    asio::steady_timer leaving_timer_{io_};
    asio::steady_timer vouch_timer_{io_};
    asio::steady_timer replace_timer_{io_};
    asio::steady_timer clock_timer_{io_};
    bool clock_is_off_ = false;
    std::chrono::steady_clock::time_point leave_before_;
    std::thread thread_;
};

} // namespace tasuki::agent
