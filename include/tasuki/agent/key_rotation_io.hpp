#pragma once
// Leads a rotation of the cluster's keys from the node that was asked: surveys every node, lets
// `next_step` (rotation.hpp) decide, sends its orders, and writes each step down with its time.
//
// It holds no secret and no state that a rotation needs: a new key passes through it wrapped, and
// whoever is asked next goes on from what the nodes report. On the front thread only.

#include "tasuki/agent/history.hpp"
#include "tasuki/agent/rotation.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::agent {

struct key_rotation_links {
    /// To a node, ourselves among them; calls back once on this thread, never inside the call.
    std::function<void(node_id, key_order, duration limit, std::function<void(result<key_answer>)>)>
        ask;
    /// A new state of the operation, for the history and who follows it.
    std::function<void(operation const&)> note;
    std::function<instant()> now;
};

class key_rotation {
  public:
    /// All nodes of the configuration, `self` among them.
    struct member {
        node_id node;
        std::string name;
    };
    key_rotation(node_id self, std::vector<member>, key_rotation_links);

    using on_nodes = std::function<void(std::vector<node_keys>)>;
    /// What every node reports. `rotates`: others who want to rotate are kept out from now on.
    void survey(bool rotates, duration limit, on_nodes);

    struct begun {
        std::optional<rotation_refusal> refused;
        std::vector<node_keys> nodes;
        heartbeat::key_id drawn;          ///< the new key, unless one is half-way already
        std::vector<rotation_step> steps; ///< that are left, after the new key is drawn
    };
    /// Only looks.
    void plan(std::function<void(begun)>);
    /// Begins or goes on; `started` is answered before the first step. The rest is told by `note`,
    /// under the id, and by whom, that `what` carries.
    void run(operation what, std::function<void(begun)> started);

  private:
    struct sweep {
        rotation_step step;
        instant began;
        std::size_t left = 0;
        std::vector<std::string> took;   ///< "db1 3 ms"
        std::vector<std::string> failed; ///< sentences
    };

    [[nodiscard]] begun judge(std::vector<node_keys>) const;
    void name_keys(begun const&);
    void go_on(std::vector<node_keys>);
    void make(heartbeat::key_id);
    void carry(rotation_step const&);
    void send(std::shared_ptr<sweep> const&, key_order const&);
    void settle(std::shared_ptr<sweep> const&);
    void look_again();
    void write_step(std::string name, std::string node, instant began, std::string detail);
    void end(operation_result, std::string detail);
    void finish(std::function<void()> then);
    [[nodiscard]] std::string const& name_of(node_id) const;

    node_id self_;
    std::vector<member> members_;
    key_rotation_links links_;
    std::optional<operation> running_;
    instant began_;
    heartbeat::key_id to_draw_;
    std::size_t steps_ = 0;
};

} // namespace tasuki::agent
