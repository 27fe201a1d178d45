#pragma once
// Which step of a key rotation is next, out of what every node reports; or the sentence why none
// may be taken. Pure: it asks nobody and holds no secret.
//
// Three sweeps over all nodes: accept the new key, sign with it, drop the old one. Each begins only
// when every node has confirmed the one before. Nothing is remembered between two steps: whatever
// stands half-done is seen in the reports, so that any node may go on with it at any time.
// Invariant: no step leads to a state in which a node signs with a key that another one does not
// accept, if there was none before; also when only some of the nodes have carried it out.

#include "tasuki/agent/key_message.hpp"
#include "tasuki/core/ids.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::agent {

struct node_keys {
    node_id node;
    std::string name;
    std::optional<key_report> told; ///< nothing: it could not be asked
    std::string trouble{};          ///< why it could not
    bool refuses = false;           ///< it is there, and says `trouble`
};

/// One sweep, or what is left of it: `what` is accept, sign or drop.
struct rotation_step {
    key_verb what = key_verb::accept;
    key_fact key;
    std::vector<node_id> nodes; ///< who has to do it
    node_id giver{};            ///< of accept: who has it
    friend bool operator==(rotation_step const&, rotation_step const&) = default;
};
/// Everybody accepts one key and signs with it.
struct rotation_over {
    key_fact key;
    friend bool operator==(rotation_over const&, rotation_over const&) = default;
};
struct rotation_refusal {
    std::string code; ///< a fixed word: node_away, busy, keys_differ, file_differs, not_understood
    std::string text;
    std::string next_command;
    friend bool operator==(rotation_refusal const&, rotation_refusal const&) = default;
};
using rotation_next = std::variant<rotation_step, rotation_over, rotation_refusal>;

[[nodiscard]] rotation_next next_step(std::vector<node_keys> const&);

/// The reports as they are when some of the nodes have carried a step out.
void carry_out(rotation_step const&, node_id by, std::vector<node_keys>&);

/// An id for a new key that nobody uses.
[[nodiscard]] std::optional<heartbeat::key_id> free_id(std::vector<node_keys> const&);

/// More than any set of reports can need; files that list the same keys in turn could ask for more.
inline constexpr std::size_t steps_max = 4 * heartbeat::keyring::keys_max;

/// All the steps that are left, if nobody fails; empty if `next_step` refuses or it is over.
[[nodiscard]] std::vector<rotation_step> steps_left(std::vector<node_keys>);

/// Why one node may not take these keys into use by itself, or nothing: what it signs with has to
/// be accepted by every other, and what any other signs with by it.
[[nodiscard]] std::optional<rotation_refusal>
why_not_load(node_keys const& now, key_report const& wanted, std::vector<node_keys> const& others);

/// "key 3 is accepted on db1 and db2, not yet on db3"; for the status.
struct rotation_state {
    std::string state; ///< complete, half_done, unclear
    std::string text;
    std::string next_command;
};
[[nodiscard]] rotation_state state_of(std::vector<node_keys> const&);

} // namespace tasuki::agent
