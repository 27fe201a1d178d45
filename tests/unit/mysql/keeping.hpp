#pragma once
// An open master and its replicas, and the keeping of ackers played against them.

#include "tasuki/mysql/ackers.hpp"

#include "scene.hpp"

namespace tasuki::mysql::scene {

using keeping = stage<ackers::state, ackers::event, ackers::policy, ackers::outcome>;

/// db1 is open; db2 and db3 replicate, and only `ackers` acknowledge.
struct kept_group {
    explicit kept_group(std::set<node_id> const& ackers)
        : servers(members())
        , one(servers, ackers::step, ackers::next_wake) {
        servers.set_up(db1, ackers);
        record.reached = milestone::open;
        record.now.master = db1;
        for (node_id const node : ackers)
            record.now.ackers.push_back({node, servers.facts_of(node).life});
        one.between = [this] { live(); };
    }
    void live() {
        servers.commit(db1);
        for (node_id const node : {db2, db3}) {
            while (servers.receive(node) || servers.apply(node)) {
            }
        }
    }
    void begin() {
        ackers::begin input;
        input.under = epoch{5};
        input.self = db1;
        input.members = members();
        input.recorded = record;
        one.tell(input);
    }
    played const& run(duration span = std::chrono::seconds{20}) {
        one.run(span);
        return one.result;
    }
    [[nodiscard]] standing const& last() const { return one.state.recorded.now; }
    [[nodiscard]] std::set<node_id> names() const {
        std::set<node_id> out;
        for (acker const& each : last().ackers)
            out.insert(each.node);
        return out;
    }
    model::cluster servers;
    keeping one;
    journal_entry record;
};

} // namespace tasuki::mysql::scene
