#pragma once
// The lease thread: heartbeats, election, addresses. It runs the pure node and carries out its
// effects; it never waits for a disk, a name, a log, MySQL or HTTP. What belongs elsewhere leaves
// through the callbacks, which only post.
//
// One io_context, one thread, no locks. `post` and `ask` may be called from any thread.

#include "tasuki/agent/config.hpp"
#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/estate_io.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/hook_events.hpp"
#include "tasuki/agent/node.hpp"
#include "tasuki/agent/standing.hpp"
#include "tasuki/agent/view.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/heartbeat/keys.hpp"
#include "tasuki/mysql/process_io.hpp"
#include "tasuki/vip/events.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::agent {

/// CLOCK_BOOTTIME and the wall clock, read together. The only clock of the agent.
[[nodiscard]] moment read_clocks();

/// What leaves the lease thread, in order.
struct remark { ///< for the log
    bool warning = false;
    std::string text;
};
struct standings_seen { ///< of the groups that the pools of this node follow
    std::vector<lb::group_standing> all;
};
using departure = std::variant<submit_order, ask_peer, transition, progress_note, answer_operator,
                               remark, conflict_note, fence_peer, standings_seen>;

struct lease_loop_options {
    configuration const& from;
    std::string node;
    std::string state_dir;
    std::string runtime_dir;
    heartbeat::keyring keys; ///< derived for the heartbeat
    std::string version;
    std::optional<estate> inherited{}; ///< if this program has taken the place of another
    /// Called on the lease thread; must only post.
    std::function<void(departure)> depart;
};

class lease_loop {
  public:
    /// Opens everything that the thread needs: state, sockets, netlink. Problems that make a start
    /// useless are returned; others are remarks.
    [[nodiscard]] static result<std::unique_ptr<lease_loop>> open(lease_loop_options);
    lease_loop(lease_loop const&) = delete;
    lease_loop& operator=(lease_loop const&) = delete;
    ~lease_loop();

    /// Runs the thread until `stop`.
    void start();
    /// Gives the lease up where this node holds one, waits a moment for it, and ends the thread.
    void stop();

    /// Another program in our place, as soon as nothing is under way; `failed` is called, on the
    /// lease thread, if that does not come within two seconds or it cannot be run.
    void replace(program, std::function<void(problem)> failed);

    void post(happening);
    /// Runs `question` on the lease thread with the node as it is then.
    void ask(std::function<void(node const&, conditions const&, moment)> question);
    void set_peer_macs(std::set<mac_address>);
    /// Other keys, derived for the heartbeat, with every session kept. `done` is called on the
    /// lease thread when they are in force, in the guardian's orders too; it must only post.
    void set_keys(heartbeat::keyring, std::function<void()> done);
    /// Whom the guardian has to end before it gives away what only this node has.
    void set_server_process(group_id, mysql::process_handle);
    void announce(group_id, std::function<void(result<void>)> done);
    [[nodiscard]] std::set<mac_address> const& own_macs() const;

  private:
    class body;
    explicit lease_loop(std::unique_ptr<body>);
    std::unique_ptr<body> body_;
};

} // namespace tasuki::agent
