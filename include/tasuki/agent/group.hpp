#pragma once
// One group on one node: its election, its addresses and its database, translated into each other.
//
// The election says who may act; the database says whether the master is open; the address follows
// both. Nothing here reads a clock or touches the world: everything wanted goes into `work`.
// Invariants: the address is wanted only while the lease is held and the master (if any) is open; a
// record is changed one step at a time, and only by the active node; the lease is released only
// after the addresses are gone and our server is closed or dead, or at the end of the lease.

#include "tasuki/agent/database.hpp"
#include "tasuki/agent/inheritance.hpp"
#include "tasuki/agent/journal.hpp"
#include "tasuki/agent/server_gate.hpp"
#include "tasuki/agent/work.hpp"

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::agent {

class group {
  public:
    group(node_settings const&, group_settings const&, election::policy, election::state);

    void receive(work&, node_id from, election::message);
    void stored(work&, election::stored const&);
    void address(work&, address_changed const&);
    void conflict(std::string text) { conflict_ = std::move(text); }
    void link(work&, bool up, std::string trouble);
    void clock(work& job, bool within_bound) { step(job, election::clock_checked{within_bound}); }
    void count_in(work&, election::electorate const&); ///< other voters than before
    void facts(work&, node_id, mysql::server_facts const&);
    void gone(work&, server_incarnation life);
    void answered(work&, mysql::answer const&);
    void held(work&, sessions_held const&);
    void wish(work&, operator_asked const&);
    void woke(work&);
    [[nodiscard]] instant next_wake() const;
    /// When it next looks at who is there; a little earlier does no harm.
    [[nodiscard]] instant looks_around_at() const { return presence_at_; }
    /// The agent is about to end: give the lease up in good order and do not stand again.
    void retire(work&);
    /// No time is left for that: the address goes, and what may take writes is closed.
    void abandon(work&);
    /// Nothing of ours is left to be given up or said.
    [[nodiscard]] bool is_idle() const;
    /// From one program to the next in its place; nothing while anything is under way.
    [[nodiscard]] std::optional<group_inheritance> bequeath() const;
    void inherit(work&, group_inheritance const&);

    [[nodiscard]] group_settings const& settings() const { return settings_; }
    [[nodiscard]] election::state const& election_state() const { return elect_; }
    /// The epoch that this node serves the group under, if it does.
    [[nodiscard]] std::optional<epoch> served_under() const {
        return address_wanted_ ? std::optional{elect_.under} : std::nullopt;
    }
    [[nodiscard]] election::record const& record() const { return known_record(elect_); }
    [[nodiscard]] database const* data() const { return data_ ? &*data_ : nullptr; }
    [[nodiscard]] running_operation const& last_operation() const { return operation_; }
    [[nodiscard]] std::string const& conflict() const { return conflict_; }
    [[nodiscard]] bool address_here() const { return address_here_; }
    [[nodiscard]] std::string const& address_trouble() const {
        return link_up_ ? address_trouble_ : link_trouble_;
    }
    [[nodiscard]] bool link_is_up() const { return link_up_; }
    [[nodiscard]] std::uint64_t active_since_ms() const { return active_since_ms_; }
    [[nodiscard]] instant open_to_clients_until() const; ///< see server_gate
    /// Who holds the lease, as far as this node knows.
    [[nodiscard]] node_id holder(instant now) const;
    [[nodiscard]] mysql::readiness readiness(work const&) const;
    [[nodiscard]] bool willing(work const&, node_id) const; ///< to take over now
    /// May this node stand, and if not, why not.
    [[nodiscard]] election::suitability suitability(work const&, std::string* why = nullptr) const;

  private:
    void step(work&, election::event);
    void take_step(work&, election::event const&);
    void carry_out(work&);
    void start_serving(work&, election::start_serving const&);
    void stop_serving(work&, election::stop_serving const&);
    void committed(work&, election::record const&);
    void note_role(work&, election::role before, election::reason);
    void update_fitness(work&);
    void want_address(work&);
    void queue_change(work&, change);
    void send_next_change(work&);
    void drop_changes(work&);
    void refuse_plan(work&, std::string code, std::string text);

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
    void own_facts(work&, mysql::server_facts const&);
    void release_if_master_is_dead(work&);
    void update_presence(work&);
    void resume_after_abort(work&);

    void leave(work&, std::string reason = "the agent is stopped");
    void hand_over(work&, node_id successor, bool told = false);
    void address_refused(work&, std::string const& why);
    void finish_leaving(work&);
    void close_own_server(work&, epoch under, duration limit);
    void kill_own_server(work&, epoch under);
    void submit_fence(work&, epoch under, duration limit, mysql::operation);
    void fence_answered(work&, mysql::answer const&);
    void watch_fence(work&);
    void guard_own_server(work&, mysql::server_facts const&);

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
    void founded(work&);
    void obey_record(work&);
    [[nodiscard]] bool successor_exists(work const&) const;
    [[nodiscard]] std::optional<node_id> first_willing(work const&) const;
    void leave_for_standby(work&);
    void watch_force(work&);
    void void_force(work&, std::string text);
    void let_go_by_force(work&, operator_asked const&, ask_failover const&);
    [[nodiscard]] std::string unable_to_follow(work const&, node_id to) const;
    void take_over_by_force(work&, operator_asked const&, ask_failover const&);
    [[nodiscard]] bool own_server_serves() const;
    [[nodiscard]] bool hears_majority(work const&) const;
    [[nodiscard]] bool may_promote_itself() const;
    [[nodiscard]] mysql::readiness judge(work const&) const;
    /// The operator's word in the record, if it is for this node and still holds.
    [[nodiscard]] std::optional<permission> permitted(work const&) const;
    [[nodiscard]] bool forwarded(work&, operator_asked const&);
    [[nodiscard]] http::plan_view plain_plan(std::string kind, node_id to) const;
    void switch_plain(work&, operator_asked const&, ask_switchover const&);

    node_settings const& node_;
    group_settings const& settings_;
    election::policy rules_;
    election::state elect_;
    election::suitability told_;
    std::deque<election::event> inbox_; ///< what a step has caused while it goes on
    std::vector<election::command> commands_;
    bool stepping_ = false;
    std::optional<database> data_;
    server_incarnation own_life_;
    server_incarnation buried_; ///< a life whose end was seen by that of its successor's begin
    bool own_server_gone_ = false;
    bool writable_ = false; ///< our server may accept writes, as far as is known
    server_gate server_gate_;
    bool retiring_ = false;
    instant retire_by_ = never; ///< what was to be done in order is cut short then
    fencing fence_;
    std::uint64_t own_tickets_ = 0; ///< below the ranges of the procedures

    std::deque<change> changes_;
    bool change_sent_ = false;
    bool address_wanted_ = false;
    bool address_here_ = false;
    bool closing_ = false;
    std::optional<vacating> vacating_;
    instant leave_by_ = long_ago; ///< the lease is over then, whatever our server does
    instant address_retry_at_ = never;
    std::string address_trouble_;
    std::string conflict_;
    bool link_up_ = true;
    std::string link_trouble_; ///< while it is down
    running_operation operation_;
    std::optional<operator_asked> pending_plan_; ///< a dry run that waits for its plan
    std::optional<patient_bootstrap> pending_bootstrap_;
    std::optional<patient_bootstrap> founding_; ///< the first record is on its way
    std::optional<ask_failover> forced_;        ///< this node takes over by the operator's word
    operation_id forced_id_;
    instant forced_until_ = never;
    std::optional<running_operation> let_go_; ///< by the operator's word: the successor is awaited
    instant let_go_until_ = never;
    std::string leave_reason_;  ///< why this node goes on standby, in the operator's words
    std::string leave_trouble_; ///< why it has not yet
    instant leave_again_at_ = long_ago;
    duration leave_pause_{};
    std::string refusal_; ///< why the last promotion here was refused
    instant refused_until_ = long_ago;
    instant relief_again_at_ = long_ago; ///< when another member may next be asked to relieve us
    std::uint64_t active_since_ms_ = 0;
    instant wake_election_ = long_ago;
    instant presence_at_ = long_ago; ///< when it is next looked at who is there
};

} // namespace tasuki::agent
