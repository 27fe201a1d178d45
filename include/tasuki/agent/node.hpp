#pragma once
// One node: the only pure file that sees all rooms, and exactly what the simulator runs.
//
// It believes or refuses heartbeats, hands their entries to the groups, gathers what the groups
// want to say into datagrams, and beats once an interval even if nobody has anything to say. It
// decides nothing itself. `handle` never fails and never blocks; effects are to be carried out in
// order.

#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/group.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/peer_fence.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/agent/voter_roll.hpp"
#include "tasuki/election/voter.hpp"
#include "tasuki/heartbeat/peers.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace tasuki::agent {

/// What only this life of the agent knows: drawn at random or read back from disk.
struct node_start {
    incarnation life;
    heartbeat::session_nonce session;
    std::uint64_t seed = 1;
    std::map<group_id, election::voter_start> voters;
    /// Of the roll of voters; nothing for a cluster that has never changed them.
    std::optional<election::voter_start> roll{};
    /// If this program has taken the place of another: `life` is that one's.
    std::optional<inheritance> inherited{};
};

class node {
  public:
    node(node_settings, node_start const&, moment);
    node(node const&) = delete;
    node& operator=(node const&) = delete;

    [[nodiscard]] std::vector<effect> handle(happening const&, moment);
    /// The same into a list that is used again and again; it is emptied first.
    void handle(happening const&, moment, std::vector<effect>&);

    /// The agent is about to end: every lease held here is given up in good order.
    [[nodiscard]] std::vector<effect> retire(moment);
    /// There is no time left for good order: addresses go, and what may take writes is closed.
    [[nodiscard]] std::vector<effect> abandon(moment);
    [[nodiscard]] bool is_idle() const;
    /// For the program that takes our place: nothing may be handled any more afterwards. Nothing
    /// while anything is under way, which takes moments.
    [[nodiscard]] std::optional<inheritance> bequeath() const;
    [[nodiscard]] incarnation life() const { return life_; }

    /// What somebody else may send when this process is gone: every lease served here is given up.
    /// Each is the last that its session takes. Empty if nothing is served here.
    [[nodiscard]] std::vector<transmit> farewells(instant now) const;
    /// What the agent says last of all, when it ends in good order: nothing may be handled any more
    /// afterwards. Empty unless two voters have a fence.
    [[nodiscard]] std::vector<transmit> goodbyes(instant now);
    /// Changes whenever the farewells have to be made anew.
    [[nodiscard]] std::vector<std::uint64_t> farewell_basis() const;

    [[nodiscard]] node_settings const& settings() const { return settings_; }
    [[nodiscard]] heartbeat::peers const& peers() const { return peers_; }
    [[nodiscard]] voter_roll const& roll() const { return roll_; }
    [[nodiscard]] peer_fence const& fence() const { return fence_; }
    [[nodiscard]] std::map<group_id, std::unique_ptr<group>> const& groups() const {
        return groups_;
    }
    /// For views: the group's questions about who is alive need the same eyes.
    [[nodiscard]] work look(moment, std::vector<effect>&, outbox&) const;
    [[nodiscard]] bool alive(node_id, instant now) const;

  private:
    /// When the next beat to a peer is due, if nothing else is said to it before.
    struct beat_due {
        heartbeat::seat to;
        instant at;
    };

    void begin(work&); ///< what the first call does beside
    void serve_roll(work&);
    void watch_peer(work&);
    [[nodiscard]] election::electorate electorate() const;
    void on_heard(work&, heard const&);
    void on_older_voters(work&, heard const&);
    void hear_memory(work&, node_id from, group_id, election::recalled const&);
    [[nodiscard]] bool is_copy(heard const&, instant now);
    void dispatch(work&, happening const&);
    [[nodiscard]] std::vector<effect> act(moment, void (*what)(node&, work&));
    void finish(work&);
    void on_wish(work&, operator_asked const&);
    void post(work&);
    void beat(work&, beat_due&, byte_string const& payload);
    [[nodiscard]] group* find(group_id);

    node_settings settings_;
    incarnation life_;
    voter_roll roll_;
    peer_fence fence_;
    std::uint64_t counted_in_ = 0; ///< the revision of the roll that the groups know
    bool roll_is_known_ = true;    ///< as they were told
    bool founds_ = false;          ///< an operator has asked here for the first records
    heartbeat::peers peers_;
    std::map<group_id, std::unique_ptr<group>> groups_;
    struct payload_heard {
        byte_string payload;
        std::uint8_t path = 0;
        instant at = long_ago;
    };
    std::map<node_id, payload_heard> last_said_;
    std::vector<beat_due> beats_;
    outbox outbox_; ///< empty between two calls, as is the next
    std::vector<election::entry> inbox_;
    std::optional<inheritance> inherited_; ///< until the first call
    bool begun_ = false;                   ///< the first call has been made
};

} // namespace tasuki::agent
