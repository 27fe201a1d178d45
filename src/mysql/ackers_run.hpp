#pragma once
// One step of the keeping of ackers: a copy of the state that the event moves on.

#include "tasuki/mysql/ackers.hpp"

namespace tasuki::mysql::ackers {

class run {
  public:
    run(state before, instant now, policy const& rules)
        : s_(std::move(before))
        , now_(now)
        , rules_(rules) {}

    void on(begin const&);
    void on(presence const&);
    void on(answered const&);
    void on(journalled const&);
    void on(tick const&);
    [[nodiscard]] outcome result() &&;

  private:
    // ackers.cpp: what came in, and the observation
    void heard(question const&, answer const&);
    void learn(question const&, answer const&);
    void committed(bool ok);
    void advance();
    void check();
    void enter(phase, duration limit);
    void put(node_id, operation, duration limit);
    void write(phase, standing);
    void write_again();
    void say(std::string text);
    void watch();
    void observe();
    void look_for_reconnection();
    void let_in_the_locked();
    void probe_if_wanted();
    void repeat_ack_of(acker const&);
    void ask_for_probe();

    // ackers_judgement.cpp: who should acknowledge
    void check_watch();
    void mark_health();
    void mark_progress();
    [[nodiscard]] bool is_lost(node_id) const;
    [[nodiscard]] std::optional<std::string> why_leaves(acker const&) const;
    [[nodiscard]] bool may_join(member const&) const;
    [[nodiscard]] bool is_near(server_facts const&) const;
    [[nodiscard]] bool is_receiving(server_facts const*) const;
    [[nodiscard]] bool might_acknowledge(member const&) const;
    [[nodiscard]] bool is_connected(member const&) const;  ///< streams from this master now
    [[nodiscard]] std::vector<acker> all_recorded() const; ///< both sets
    [[nodiscard]] std::vector<acker> desired() const;
    [[nodiscard]] bool has_stray(std::vector<acker> const& wanted) const;
    void without_ackers();

    // ackers_change.cpp: one change at a time
    void start_change(std::vector<acker> wanted);
    void start_switch();
    void switch_roles();
    void silence(member const&);
    void role_answered(question const&, answer const&);
    void check_switch();
    void start_shield();
    void check_shield();
    void start_probe();
    void check_probe();
    void start_barrier();
    void check_barrier();
    void start_commit();
    void start_surrender(std::string why);
    void check_unprotect();
    void give_up(std::string why);
    [[nodiscard]] bool target_is_lost() const;
    [[nodiscard]] bool target_receives() const;

    [[nodiscard]] server_facts const* facts_of(node_id) const;
    [[nodiscard]] endpoint const& own_server() const;
    [[nodiscard]] node_id self() const { return s_.input.self; }
    [[nodiscard]] std::string name(node_id) const;
    [[nodiscard]] standing const& recorded() const { return s_.recorded.now; }

    state s_;
    std::vector<command> commands_;
    std::string reason_;
    instant now_;
    policy const& rules_;
};

[[nodiscard]] bool names_node(std::vector<acker> const&, node_id);

} // namespace tasuki::mysql::ackers
