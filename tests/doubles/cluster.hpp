#pragma once
// A few real nodes on one thread, in virtual time, on a network that loses nothing unless told to:
// for unit tests of the node and for scenarios. No chance is involved: a datagram takes 1 ms, a
// disk write 2 ms, an order to a server 1 ms, and all clocks run alike.
//
// What happens goes into `trace()`, one line each, with the milliseconds since the beginning. The
// kernel's part is played too: an address answers until its hard deadline and not longer. Whatever
// must never happen (two holders, two masters that acknowledge) is kept in `violations()`.

#include "model.hpp"

#include "tasuki/agent/node.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

namespace tasuki::agent::stage {

struct shape {
    std::vector<std::string> members{"a", "b", "c"}; ///< voters, in order of preference
    std::vector<std::string> witnesses;              ///< voters that hold nothing
    std::vector<std::string> observers;              ///< neither voter nor member
    bool mysql = false;
    std::vector<std::string> never_master;
    bool promote_degraded = false;
    bool by_hook = false;                  ///< a program moves the address
    std::optional<fence_settings> fence{}; ///< each can stop the other's machine, in a second
    duration interval = milliseconds{100};
    election::lease_terms terms{milliseconds{800}, milliseconds{100}, 0.005};
};

/// What a machine keeps when its agent dies, and what it loses.
struct machine {
    std::string name;
    node_settings settings;
    std::unique_ptr<node> agent;
    unsigned lives = 0;
    instant wake = never;
    instant paused_until = long_ago;
    std::optional<election::durable_state> disk;
    std::optional<election::live_grant> stamp; ///< tmpfs: lost when the machine stops
    bool stamp_known = false;
    std::optional<election::durable_state> roll; ///< what it has stored about the voters
    std::optional<election::live_grant> roll_stamp;
    std::optional<election::store_outcome> disk_trouble;
    std::optional<problem> address_trouble; ///< opening fails with it
    std::optional<problem> release_trouble; ///< closing does
    bool fence_fails = false;               ///< its program ends, and the other machine runs on
    duration address_takes = milliseconds{1};
    bool address = false;
    bool gate_shut = false; ///< the hard deadline has passed since the last extension
    instant hard = long_ago;
    std::optional<mysql::health> health; ///< what its facts say instead of the model's word
};

/// An order as it reached a server.
struct performed {
    std::string node;
    mysql::order what;
};

class cluster {
  public:
    explicit cluster(shape = {});
    cluster(cluster const&) = delete;
    cluster& operator=(cluster const&) = delete;

    // --- machines (cluster.cpp) ---
    /// Every voter remembers the first record, as after a bootstrap.
    void remember_first_record(std::string const& master);
    void start(std::string const&);
    void start_all();
    /// The machine stops: agent, address, stamp and mysqld are gone.
    void crash(std::string const&);
    /// Only the agent dies; the kernel keeps what it was told.
    void kill_agent(std::string const&);
    void forget(std::string const&);
    /// Its file, as it is read at the next start, no longer has `voter` as one.
    void take_voter_out(std::string const&, std::string const& voter);
    void copy_voters(std::string const& from, std::string const& to);
    void pause(std::string const&, duration);
    void cut(std::string const& from, std::string const& to, bool both_ways = true);
    void slow(std::string const& from, std::string const& to, duration);
    void heal();
    void crash_server(std::string const&);
    void boot_server(std::string const&);
    void link(std::string const&, bool up);
    void retire(std::string const&);
    void stop(std::string const&); ///< its agent ends in good order
    void abandon(std::string const&);
    /// Another program in the place of its agent, there again after `pause`; false if that has to
    /// wait because something is under way.
    [[nodiscard]] bool replace(std::string const&, duration pause);

    // --- time ---
    void run(duration);
    [[nodiscard]] bool run_until(std::function<bool()> const&, duration limit);
    [[nodiscard]] instant now() const { return now_; }
    [[nodiscard]] std::int64_t ms() const;
    [[nodiscard]] moment time() const;

    // --- asking ---
    /// Hands `what` to the node at once.
    void tell(std::string const&, happening const& what);
    /// Asks at one node and returns its own answer, wherever it points.
    [[nodiscard]] answer_operator ask(std::string const&, operator_wish);
    /// As the operator would: at one node, which passes it on to whom it concerns.
    void post(std::string const&, operator_wish);

    [[nodiscard]] machine& at(std::string const&);
    [[nodiscard]] group const& group_of(std::string const&);
    [[nodiscard]] bool is_active(std::string const&);
    /// Why this node could not stand for the group now; empty if it could.
    [[nodiscard]] std::string unfit(std::string const&);
    /// Who answers for the address now, or empty.
    [[nodiscard]] std::string holder() const;
    [[nodiscard]] std::vector<machine> const& machines() const { return machines_; }
    [[nodiscard]] mysql::model::cluster& servers() { return *servers_; }
    [[nodiscard]] std::vector<std::string> const& trace() const { return trace_; }
    [[nodiscard]] std::vector<std::string> const& violations() const { return violations_; }
    [[nodiscard]] std::vector<progress_note> const& notes() const { return notes_; }
    [[nodiscard]] std::vector<performed> const& orders() const { return orders_; }
    [[nodiscard]] std::size_t count_orders(std::string const& node, std::string const& name) const;
    [[nodiscard]] std::size_t count_trace(std::string const& part) const;
    void say(std::string line);

    group_id const id;
    std::function<bool(std::string const& node, mysql::order const&)> swallows; ///< never answered

  private:
    struct due {
        instant when;
        std::uint64_t order = 0;
        std::function<void()> act;
        friend bool operator>(due const& left, due const& right) {
            return std::pair{left.when, left.order} > std::pair{right.when, right.order};
        }
    };

    void launch(machine&, std::optional<inheritance>);
    void later(duration, std::function<void()>);
    /// Only if the same agent still lives; a paused one finds it when it goes on.
    void later_at(machine&, duration, std::function<void(machine&)>);
    void happen(machine&, happening const&);
    void carry_out(machine&, std::vector<effect>&);
    void on_effect(machine&, transmit&);
    void on_effect(machine&, store_state&);
    void on_effect(machine&, stamp_grant&);
    void on_effect(machine&, open_address&);
    void on_effect(machine&, extend_address&);
    void on_effect(machine&, close_address&);
    void on_effect(machine&, probe_address&) {}
    void on_effect(machine&, submit_order&);
    void on_effect(machine&, ask_peer&);
    void on_effect(machine&, transition&);
    void on_effect(machine&, progress_note&);
    void on_effect(machine&, answer_operator&);
    void on_effect(machine&, wake&);
    void on_effect(machine&, refused_heartbeat&) {}
    void on_effect(machine&, fence_peer&);
    void perform(machine& asker, machine& target, mysql::order const&, duration way);
    void pass_on(answer_operator const&, operator_asked const&);
    void announce_server_death(machine&);
    [[nodiscard]] mysql::server_facts facts_of(machine const&) const;
    void spread_facts();
    void replicate();
    void shut_gates(instant until);
    void check();
    void check_release(machine const&, transmit const&);
    [[nodiscard]] bool answers(machine const&) const;
    [[nodiscard]] machine& machine_of(node_id);
    [[nodiscard]] std::string epoch_text(epoch) const;

    shape shape_;
    instant now_;
    std::uint64_t order_ = 0;
    std::priority_queue<due, std::vector<due>, std::greater<>> queue_;
    std::vector<machine> machines_;
    std::set<std::pair<node_id, node_id>> cut_;
    std::map<std::pair<node_id, node_id>, duration> slow_;
    std::unique_ptr<mysql::model::cluster> servers_;
    std::uint64_t requests_ = 0;
    std::map<std::uint64_t, operator_asked> posted_;
    std::map<std::uint64_t, answer_operator> answers_;
    std::vector<std::string> trace_;
    std::vector<std::string> violations_;
    std::vector<progress_note> notes_;
    std::vector<performed> orders_;
};

} // namespace tasuki::agent::stage
