#pragma once
// One step of a switchover's first half: a copy of the state that the event moves on.

#include "tasuki/mysql/switchover.hpp"

namespace tasuki::mysql::switchover {

class run {
  public:
    run(state before, instant now, policy const& rules)
        : s_(std::move(before))
        , now_(now)
        , rules_(rules) {}

    void on(begin const&);
    void on(answered const&);
    void on(journalled const&);
    void on(held const&);
    void on(tick const&);
    [[nodiscard]] outcome result() &&;

  private:
    void heard(question const&, answer const&);
    void learn(question const&, answer const&);
    void advance();
    void check();
    void enter(phase, duration limit);
    void put(node_id, operation, duration limit);
    void say(std::string text);

    void check_precheck();
    [[nodiscard]] std::optional<std::string> choose();
    [[nodiscard]] std::optional<std::string> objection_to(member const&) const;
    void show_plan();
    void start_catch_up();
    void caught_up(answer const&);
    void check_catch_up();
    void start_hold();
    void check_hold();
    [[nodiscard]] std::uint32_t sessions_held() const;
    void try_to_close();
    void closing_answered(answer const&);
    void reopened(answer const&);
    void check_pause();
    void check_settle_down();
    void start_reach();
    void check_reach();
    void start_record();
    void turn_back(std::string text);
    void check_undo();
    void finish(conclude);

    [[nodiscard]] server_facts const* facts_of(node_id) const;
    [[nodiscard]] std::string name(node_id) const;
    [[nodiscard]] node_id self() const { return s_.input.self; }

    state s_;
    std::vector<command> commands_;
    std::string reason_;
    instant now_;
    policy const& rules_;
};

/// The plan in words and as trees, from one survey.
[[nodiscard]] plan make_plan(state const&);

} // namespace tasuki::mysql::switchover
