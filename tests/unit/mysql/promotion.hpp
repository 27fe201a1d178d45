#pragma once
// A group whose master has just been lost, and a promotion played against it: the ground on which
// the tests of failover stand.

#include "tasuki/mysql/failover.hpp"

#include "scene.hpp"

namespace tasuki::mysql::scene {

using promotion = stage<failover::state, failover::event, failover::policy, failover::outcome>;

/// db1 was the master, db2 and db3 its ackers; ten commits, all received, some not applied.
struct group {
    explicit group(std::size_t count = 3)
        : all(members(count))
        , servers(all) {
        std::set<node_id> ackers;
        for (member const& who : all)
            if (who.node != db1)
                ackers.insert(who.node);
        servers.set_up(db1, ackers);
        record.reached = milestone::open;
        record.now.master = db1;
        for (node_id const node : ackers)
            record.now.ackers.push_back({node, servers.facts_of(node).life});
        for (int i = 0; i < 10; ++i) {
            servers.commit(db1);
            for (node_id const node : ackers)
                servers.receive(node);
        }
        servers.apply(db2);
    }

    failover::begin begin(node_id self = db2) const {
        failover::begin input;
        input.under = epoch{2};
        input.self = self;
        input.members = all;
        input.recorded = record;
        return input;
    }

    played play(failover::begin const& input, std::vector<mishap> mishaps = {},
                failover::policy rules = {}, duration span = std::chrono::minutes{10}) {
        promotion one(servers, failover::step, failover::next_wake, rules);
        one.mishaps = std::move(mishaps);
        one.tell(input);
        return one.run(span);
    }

    [[nodiscard]] bool holds_all(node_id node) const {
        for (auto const& promise : servers.acknowledged())
            if (!servers.has(node, promise.what))
                return false;
        return !servers.acknowledged().empty();
    }
    [[nodiscard]] bool nobody_frozen() const {
        for (member const& who : all)
            if (servers.at(who.node).blocked)
                return false;
        return true;
    }

    std::vector<member> all;
    model::cluster servers;
    journal_entry record;
};

inline std::vector<milestone> milestones(played const& seen) {
    std::vector<milestone> out;
    for (journal_entry const& each : seen.journal)
        out.push_back(each.reached);
    return out;
}

} // namespace tasuki::mysql::scene
