#include "tasuki/mysql/candidate.hpp"

#include "scene.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;
using namespace tasuki::mysql::scene;

namespace {

gtid_list list(std::string_view text) {
    return gtid_list::parse(text).value();
}

/// db1 is the recorded master, the others replicate from it and are its ackers.
struct survey_scene {
    explicit survey_scene(std::size_t count = 3) {
        input.members = members(count);
        input.recorded.master = db1;
        for (member const& who : input.members) {
            server_facts facts;
            facts.condition = health::up;
            facts.life = server_incarnation{who.node.value()};
            facts.server_number = who.node.value();
            facts.binlog_position = facts.binlog_state = list("0-1-100");
            if (who.node != db1) {
                replica_facts replica;
                replica.master = input.members.front().server;
                replica.receiver = thread_state::running;
                replica.applier_runs = true;
                replica.received = list("0-1-100");
                replica.applied = list("0-1-100");
                facts.replica = replica;
                input.recorded.ackers.push_back({who.node, facts.life});
                input.frozen.insert(who.node);
            }
            input.facts[who.node] = facts;
        }
    }
    replica_facts& replica(node_id node) { return *input.facts.at(node).replica; }
    assess_input input;
};

contender const& of(assessment const& seen, node_id node) {
    for (contender const& each : seen.ranked)
        if (each.node == node)
            return each;
    throw std::out_of_range("not ranked");
}

struct readiness_scene {
    std::vector<member> members;
    standing recorded;
    survey_map facts;
    std::vector<node_id> alive;
    std::vector<node_id> standby;
    bool promote_degraded = false;
};

readiness judge_readiness(readiness_scene const& it) {
    return judge_readiness(readiness_input{it.members, it.recorded, it.facts, it.alive, it.standby,
                                           it.promote_degraded});
}

readiness_scene ready_scene(std::size_t count = 3) {
    survey_scene const base(count);
    readiness_scene out;
    out.members = base.input.members;
    out.recorded = base.input.recorded;
    out.facts = base.input.facts;
    for (member const& who : out.members)
        out.alive.push_back(who.node);
    return out;
}

bool says(readiness const& seen, std::string const& part) {
    for (std::string const& reason : seen.reasons)
        if (reason.find(part) != std::string::npos)
            return true;
    return false;
}

} // namespace

TEST_CASE("candidate: the most advanced comes first, then the preferred", "[candidate]") {
    survey_scene here;
    auto const equal = assess(here.input);
    CHECK(equal.ranked[0].node == db2);
    CHECK(equal.ranked[1].node == db3);
    CHECK(equal.ranked[2].excluded);
    CHECK(equal.freeze.enough);

    here.replica(db3).received = list("0-1-101");
    auto const ahead = assess(here.input);
    CHECK(ahead.ranked[0].node == db3);
    CHECK(ahead.furthest_node == db3);
    CHECK(ahead.furthest_position == list("0-1-101"));
    CHECK_FALSE(ahead.split_brain);
}

TEST_CASE("candidate: what was received counts, not what was applied", "[candidate]") {
    survey_scene here;
    here.replica(db2).applied = list("0-1-50");
    here.replica(db3).received = list("0-1-99");
    here.replica(db3).applied = list("0-1-99");
    CHECK(assess(here.input).ranked[0].node == db2);
    CHECK(assess(here.input).ranked[0].holds == list("0-1-100"));
}

TEST_CASE("candidate: each exclusion names its reason", "[candidate]") {
    struct row {
        std::string part;
        std::function<void(survey_scene&)> spoil;
        bool counts_as_frozen;
    };
    for (row const& each : std::vector<row>{
             {"does not answer", [](survey_scene& s) { s.input.facts.erase(db2); }, false},
             {"is down", [](survey_scene& s) { s.input.facts[db2].condition = health::down; },
              false},
             {"is hanging", [](survey_scene& s) { s.input.facts[db2].condition = health::hanging; },
              false},
             {"is disk_full",
              [](survey_scene& s) { s.input.facts[db2].condition = health::disk_full; }, false},
             {"does not replicate", [](survey_scene& s) { s.input.facts[db2].replica.reset(); },
              false},
             {"not from the master",
              [](survey_scene& s) { s.replica(db2).master = members()[2].server; }, false},
             {"was restarted", [](survey_scene& s) { s.replica(db2).received.reset(); }, false},
             {"could not be frozen", [](survey_scene& s) { s.input.frozen.erase(db2); }, false},
             {"could not be frozen: its applier stopped",
              [](survey_scene& s) {
                  s.input.frozen.erase(db2);
                  s.input.refused[db2] = "its applier stopped";
              },
              false},
             {"never_master", [](survey_scene& s) { s.input.members[1].never_master = true; },
              true},
             {"error 1062", [](survey_scene& s) { s.replica(db2).applier_errno = 1062; }, true},
             {"applier does not run",
              [](survey_scene& s) {
                  s.replica(db2).applier_runs = false;
                  s.replica(db2).receiver = thread_state::stopped;
                  s.replica(db2).applied = list("0-1-9");
              },
              true},
             {"of its own",
              [](survey_scene& s) { s.input.facts[db2].binlog_position = list("0-2-100"); }, true},
         }) {
        INFO(each.part);
        survey_scene here;
        each.spoil(here);
        auto const seen = assess(here.input);
        CHECK(of(seen, db2).excluded);
        CHECK(of(seen, db2).reason.find(each.part) != std::string::npos);
        CHECK(seen.freeze.enough == each.counts_as_frozen);
        CHECK(seen.ranked[0].node == db3);
    }
    survey_scene here;
    CHECK(of(assess(here.input), db1).reason == "it is the old master");
}

TEST_CASE("candidate: a server with too many connections is alive", "[candidate]") {
    survey_scene here;
    here.input.facts[db2].condition = health::full;
    CHECK_FALSE(of(assess(here.input), db2).excluded);
}

TEST_CASE("candidate: positions that cannot both be true are a split brain", "[candidate]") {
    survey_scene here;
    here.replica(db3).received = list("0-3-100");
    here.replica(db3).applied = list("0-1-99");
    auto const seen = assess(here.input);
    REQUIRE(seen.split_brain);
    CHECK(seen.split_brain->find("db2 holds 0-1-100 and db3 holds") != std::string::npos);
    here.input.frozen.erase(db3);
    CHECK_FALSE(assess(here.input).split_brain);
}

TEST_CASE("readiness: with all ackers alive a failover would be lossless", "[candidate]") {
    auto const seen = judge_readiness(ready_scene());
    CHECK(seen.failover);
    CHECK(seen.lossless);
    CHECK(seen.to == db2);
    CHECK(seen.reasons.empty());
}

TEST_CASE("readiness: one acker missing of two, and nobody would be promoted", "[candidate]") {
    auto input = ready_scene();
    std::erase(input.alive, db3);
    auto const seen = judge_readiness(input);
    CHECK_FALSE(seen.failover);
    CHECK_FALSE(seen.lossless);
    CHECK(says(seen, "1 of 2 ackers frozen, 2 needed"));
    CHECK(says(seen, "db3: is not alive"));
}

TEST_CASE("readiness: an acker in another life does not count", "[candidate]") {
    auto input = ready_scene();
    input.facts[db3].life = server_incarnation{99};
    CHECK_FALSE(judge_readiness(input).failover);
}

TEST_CASE("readiness: an applier that was merely stopped is no obstacle, as the freeze starts it",
          "[candidate]") {
    auto input = ready_scene();
    auto& replica = *input.facts[db2].replica;
    replica.applier_runs = false;
    replica.applied = list("0-1-9");
    replica.receiver = thread_state::connecting;
    CHECK(judge_readiness(input).to == db2);
    replica.receiver = thread_state::stopped; // started now, it would drop what was received
    CHECK(judge_readiness(input).to != db2);
    replica.receiver = thread_state::running;
    replica.applier_errno = 1062;
    CHECK(judge_readiness(input).to != db2);
}

TEST_CASE("readiness: degraded is said, and promotes only where that is accepted", "[candidate]") {
    auto input = ready_scene();
    input.recorded.degraded = true;
    input.recorded.ackers.clear();
    auto seen = judge_readiness(input);
    CHECK_FALSE(seen.failover);
    CHECK(says(seen, "degraded"));
    input.promote_degraded = true;
    seen = judge_readiness(input);
    CHECK(seen.failover);
    CHECK_FALSE(seen.lossless);
    CHECK(seen.to == db2);
}

TEST_CASE("readiness: settings that break the promise are named", "[candidate]") {
    auto input = ready_scene();
    input.facts[db3].durability_faults = {"sync_binlog is 0: set it to 1"};
    auto const seen = judge_readiness(input);
    CHECK(seen.failover);
    CHECK_FALSE(seen.lossless);
    CHECK(says(seen, "db3: sync_binlog is 0"));
}

TEST_CASE("readiness: the acker is preferred to a replica that lags behind", "[candidate]") {
    auto input = ready_scene();
    input.recorded.ackers = {{db3, server_incarnation{3}}};
    CHECK(judge_readiness(input).to == db3);
    input.standby.push_back(db3);
    auto const seen = judge_readiness(input);
    CHECK(seen.to == db2);
    CHECK(says(seen, "db3: is in standby"));
    input.members[1].never_master = true;
    CHECK_FALSE(judge_readiness(input).to.has_value());
    CHECK(says(judge_readiness(input), "no node could be promoted"));
}

TEST_CASE("readiness: without a record nothing would happen", "[candidate]") {
    auto input = ready_scene();
    input.recorded = standing{};
    CHECK_FALSE(judge_readiness(input).failover);
    CHECK(says(judge_readiness(input), "bootstrap"));
}
