#pragma once
// One step in progress: the state being changed and the commands being collected, shared by the two
// halves of the machine (`claim`: how to become active; `holding`: how to stay and to leave).
// Private to this room; callers use `machine.hpp`.

#include "tasuki/election/machine.hpp"

#include <algorithm>

namespace tasuki::election {

/// True if `node` was not in the list yet.
inline bool add_once(std::vector<node_id>& list, node_id node) {
    if (std::find(list.begin(), list.end(), node) != list.end())
        return false;
    list.push_back(node);
    return true;
}

inline bool is_voter(policy const& rules, node_id node) {
    return rules.cluster.has(node);
}

struct progress {
    state& it;
    policy const& rules;
    instant now;
    std::vector<command>& commands;
    reason why = reason::none;

    void change_role(role next, reason because) {
        it.now_role = next;
        why = because;
    }
    void send_to(node_id to, message what) { commands.emplace_back(send{to, std::move(what)}); }
    /// To every voter, ourselves included: our own vote takes the same path as the others'.
    void send_to_voters(message const& what) {
        for (auto const voter : rules.cluster.voters)
            send_to(voter, what);
    }
    /// To every node, ourselves included if we vote.
    void send_to_all(message const& what) {
        if (it.vote.votes)
            send_to(rules.cluster.self, what);
        for (auto const other : rules.others)
            send_to(other, what);
    }
    [[nodiscard]] duration jitter(duration most);
};

// claim: standby -> active
void consider_standing(progress&);
void on_prevote_reply(progress&, node_id from, prevote_reply const&);
void on_promise(progress&, node_id from, promise const&);
void continue_attempt(progress&);
void fail_attempt(progress&, reason, duration pause);
/// When a standby node would stand, or `never`.
[[nodiscard]] instant standing_time(state const&);

void on_offer(progress&, node_id from, offer const&);

// holding: recovering, active
void start_holding(progress&, epoch under, record const& newest);
void on_grant(progress&, node_id from, grant const&);
void on_written(progress&, node_id from, written const&);
void complete_write_if_enough(progress&);
void on_write_record(progress&, record const&);
void continue_holding(progress&);
void give_up_recovery(progress&, reason);
void forget_lease(state&);

// leaving: active, stepping_down
void on_hand_over(progress&, node_id successor);
void on_ready(progress&, node_id from, ready const&);
void step_down(progress&, reason, node_id successor);
void on_closed(progress&, epoch under);
void repeat_release(progress&);

} // namespace tasuki::election
