#pragma once
// What a node has to know of the configuration, as its pure core wants it: ids instead of names,
// lists in the order that matters, nothing that only the edge needs (paths, passwords, sockets).

#include "tasuki/core/ids.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/election/lease.hpp"
#include "tasuki/heartbeat/peers.hpp"
#include "tasuki/mysql/standing.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tasuki::agent {

struct mysql_settings {
    std::vector<mysql::member> members; ///< in order of preference
    bool degrade_without_acker = true;  ///< on_no_acker = "degrade"
    bool promote_degraded = false;      ///< when_degraded = "promote"
    std::set<node_id> balancers{};      ///< where one follows the master
};

struct group_settings {
    group_id id;
    std::string name;
    std::vector<node_id> members;       ///< in order of preference
    std::vector<std::string> addresses; ///< the virtual ones, for status
    std::optional<mysql_settings> mysql;
    bool by_hook = false; ///< a program moves the addresses, and takes its time
};

/// Two voters, each with a program that can switch the other's machine off.
struct fence_settings {
    duration after = milliseconds{3000}; ///< of silence
    duration delay = milliseconds{2000}; ///< more where nothing is served, against mutual fencing
    std::vector<node_id> voters;         ///< of the file: these two for good
    duration again = milliseconds{5000}; ///< after a try that failed
};

/// The reserved group as far as it is one: for the name of its folder, and of its lines.
[[nodiscard]] inline group_settings the_voters() {
    group_settings out;
    out.id = voters_group;
    out.name = voters_group_name;
    return out;
}

struct node_settings {
    node_id self;
    std::string cluster;
    std::string safety; ///< safe, fenced, unsafe
    std::map<node_id, std::string> names;
    std::map<node_id, std::vector<std::string>> paths; ///< addresses by path
    std::vector<node_id> voters;      ///< of the file, until a majority has changed them
    std::uint32_t voters_version = 0; ///< counts those changes
    std::vector<node_id> witnesses;
    std::vector<heartbeat::seat> peers; ///< every other node
    election::lease_terms terms;
    duration interval = milliseconds{200};
    std::uint64_t digest = 0;
    std::vector<group_settings> groups;
    std::optional<fence_settings> fence;
    std::vector<group_id> followed; ///< by pools of this node's load balancer

    /// A peer that has not been heard for this long is called silent.
    [[nodiscard]] duration silent_after() const { return 3 * interval; }
    [[nodiscard]] std::string name_of(node_id node) const {
        auto const known = names.find(node);
        return known == names.end() ? std::string{} : known->second;
    }
    [[nodiscard]] std::string name_of(group_id group) const {
        for (auto const& each : groups)
            if (each.id == group)
                return each.name;
        return group == voters_group ? std::string{voters_group_name} : std::string{};
    }
};

} // namespace tasuki::agent
