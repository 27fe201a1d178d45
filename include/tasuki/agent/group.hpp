#pragma once
// One group on one node: its election, its addresses and its database, translated into each other.
//
// The election says who may act; the database says whether the master is open; the address follows
// both. Nothing here reads a clock or touches the world: everything wanted goes into `work`.
// Invariants: the address is wanted only while the lease is held and the master (if any) is open; a
// record is changed one step at a time, and only by the active node; the lease is released only
// after the addresses are gone.

#include "tasuki/agent/database.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/election/machine.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::agent {

/// What a call may use and fill: the moment, the effects, the letters to other nodes.
struct work {
    moment at;
    std::vector<effect>& effects;
    std::map<node_id, std::vector<election::entry>>& letters;
    heartbeat::peers const& peers;
    duration silent_after;

    [[nodiscard]] bool alive(node_id node) const;
    /// From when on the node counts as silent, if nothing more is heard of it.
    [[nodiscard]] instant silent_since(node_id node) const;
};

/// The operation under way, for its timeline.
struct running_operation {
    operation_id id;
    std::string kind;
    node_id from;
    node_id to;
    std::string reason;
    bool automatic = true;
    bool running = false;
    std::string result; ///< of the last one
    std::string text;
    std::uint64_t started_ms = 0;
};

class group {
  public:
    group(node_settings const&, group_settings const&, election::policy, election::state);

    void receive(work&, node_id from, election::message const&);
    void stored(work&, election::stored const&);
    void address(work&, address_changed const&);
    void conflict(std::string text) { conflict_ = std::move(text); }
    void link(work&, bool up);
    void facts(work&, node_id, mysql::server_facts const&);
    void gone(work&, server_incarnation life);
    void answered(work&, mysql::answer const&);
    void wish(work&, operator_asked const&);
    void woke(work&);
    [[nodiscard]] instant next_wake() const;
    /// The agent is about to end: give the lease up in good order and do not stand again.
    void retire(work&);
    /// No time is left for that: the address goes, and what may take writes is closed.
    void abandon(work&);
    /// Nothing of ours is left to be given up or said.
    [[nodiscard]] bool is_idle() const;

    [[nodiscard]] group_settings const& settings() const { return settings_; }
    [[nodiscard]] election::state const& election_state() const { return elect_; }
    [[nodiscard]] election::record const& record() const { return known_record(elect_); }
    [[nodiscard]] database const* data() const { return data_ ? &*data_ : nullptr; }
    [[nodiscard]] running_operation const& last_operation() const { return operation_; }
    [[nodiscard]] std::string const& conflict() const { return conflict_; }
    [[nodiscard]] bool address_here() const { return address_here_; }
    [[nodiscard]] std::string const& address_trouble() const { return address_trouble_; }
    [[nodiscard]] bool link_is_up() const { return link_up_; }
    [[nodiscard]] std::uint64_t active_since_ms() const { return active_since_ms_; }
    /// Who holds the lease, as far as this node knows.
    [[nodiscard]] node_id holder(instant now) const;
    [[nodiscard]] mysql::readiness readiness(work const&) const;
    /// May this node stand, and if not, why not.
    [[nodiscard]] election::suitability suitability(work const&, std::string* why = nullptr) const;

  private:
    struct change {
        std::function<void(election::record&)> apply;
        bool for_database = false;
        std::optional<operator_asked> asked;
        node_id successor{}; ///< who gets the lease once this is recorded
    };

    void step(work&, election::event);
    void carry_out(work&, std::vector<election::command>&);
    void start_serving(work&, election::start_serving const&);
    void stop_serving(work&, election::stop_serving const&);
    void committed(work&, election::record const&);
    void note_role(work&, election::role before, election::reason);
    void update_fitness(work&);
    void want_address(work&);
    void queue_change(work&, change);
    void send_next_change(work&);
    void drop_changes(work&);

    void open_database(work&);
    [[nodiscard]] opening opening_now(work const&) const;
    void grant_wishes(work&);
    void on_wish(work&, mysql::ask&);
    void on_wish(work&, mysql::journal&);
    void on_wish(work&, mysql::note&);
    void on_wish(work&, opened&);
    void on_wish(work&, gave_up&);
    void on_wish(work&, handing_over&);
    void on_wish(work&, switchover_ended&);
    void fence_own_server(work&);
    void release_if_master_is_dead(work&);
    void update_presence(work&);

    void begin_operation(work&, running_operation);
    void note(work&, std::string step, std::string text);
    void end_operation(work&, std::string result, std::string text);
    void answer(work&, operator_asked const&, answer_operator);
    void asked(work&, operator_asked const&, ask_switchover const&);
    void asked(work&, operator_asked const&, ask_failover const&);
    void asked(work&, operator_asked const&, ask_pause const&);
    void asked(work&, operator_asked const&, ask_standby const&);
    void asked(work&, operator_asked const&, ask_bootstrap const&);
    void continue_bootstrap(work&);
    void obey_record(work&);
    [[nodiscard]] bool successor_exists(work const&) const;
    [[nodiscard]] bool forwarded(work&, operator_asked const&);
    [[nodiscard]] http::plan_view plain_plan(std::string kind, node_id to) const;
    void switch_plain(work&, operator_asked const&, ask_switchover const&);

    node_settings const& node_;
    group_settings const& settings_;
    election::policy rules_;
    election::state elect_;
    election::suitability told_;
    std::deque<election::event> inbox_;
    bool stepping_ = false;
    std::optional<database> data_;
    server_incarnation own_life_;
    bool own_server_gone_ = false;
    bool retiring_ = false;

    std::deque<change> changes_;
    bool change_sent_ = false;

    bool address_wanted_ = false;
    bool address_here_ = false;
    bool closing_ = false;
    instant address_retry_at_ = never;
    std::string address_trouble_;
    std::string conflict_;
    bool link_up_ = true;

    running_operation operation_;
    std::optional<operator_asked> pending_plan_; ///< a dry run that waits for its plan
    struct patient_bootstrap {
        operator_asked asked;
        ask_bootstrap wish;
        instant deadline = never;
    };
    std::optional<patient_bootstrap> pending_bootstrap_;
    std::optional<ask_failover> forced_;
    operation_id forced_id_;
    std::string refusal_; ///< why the last promotion here was refused
    instant refused_until_ = long_ago;
    std::uint64_t active_since_ms_ = 0;
    instant wake_election_ = long_ago;
    instant presence_at_ = long_ago;
};

} // namespace tasuki::agent
