#pragma once
// What a node alone knows of a group, told to all others, so that every node shows the same.
//
// A node knows its own role, fitness, address, disk and database; of the others it could only
// guess. So each tells these few facts on change and once a second, and `add_reports` puts them
// into the view with their age. Whatever has not been told is shown as unknown, never as fine.
// Pure.

#include "tasuki/agent/node.hpp"
#include "tasuki/agent/view.hpp"
#include "tasuki/http/views.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tasuki::agent {

struct quarantined_node {
    node_id node;
    std::string why;
    friend bool operator==(quarantined_node const&, quarantined_node const&) = default;
};

/// What the state folder of a voter is worth.
enum class voter_disk : std::uint8_t { sound, full, failed };

struct group_report {
    group_id group;
    epoch under; ///< of the lease held last
    std::string role;
    bool eligible = false;
    std::string not_eligible; ///< why
    bool address_here = false;
    std::uint64_t address_since_ms = 0; ///< wall clock, 0 = not here
    std::string interface;              ///< that carries, or would carry, the address
    std::string conflict;               ///< who else answers for the address
    std::string trouble;                ///< why the address cannot be taken or given up
    voter_disk disk = voter_disk::sound;
    bool blank = false;     ///< a voter without state
    bool misplaced = false; ///< a voter whose state was made with another set of voters

    // Of the active node.
    std::uint64_t active_since_ms = 0;
    bool loss_accepted = false; ///< the last promotion was not proven lossless
    std::string stuck;          ///< why the master is not open
    std::string blocked;        ///< why commits wait
    std::vector<quarantined_node> quarantined;
    friend bool operator==(group_report const&, group_report const&) = default;
};

/// `address_since_ms` is for whoever watches the address come and go.
[[nodiscard]] group_report report_of(node const&, group const&, conditions const&, moment);

struct told {
    group_report what;
    instant at = long_ago;
};
using reports = std::map<std::pair<group_id, node_id>, told>;

/// `said` holds this node's own reports too.
void add_reports(http::cluster_view&, node_settings const&, reports const& said, instant now);
/// Once it is known who holds each address and what enforces the lease there: `open` at a holder
/// behind a gate, `closed` while nobody holds it and every member is behind one.
void add_gates(http::cluster_view&);

} // namespace tasuki::agent
