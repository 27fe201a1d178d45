#pragma once
// One step of a promotion: a copy of the state that the event moves on, and the commands so far.
//
// The event first changes what is known (`heard`, `committed`); then `advance` asks the phase
// whether it is complete, until no phase moves any more. Prologue, completion and opening have a
// file each.

#include "tasuki/mysql/failover.hpp"

namespace tasuki::mysql::failover {

class run {
  public:
    run(state before, instant now, policy const& rules)
        : s_(std::move(before))
        , now_(now)
        , rules_(rules) {}

    void on(begin const&);
    void on(answered const&);
    void on(journalled const&);
    void on(tick const&);
    [[nodiscard]] outcome result() &&;

  private:
    // failover.cpp: what came in, and the way to the next phase
    void heard(question const&, answer const&);
    void freeze_answered(question const&, answer const&);
    void learn(question const&, answer const&);
    void committed(bool ok);
    void advance();
    void check();
    void enter(phase, duration limit);
    void put(node_id, operation, duration limit);
    void write(milestone, std::vector<acker> frozen, standing);
    void say(std::string text);
    void refuse(std::string text, std::optional<node_id> successor);
    void abort(std::string text, std::optional<node_id> successor);
    void fall_back();
    void finish();

    // failover_choice.cpp: from confirm to choose
    void normalise();
    [[nodiscard]] std::optional<std::string> objection() const;
    void check_confirm();
    void start_reach();
    void check_reach();
    void start_freeze();
    void write_fence();
    void check_freeze();
    void decide();
    [[nodiscard]] std::optional<std::string> barred_here(assessment const&) const;
    [[nodiscard]] gtid_list held_besides(assessment const&) const;
    void decide_among(assessment const&);
    void continue_before(assessment const&);
    [[nodiscard]] std::string missing_ackers(assessment const&) const;
    void accept_or_refuse(assessment const&, bool position_lost);
    void choose(assessment const&);
    void start_look();
    void check_look();
    [[nodiscard]] std::optional<std::string> looks_wrong(member const&);
    [[nodiscard]] std::optional<std::string> may_have_forgotten();

    // failover_completion.cpp: from drain to repoint
    void start_drain();
    void drain_answered(question const&, answer const&);
    void check_drain();
    void start_equalise();
    void check_equalise();
    void start_arm();
    void check_arm();
    [[nodiscard]] std::optional<std::string> find_divergence();
    [[nodiscard]] gtid_list extra_of(server_facts const&) const; ///< beyond what this node has
    void start_repoint();
    void engage_all();
    void engage(member const&);
    [[nodiscard]] bool is_engaged(member const&) const; ///< to be a replica of this node
    [[nodiscard]] bool is_replica_of_ours(server_facts const&) const;
    [[nodiscard]] bool follows_already(member const&, server_facts const&) const;
    [[nodiscard]] bool is_hopeful(member const&) const; ///< could still become an acker in time
    void follow_us(member const&);
    void follow_answered(question const&, answer const&);
    void check_repoint();
    void without_ackers();

    // failover_opening.cpp: from record to the end
    void start_record();
    void start_open();
    void check_open();
    void start_recant();
    void write_steady();
    void start_undo();
    void check_undo();

    [[nodiscard]] member const& self() const;
    [[nodiscard]] endpoint old_server() const;
    [[nodiscard]] node_id old_master() const { return s_.input.recorded.now.master; }
    [[nodiscard]] bool is_other(member const&) const; ///< neither this node nor the old master
    [[nodiscard]] bool may_acknowledge(member const&) const;
    [[nodiscard]] bool is_silent(node_id) const;
    [[nodiscard]] server_facts const* facts_of(node_id) const;
    [[nodiscard]] bool proven_before() const; ///< a predecessor's journal gives a position
    [[nodiscard]] gtid_list own_holdings() const;
    [[nodiscard]] std::optional<node_id> fallback_successor() const;
    [[nodiscard]] bool is_confirmed(acker const&) const;
    [[nodiscard]] std::vector<acker> confirmed() const;
    [[nodiscard]] std::string name(node_id) const;

    state s_;
    std::vector<command> commands_;
    std::string reason_;
    instant now_;
    policy const& rules_;
};

} // namespace tasuki::mysql::failover
