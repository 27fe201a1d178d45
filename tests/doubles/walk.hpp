#pragma once
// A seeded walk: the real procedures run against model servers, while messages are late or lost,
// agents vanish, servers crash, and the node that runs a procedure may die between any two steps.
//
// After each action the promises to clients are checked: nobody but the recorded master may have
// told a client that its commit is safe, and the recorded master of an opened group holds all that
// was ever acknowledged.

#include "model.hpp"
#include "tasuki/mysql/ackers.hpp"
#include "tasuki/mysql/failover.hpp"
#include "tasuki/mysql/rejoin.hpp"
#include "tasuki/mysql/switchover.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <random>

namespace tasuki::mysql::walk {

/// Any procedure, seen from outside.
class actor {
  public:
    virtual ~actor() = default;
    virtual std::vector<command> hear(answered const&) = 0;
    virtual std::vector<command> hear(journalled const&) = 0;
    virtual std::vector<command> hear(tick const&) = 0;
    instant now = long_ago;
};

template<class State, class Event, class Policy, class Outcome,
         Outcome (*Step)(State, Event const&, instant, Policy const&)>
class actor_of : public actor {
  public:
    explicit actor_of(Policy with)
        : rules(with) {}
    std::vector<command> hear(answered const& what) override { return take(what); }
    std::vector<command> hear(journalled const& what) override {
        if constexpr (std::is_constructible_v<Event, journalled>)
            return take(what);
        else
            return {};
    }
    std::vector<command> hear(tick const& what) override { return take(what); }
    std::vector<command> take(Event const& what) {
        Outcome out = Step(std::move(state), what, now, rules);
        state = std::move(out.next);
        return std::move(out.commands);
    }
    State state;
    Policy rules;
};

using promoter =
    actor_of<failover::state, failover::event, failover::policy, failover::outcome, failover::step>;
using switcher = actor_of<switchover::state, switchover::event, switchover::policy,
                          switchover::outcome, switchover::step>;
using keeper =
    actor_of<ackers::state, ackers::event, ackers::policy, ackers::outcome, ackers::step>;
using returner =
    actor_of<rejoin::state, rejoin::event, rejoin::policy, rejoin::outcome, rejoin::step>;

struct options {
    std::size_t servers = 3;
    bool degrade = true;
    double loss = 0.01;        ///< of each message
    bool keeps_answers = true; ///< else a crash takes any commits, and nobody may be left to open
    double late = 0;           ///< of each order: so much takes up to two seconds
    std::uint64_t journal_most = 5; ///< ms until a majority has a record
    bool founding = false;          ///< begins with an operator who has left a second server open
    double another = 0;             ///< so often a second server is lost with the master
    double errant = 0;       ///< and so often somebody with all rights has written on a replica
    bool restless = false;   ///< faults go on while procedures run
    double hand_overs = 0.3; ///< so often an era ends with a switchover
    double careless = 0;     ///< and so often its old master is started without read_only meanwhile
};

/// What has happened, to know whether a walk was where it matters.
struct tally {
    int promotions = 0;
    int refusals = 0;
    int switchovers = 0;
    int rejoins = 0;
    int quarantines = 0;
    int degradations = 0;

    tally& operator+=(tally const&);
};

class world {
  public:
    world(std::uint64_t seed, options with);
    /// Some eras of service, faults, switchovers and failovers.
    void run(int eras);

    model::cluster servers;
    journal_entry record; ///< as a majority has it
    tally seen;
    std::string violation; ///< the first broken promise; empty: none
    std::deque<std::string> history;
    /// Each server in a line, for the report of a broken promise.
    [[nodiscard]] std::string describe() const;

  private:
    struct due {
        instant at;
        std::uint64_t order;
        std::function<void()> what;
    };

    void begin_unfounded();
    bool found_cluster();
    void serve(int ticks);
    void let_something_happen(bool faults);
    void fault();
    void crash(node_id);
    void lose_master();
    void write_past_read_only();
    void start_writable(node_id);
    void look_for_strays();
    void look_after_returning();
    bool promote(node_id holder, int ticks, bool allow_loss = false);
    bool switch_over();
    bool recover();
    void heal();
    void rebuild(node_id, node_id from);
    std::optional<conclude> drive(std::shared_ptr<actor> const&, std::vector<command>, int ticks);
    void obey(std::shared_ptr<actor> const&, std::vector<command> const&,
              std::optional<conclude>& verdict);
    void deliver(std::shared_ptr<actor> const&, ask const&);
    void commit(std::shared_ptr<actor> const&, journal const&);
    void later(duration, std::function<void()>);
    void pass(duration);
    void check(char const* after);
    void note_down(std::string);
    [[nodiscard]] bool chance(double probability);
    [[nodiscard]] std::uint64_t below(std::uint64_t bound);
    [[nodiscard]] node_id any_node();
    [[nodiscard]] std::set<node_id> silent() const;

    std::mt19937_64 random_;
    options options_;
    std::vector<member> members_;
    instant now_ = instant{milliseconds{1000}};
    std::vector<due> agenda_;
    std::uint64_t sequence_ = 0;
    /// What one holder orders from one agent keeps its order.
    std::map<std::pair<epoch, node_id>, instant> channel_;
    epoch epoch_{1};
    epoch record_epoch_{1};
    std::set<node_id> gone_; ///< agents that do not answer
    std::shared_ptr<keeper> keeper_;
    std::optional<conclude> ignored_;
    std::optional<node_id> successor_; ///< named by the last refusal
    bool cut_off_ = false;             ///< by a crash: an acker holds more than the recorded master
    bool blocked_ = false;             ///< waits for an acker, as configured
    std::size_t promises_checked_ = 0;
    std::size_t founded_with_ = 0; ///< promises from before the cluster was founded
    node_id checked_master_;
    bool former_[16] = {};
    int stray_for_ = 0;
    bool healed_ = false; ///< the operator has mended everything, and it stays so
};

} // namespace tasuki::mysql::walk
