#pragma once
// Of two voters each is half of a majority: neither can do without the other, unless it is known to
// be off. This is where that becomes known: the other one has fallen silent, the operator's program
// has switched its machine off and says so, and nothing was heard of it since the program began; or
// it has said itself that it ends.
//
// What follows (agent/voter_roll) is that the one that is left removes the other from the voters.
// It may only do so if it cannot itself have been removed before: the fence of a node that has just
// booted would be the end of whoever has gone on without it. So a node fences only in a life in
// which the other one has confirmed to hear it, in the settled set of voters that both count in, or
// in which it was the only voter itself. The same holds for what the other one says when it ends.
// Whoever serves nothing waits longer, lest both fence each other. Decided here, done by effects.
// Source for the delay: Pacemaker's priority-fencing-delay.

#include "tasuki/agent/work.hpp"
#include "tasuki/election/voter.hpp"

#include <cstdint>
#include <string>

namespace tasuki::agent {

class peer_fence {
  public:
    peer_fence(node_settings const&, instant started);

    /// What the node knows of itself.
    struct standing {
        bool able = false;  ///< its voters may vote: it could go on alone
        bool first = false; ///< of the two it is the one that is to go on
    };

    /// A beat of a session that both have proven: the sender has heard us in this life of ours.
    void heard(heartbeat::message const&, election::electorate const&);
    /// To be called with everything that happens.
    void watch(work&, election::electorate const&, standing);
    void ended(work&, fence_ended const&);
    /// It has said that it ends.
    void left(work&, node_id, election::electorate const&);
    /// This agent ends: it has nobody fenced any more.
    void retire() { retiring_ = true; }
    [[nodiscard]] instant next_wake() const { return wake_; }

    /// The other voter if it is off; else none.
    [[nodiscard]] node_id absent() const { return confirmed_ ? peer_ : node_id{}; }
    [[nodiscard]] bool is_running() const { return running_; }
    /// The other voter is silent, and not known to be off: a program in our place would not know
    /// whether it may have it fenced.
    [[nodiscard]] bool is_waiting() const { return running_ || (silent_ && !confirmed_); }
    [[nodiscard]] bool may_begin() const { return may_; }
    /// What goes on, as a sentence; empty if nothing does.
    [[nodiscard]] std::string describe(instant now) const;

  private:
    void forget(node_id peer);
    void begin(work&);
    void tell(work&, std::string step, std::string text, std::string result) const;
    [[nodiscard]] bool may_fence(election::electorate const&) const;

    node_settings const& node_;
    instant started_;
    node_id peer_;
    voter_set joined_{};            ///< in which the peer has said in this life that it hears us
    bool was_alone_ = false;        ///< in this life, and since then no set was settled
    instant heard_ = long_ago;      ///< the peer, or our start
    instant awake_ = long_ago;      ///< since then without a stop that would look like its silence
    instant watched_ = long_ago;    ///< the last time
    instant begun_ = long_ago;      ///< the last fence, or when the peer has left
    bool confirmed_ = false;        ///< and nothing was heard since `begun_`
    heartbeat::session_nonce left_; ///< what is heard of this session is older than its end
    bool running_ = false;
    bool retiring_ = false;
    bool silent_ = false;
    bool may_ = false;
    std::uint64_t ticket_ = 0;
    std::uint64_t operation_ms_ = 0;
    instant again_at_ = long_ago;
    std::string failure_; ///< of the last try
    instant wake_ = never;
};

} // namespace tasuki::agent
