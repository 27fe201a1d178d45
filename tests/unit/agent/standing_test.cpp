// What the load balancer of a node is told of the groups.
#include "tasuki/agent/standing.hpp"

#include "master_on_a.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;

namespace {

shape with_observer() {
    auto out = with_mysql();
    out.observers = {"lb"};
    return out;
}

lb::group_standing seen_by(cluster& on, std::string const& name) {
    return standing_of(*on.at(name).agent, on.group_of(name), on.now());
}

tenure told_by(cluster& on, std::string const& name) {
    return tenure_of(*on.at(name).agent, on.group_of(name).settings().id, on.now());
}

} // namespace

TEST_CASE("standing: a node that is no member sees the master, open, and its replicas",
          "[agent][standing]") {
    master_on_a on{with_observer()};
    auto const seen = seen_by(on, "lb");
    CHECK(seen.master == "a");
    CHECK_FALSE(seen.is_open); // that is asked for, as is
    CHECK(seen.epoch == on.record("a").written_under.value());
    CHECK(seen.until == long_ago);
    REQUIRE(seen.replicas.size() == 3);
    for (auto const& each : seen.replicas)
        CHECK(each.applies == (each.node != "a"));
    CHECK(seen_by(on, "a").until > on.now());
    CHECK(seen_by(on, "a").is_open);
    CHECK(seen_by(on, "b").until == long_ago);
}

TEST_CASE("standing: a new master is called open only when it takes writes", "[agent][standing]") {
    master_on_a on{with_observer()};
    auto const before = seen_by(on, "lb").epoch;
    on.crash("a");
    bool was_called_early = false;
    REQUIRE(on.run_until(
        [&] {
            auto const said = told_by(on, "b");
            was_called_early = was_called_early || (said.is_open && on.servers().at(b).read_only);
            return said.is_open && seen_by(on, "lb").master == "b";
        },
        std::chrono::seconds{10}));
    CHECK_FALSE(was_called_early);
    CHECK(seen_by(on, "lb").epoch > before);
}

TEST_CASE("standing: only the holder of a lease says how much of it is left", "[agent][standing]") {
    master_on_a on{with_observer()};
    auto const said = told_by(on, "a");
    CHECK(said.under == on.record("a").written_under);
    CHECK(said.left > duration::zero());
    CHECK(told_by(on, "b") == tenure{});
    CHECK(told_by(on, "lb") == tenure{});
    auto const asked_at = on.now() - milliseconds{5};
    CHECK(end_of(said, asked_at, 0.005) < on.now() + said.left); // the way there counts
    CHECK(end_of({epoch{1}, milliseconds{1000}, true}, asked_at, 0.005) ==
          asked_at + milliseconds{990});
}

TEST_CASE("standing: news come when something has changed, and only then", "[agent][standing]") {
    master_on_a on{with_observer()};
    standing_watch watch;
    CHECK_FALSE(watch.news(*on.at("lb").agent, on.now()).has_value()); // it follows nothing
    on.crash("lb");
    on.at("lb").settings.followed = {on.group_of("a").settings().id};
    on.start("lb");
    on.run(milliseconds{500});
    auto const first = watch.news(*on.at("lb").agent, on.now());
    REQUIRE(first.has_value());
    CHECK(first->at(0).master == "a");
    CHECK_FALSE(watch.news(*on.at("lb").agent, on.now()).has_value());
    on.crash("a");
    REQUIRE(on.takes_over("b", std::chrono::seconds{10}));
    CHECK(watch.news(*on.at("lb").agent, on.now()).has_value());
}

TEST_CASE("standing: a tenure is read back, and one that no lease can have is not",
          "[agent][standing]") {
    tenure const said{epoch{9}, milliseconds{1234}, true};
    auto const back = decode_tenure(encode(said));
    REQUIRE(back.has_value());
    CHECK(*back == said);
    CHECK(*decode_tenure(encode(tenure{})) == tenure{});
    CHECK_FALSE(decode_tenure(encode(tenure{epoch{9}, std::chrono::hours{1}, true})).has_value());
    CHECK_FALSE(decode_tenure({}).has_value());
}
