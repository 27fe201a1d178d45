#pragma once
// Who votes in this cluster, and how a voter is added or removed while everything goes on.
//
// The voters keep a record about themselves, in a reserved group that nobody serves: it has a
// holder only while something is to be changed. A change takes three writes of that record:
//   1 the set that is to follow, to a majority of the present one: no other can follow any more;
//   2 that set as the present one, to a majority of its own: whoever reads this counts in it, and
//     hears nobody who counts in an older one (heartbeat/peers);
//   3 that it is settled: a longest lease later no lease of the old set lives, and a majority of
//     the new one has the newest record of every group on disk. It says how far the old one may
//     have promised epochs: the set after this one need share no voter with a majority of those.
// Only then does the next change begin, and does a voter without state believe what it is told.
// Invariant: two sets are counted in at the same time only if one follows the other, and then they
// differ by one voter, so that each majority of one shares a voter with each of the other. Whoever
// becomes holder goes on where the last one stopped; a voter does so by itself. Files name the
// voters of version 0 only.
//
// Of two voters the one that is left removes the other by itself once that is known to be off
// (agent/peer_fence), decides alone from then on, and adds it again when it is back. Two voters
// renew a lease each by its own vote; so a set that follows theirs is counted in a longest lease
// after they have agreed to it. Source: the single-server change of Ongaro, "Consensus: Bridging
// Theory and Practice", chapter 4; step 3 stands for its log, which registers do not have.

#include "tasuki/agent/voter_change.hpp"
#include "tasuki/agent/work.hpp"
#include "tasuki/election/machine.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>

namespace tasuki::agent {

class voter_roll {
  public:
    /// Without a beginning it is that of a cluster whose voters were never changed.
    voter_roll(node_settings const&, incarnation, std::optional<election::voter_start>,
               std::uint64_t seed, instant now);

    void receive(work&, node_id from, election::message);
    void stored(work&, election::stored const&);
    void clock(work&, bool within_bound);
    void wish(work&, operator_asked const&, ask_voters const&);
    void woke(work&);
    [[nodiscard]] instant next_wake() const;
    /// Whoever counts in an older set is told of this one, at most once an interval.
    void inform(work&, node_id);
    /// What a voter has on disk about a group; heard only while it is asked for.
    void told(group_id, node_id, incarnation asked, voter_memory const&);
    /// The mark under which it is asked for, if it is.
    [[nodiscard]] std::optional<incarnation> asks() const;
    /// The other one of two voters is off, or is not (none).
    void without(work&, node_id absent);
    /// The first record, once every voter has said that it has none: before that of any group.
    void found(work&);
    /// The agent is about to end: whoever comes next goes on.
    void retire(work&);
    [[nodiscard]] bool is_idle() const;

    /// Among whom majorities are counted now. Until the roll itself is on disk, no voter of a group
    /// may believe what it is told: a folder is read as that of a cluster without changes if it has
    /// groups and no roll.
    [[nodiscard]] election::electorate current() const;
    [[nodiscard]] bool is_known() const;
    /// Changes whenever `current` does, but for that.
    [[nodiscard]] std::uint64_t revision() const { return revision_; }
    /// This node decides alone, and it is not yet on disk that it does.
    [[nodiscard]] bool is_about_to_be_alone() const;
    [[nodiscard]] bool is_blank() const { return elect_.vote.votes && elect_.vote.blank; }
    /// What is being changed, as a sentence; empty if nothing is.
    [[nodiscard]] std::string change() const;
    [[nodiscard]] election::state const& election_state() const { return elect_; }

  private:
    /// What an operator has asked for here, until it is done.
    struct wished {
        ask_voters what;
        operation_id operation;
        instant deadline = never;
        bool automatic = false;
    };

    void act(work&, election::event);
    void step(work&, election::event);
    void carry_out(work&);
    void note_role(work&, election::role before, election::reason);
    void obey_record(work&);
    void count_in(work&, election::roll const&);
    void proceed(work&);
    void consider_next(work&, election::roll now);
    void take_back(work&);
    [[nodiscard]] bool is_one_off() const;
    [[nodiscard]] voter_eyes eyes(work&) const;
    [[nodiscard]] ask_voters left_of(std::vector<node_id> const& now) const;
    [[nodiscard]] bool can_do_without_others(instant now, std::vector<node_id> const&) const;
    [[nodiscard]] std::vector<node_id> following_voters(work&, std::vector<node_id> const&) const;
    void begin_next(work&, election::roll now, std::vector<node_id> following);
    void enter_next(work&, election::roll const& agreed);
    void settle(work&, election::roll now);
    [[nodiscard]] instant leases_end_at() const;
    [[nodiscard]] instant proceeds_at() const; ///< when a holder may go on, by time alone
    void ask_memories(work&);
    void write(work&, election::roll);
    void update_fitness(work&);
    void note(work&, std::string step, std::string text, std::string result = {});
    void end_wish(work&, std::string result, std::string text);
    [[nodiscard]] election::roll const* known() const;
    [[nodiscard]] bool is_unfinished() const;
    [[nodiscard]] std::string names(std::vector<node_id> const&) const;

    node_settings const& node_;
    election::policy rules_;
    election::state elect_;
    election::suitability told_fit_;
    std::deque<election::event> inbox_; ///< what a step has caused while it goes on
    std::vector<election::command> commands_;
    instant wake_election_ = long_ago;

    std::optional<wished> wished_;
    std::uint64_t revision_ = 0;
    instant committed_at_ = long_ago; ///< when a majority had the newest record
    instant ask_again_at_ = long_ago;
    instant holds_since_ = long_ago;
    incarnation mark_; ///< of what is asked for now
    std::map<group_id, std::map<node_id, voter_memory>> memories_;
    std::map<node_id, instant> informed_;
    bool retiring_ = false;
};

/// The beginning of the roll for what is on disk. A folder without a state of the voters is one of
/// a cluster that has never changed them if its groups have state (made in the set that they name,
/// whatever the file says), and a new one if not.
[[nodiscard]] election::voter_start roll_of(election::voter_start found, bool absent,
                                            std::map<group_id, election::voter_start> const& groups,
                                            std::vector<node_id> const& voters);

/// The policy of a node: who it is, who votes, who else is there, how long a lease lasts.
[[nodiscard]] election::policy policy_of(node_settings const&, incarnation life);

} // namespace tasuki::agent
