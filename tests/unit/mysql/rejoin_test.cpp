#include "tasuki/mysql/rejoin.hpp"

#include "scene.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;
using namespace tasuki::mysql::scene;

namespace {

using returning = stage<rejoin::state, rejoin::event, rejoin::policy, rejoin::outcome>;

gtid_list list(std::string_view text) {
    return gtid_list::parse(text).value();
}

/// db2 was promoted at 0-1-5 and has written two more; db1, the old master, is back.
struct group {
    group()
        : servers(members()) {
        servers.set_up(db1, {db2, db3});
        for (int i = 0; i < 5; ++i) {
            servers.commit(db1);
            for (node_id const node : {db2, db3})
                while (servers.receive(node) || servers.apply(node)) {
                }
        }
        record.promotion = list("0-1-5");
        record.now.master = db2;
        model::server& master = servers.at(db2);
        master.master.reset();
        master.read_only = false;
        master.receiver_runs = master.applier_runs = false;
        servers.commit(db2);
        servers.commit(db2);
        servers.crash(db1);
        servers.boot(db1);
    }
    rejoin::begin begin(node_id node) const {
        rejoin::begin input;
        input.under = epoch{6};
        input.self = db2;
        input.members = members();
        input.returning = *find(input.members, node);
        input.recorded = record;
        input.was_master = node == db1;
        return input;
    }
    played play(node_id node, std::vector<mishap> mishaps = {}) {
        returning one(servers, rejoin::step, rejoin::next_wake);
        one.mishaps = std::move(mishaps);
        one.tell(begin(node));
        return one.run();
    }
    model::cluster servers;
    journal_entry record;
};

} // namespace

TEST_CASE("rejoin: an old master with nothing of its own follows the new one", "[rejoin]") {
    group here;
    auto const seen = here.play(db1);
    REQUIRE(seen.verdict);
    INFO(seen.verdict->text);
    CHECK(seen.verdict->how == conclusion::done);
    CHECK(here.servers.at(db1).master == members()[1].server);
    CHECK(here.servers.at(db1).adopted == list("0-1-5"));
    CHECK_FALSE(here.servers.at(db1).acknowledges);
    CHECK(here.servers.receive(db1));
    CHECK(seen.place_of("settle db1") < seen.place_of("unlock_account db2"));
    CHECK(seen.place_of("unlock_account db2") < seen.place_of("follow db1"));
}

TEST_CASE("rejoin: the old master's unacknowledged end is named and left alone", "[rejoin]") {
    group here;
    here.servers.at(db1).binlog.push_back({0, 1, 6});
    auto const seen = here.play(db1);
    CHECK(seen.verdict->how == conclusion::quarantined);
    CHECK(seen.verdict->text.find("0-1-6") != std::string::npos);
    CHECK(seen.verdict->text.find("never acknowledged") != std::string::npos);
    CHECK_FALSE(seen.has_asked("settle db1"));
    CHECK_FALSE(seen.has_asked("follow db1"));
}

TEST_CASE("rejoin: after an accepted loss the end may have been acknowledged", "[rejoin]") {
    group here;
    here.record.loss_accepted = true;
    here.servers.at(db1).binlog.push_back({0, 1, 6});
    auto const seen = here.play(db1);
    CHECK(seen.verdict->how == conclusion::quarantined);
    CHECK(seen.verdict->text.find("may have been acknowledged") != std::string::npos);
}

TEST_CASE("rejoin: a replica of the old master is repointed without adopting its binlog",
          "[rejoin]") {
    group here;
    auto const seen = here.play(db3);
    CHECK(seen.verdict->how == conclusion::done);
    CHECK(here.servers.at(db3).master == members()[1].server);
    CHECK(here.servers.at(db3).adopted.empty());
}

TEST_CASE("rejoin: a replica that received what the master does not have is left alone",
          "[rejoin]") {
    group here;
    here.servers.at(db3).relay.push_back({0, 1, 6});
    auto const seen = here.play(db3);
    CHECK(seen.verdict->how == conclusion::quarantined);
    CHECK_FALSE(seen.has_asked("settle db3"));
    CHECK(here.servers.at(db3).relay.size() == 1);
}

TEST_CASE("rejoin: transactions written besides are a divergence", "[rejoin]") {
    group here;
    here.servers.at(db3).binlog.push_back({0, 3, 6});
    auto const seen = here.play(db3);
    CHECK(seen.verdict->how == conclusion::quarantined);
    CHECK(here.servers.at(db3).receiver_runs);
}

TEST_CASE("rejoin: an applier error is for the operator", "[rejoin]") {
    group here;
    here.servers.at(db3).applier_errno = 1062;
    auto const seen = here.play(db3);
    CHECK(seen.verdict->how == conclusion::quarantined);
    CHECK(seen.verdict->text.find("1062") != std::string::npos);
    CHECK_FALSE(seen.has_asked("settle db3"));
}

TEST_CASE("rejoin: each answer that fails or never comes ends it, to be tried again", "[rejoin]") {
    struct row {
        std::string operation;
        node_id node;
    };
    for (row const& each : std::vector<row>{{"survey", db1},
                                            {"survey", db2},
                                            {"settle", db1},
                                            {"unlock_account", db2},
                                            {"follow", db1}})
        for (fate const how : {fate::failed, fate::lost}) {
            INFO(each.operation << " on db" << each.node.value());
            group here;
            auto const seen = here.play(db1, {{each.operation, each.node, how}});
            REQUIRE(seen.verdict);
            CHECK(seen.verdict->how == conclusion::aborted);
        }
    group down;
    down.servers.crash(db1);
    CHECK(down.play(db1).verdict->how == conclusion::aborted);
}

TEST_CASE("rejoin: a receiver that never connects ends it", "[rejoin]") {
    group here;
    here.servers.cut(db1, db2, true);
    auto const seen = here.play(db1);
    CHECK(seen.verdict->how == conclusion::aborted);
    CHECK(seen.verdict->text.find("did not connect") != std::string::npos);
}

TEST_CASE("rejoin: the evidence decides the finding", "[rejoin]") {
    rejoin::evidence base;
    base.name = "db1";
    base.returning.condition = health::up;
    base.returning.life = server_incarnation{1};
    base.returning.server_number = 1;
    base.returning.binlog_position = base.returning.binlog_state = list("0-1-100");
    base.master.condition = health::up;
    base.master.binlog_state = list("0-1-100,0-2-120");
    base.promotion = list("0-1-100");
    base.was_master = true;

    auto clean = rejoin::classify(base);
    CHECK(clean.what == rejoin::finding::clean);
    CHECK(clean.adopt_binlog);

    auto tail = base;
    tail.returning.binlog_position = tail.returning.binlog_state = list("0-1-103");
    CHECK(rejoin::classify(tail).what == rejoin::finding::tail_only);
    CHECK(rejoin::classify(tail).extra == list("0-1-103"));

    auto replica = tail;
    replica.was_master = false;
    CHECK(rejoin::classify(replica).what == rejoin::finding::diverged);

    auto foreign = base;
    foreign.returning.binlog_state = list("0-1-100,0-3-101");
    CHECK(rejoin::classify(foreign).what == rejoin::finding::diverged);

    auto unknown = base;
    unknown.returning.condition = health::down;
    CHECK(rejoin::classify(unknown).what == rejoin::finding::unknown);

    // A master provisioned from a copy knows the older part by its position alone.
    auto copied = base;
    copied.master.binlog_state = list("0-2-120");
    CHECK(rejoin::classify(copied).what == rejoin::finding::clean);

    auto empty = base;
    empty.returning.binlog_position = empty.returning.binlog_state = {};
    CHECK(rejoin::classify(empty).what == rejoin::finding::clean);
    CHECK_FALSE(rejoin::classify(empty).adopt_binlog);
}

TEST_CASE("rejoin: it is needed for whoever does not replicate from the master", "[rejoin]") {
    group here;
    endpoint const master = members()[1].server;
    CHECK(rejoin::needs_rejoin(here.servers.facts_of(db1), master));
    CHECK(rejoin::needs_rejoin(here.servers.facts_of(db3), master));
    CHECK(rejoin::needs_rejoin(here.servers.facts_of(db3), members()[0].server) == std::nullopt);
    here.servers.at(db3).receiver_runs = false;
    CHECK(rejoin::needs_rejoin(here.servers.facts_of(db3), members()[0].server));
    here.servers.crash(db3);
    CHECK_FALSE(rejoin::needs_rejoin(here.servers.facts_of(db3), members()[0].server));
}
