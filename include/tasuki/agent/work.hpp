#pragma once
// What the functions of a group hand to each other: the call they serve, and what is under way.

#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/outbox.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/election/machine.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::agent {

/// What a call may use and fill: the moment, the effects, the letters to other nodes.
struct work {
    moment at;
    std::vector<effect>& effects;
    outbox& letters;
    heartbeat::peers const& peers;
    duration silent_after;
    instant soon; ///< what is due by then may as well be done now, while awake

    [[nodiscard]] bool alive(node_id node) const;
    /// From when on the node counts as silent, if nothing more is heard of it.
    [[nodiscard]] instant silent_since(node_id node) const;
};

/// The operation under way, for its timeline.
struct running_operation {
    operation_id id;
    std::string kind;
    node_id from;
    node_id to;
    std::string reason;
    bool automatic = true;
    bool running = false;
    std::string result; ///< of the last one
    std::string text;
    std::uint64_t started_ms = 0;
};

/// A change of the record that waits for its turn.
struct change {
    std::function<void(election::record&)> apply;
    bool for_database = false;
    std::optional<operator_asked> asked;
    node_id successor{};                 ///< who gets the lease once this is recorded
    bool then_leave = false;             ///< the lease is given up once this is recorded
    std::optional<progress_note> told{}; ///< for the history, once this is recorded
    instant queued_at = long_ago;
};

/// What becomes of our own server when it may not be written any more.
struct fencing {
    enum class stage { none, closing, killing };
    stage at = stage::none;
    bool owed = false; ///< it was open when the lease went, and is not known to be closed
    std::uint64_t ticket = 0;
    epoch under;
    instant due = never;         ///< the answer counts as lost
    instant again_at = long_ago; ///< after a try that failed
};

/// A program gives the addresses up while the lease goes on: nobody may take them meanwhile.
struct vacating {
    node_id to;            ///< whom the lease goes to afterwards
    instant until = never; ///< afterwards it is given up all the same, and the program tried on
    bool told = false;     ///< it is part of the operation
};

/// A bootstrap that waits.
struct patient_bootstrap {
    operator_asked asked;
    ask_bootstrap wish;
    instant deadline = never;
};

} // namespace tasuki::agent
