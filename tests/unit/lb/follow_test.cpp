#include "tasuki/lb/follow.hpp"
#include "tasuki/lb/roster.hpp"
#include "tasuki/lb/standing_text.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;

instant const start{1h};

group_standing standing(std::string master, bool is_open = true) {
    group_standing out;
    out.group = "db";
    out.epoch = 7;
    out.master = std::move(master);
    out.is_open = is_open;
    out.until = start + 2s;
    out.replicas = {{"db1", true, 0ms}, {"db2", true, 10ms}, {"db3", true, 20ms}};
    return out;
}

pool_settings pool(group_role role) {
    pool_settings out;
    out.name = "db";
    out.speaks = protocol::mysql;
    out.follows.group = "db";
    out.follows.role = role;
    for (auto const* name : {"db1", "db2", "db3"})
        out.backends.push_back({name, *endpoint::parse("10.77.0.9:3306"), 100, false, 0});
    out.backends[1].address.port = 3307;
    out.backends[2].address.port = 3308;
    return out;
}

struct rig {
    instant now = start;
    pool_settings settings;
    roster it;
    explicit rig(pool_settings from)
        : settings(std::move(from))
        , it(settings, {}, start) {}

    bool hear(group_standing const& said) { return it.stand(said, now); }
    [[nodiscard]] std::vector<unsigned> weights() const { return it.weights(now); }
    [[nodiscard]] std::string dead() const {
        std::string out;
        for (std::size_t index = 0; index < 3; ++index)
            out += it.is_dead(index) ? 'x' : '-';
        return out;
    }
    [[nodiscard]] std::string const& why(std::size_t index) const {
        return it.states()[index].where.why;
    }
};

using shares = std::vector<unsigned>;

} // namespace

TEST_CASE("the master's pool has the master and nobody else, and nobody before it is told",
          "[lb][follow]") {
    rig on{pool(group_role::master)};
    CHECK(on.weights() == shares{0, 0, 0});
    CHECK(on.dead() == "xxx");
    CHECK(on.hear(standing("db2")));
    CHECK(on.weights() == shares{0, 100, 0});
    CHECK(on.dead() == "x-x");
    CHECK(on.why(0) == "not the master: that is db2");
    CHECK_FALSE(on.hear(standing("db2")));
    CHECK(on.hear(standing("db3")));
    CHECK(on.dead() == "xx-");
    CHECK(on.hear(standing("")));
    CHECK(on.dead() == "xxx");
    CHECK(on.why(2) == "no master is known");
}

TEST_CASE("a master is used until the end of the lease that is proven", "[lb][follow]") {
    rig on{pool(group_role::master)};
    on.hear(standing("db1"));
    CHECK(on.it.next(on.now) <= start + 2s);
    on.now = start + 2s - 1ns;
    CHECK_FALSE(on.it.pass(on.now));
    CHECK(on.weights() == shares{100, 0, 0});
    on.now = start + 2s;
    CHECK(on.it.pass(on.now));
    CHECK(on.weights() == shares{0, 0, 0});
    CHECK(on.dead() == "xxx");
    CHECK(on.why(0) == "its lease may be over");
    auto renewed = standing("db1");
    renewed.until = on.now + 1s;
    CHECK(on.hear(renewed));
    CHECK(on.weights() == shares{100, 0, 0});
}

TEST_CASE("the end of a lease is looked at even if no check is due", "[lb][follow]") {
    auto settings = pool(group_role::master);
    settings.health.interval = 1h;
    rig on{settings};
    on.hear(standing("db1"));
    CHECK(on.it.next(on.now) <= start + 2s);
    CHECK(places_change_at(settings.follows, standing("db1"), {}, start + 2s) == never);
}

TEST_CASE("before a switchover closes the master its sessions take the ladder, at once",
          "[lb][follow]") {
    rig on{pool(group_role::master)};
    auto said = standing("db1");
    on.hear(said);
    said.is_leaving = true;
    on.now += 1s;
    CHECK(on.hear(said));
    CHECK(on.weights() == shares{0, 0, 0});
    CHECK(on.dead() == "-xx");
    auto const drain = drain_of(on.it.states()[0]);
    REQUIRE(drain.has_value());
    CHECK(drain->is_urgent);
    CHECK(drain->began == on.now);
    session_view busy;
    busy.doing = activity::idle;
    busy.last_byte = on.now;
    CHECK(decide(on.settings.drain, *drain, busy, on.now).what == deed::close);
    busy.in_transaction = true;
    CHECK(decide(on.settings.drain, *drain, busy, on.now).what == deed::wait);
    said.is_leaving = false; // closed by then, and nobody else is master yet
    said.is_open = false;
    on.hear(said);
    CHECK(on.dead() == "-xx");
    CHECK(drain_of(on.it.states()[0])->began == drain->began);
    said.is_open = true; // it was refused
    on.hear(said);
    CHECK(on.weights() == shares{100, 0, 0});
    CHECK_FALSE(drain_of(on.it.states()[0]).has_value());
}

TEST_CASE("readers have the replicas, and the master while there is none", "[lb][follow]") {
    auto settings = pool(group_role::replica);
    settings.health.interval = 1h; // the end of a doubt is looked at without it
    rig on{settings};
    CHECK(on.weights() == shares{100, 100, 100}); // reading needs no lease
    auto said = standing("db1");
    on.hear(said);
    CHECK(on.weights() == shares{0, 100, 100});
    CHECK(on.why(0) == "the master");
    said.replicas[1].applies = false;
    on.hear(said);
    CHECK(on.weights() == shares{0, 100, 100}); // it may be on its way to another master
    CHECK(on.it.next(on.now) <= start + 3s);
    on.now += 3s;
    CHECK(on.it.pass(on.now));
    CHECK(on.weights() == shares{0, 0, 100});
    CHECK(on.why(1) == "it does not replicate");
    said.replicas[2].applies = false;
    on.hear(said);
    on.it.pass(on.now += 3s);
    CHECK(on.weights() == shares{100, 0, 0});
    on.now = start + 1h;
    CHECK_FALSE(on.it.pass(on.now)); // nor does the end of a lease end it
    said.replicas[1].applies = true;
    on.hear(said);
    CHECK(on.weights() == shares{0, 100, 0});
}

TEST_CASE("replicas that only stand still while the master changes serve all the time",
          "[lb][follow]") {
    auto settings = pool(group_role::replica);
    settings.follows.lag_max = 1s;
    rig on{settings};
    on.hear(standing("db1"));
    auto said = standing("", false);
    for (auto& each : said.replicas)
        each.lag.reset();
    said.replicas[0].applies = false; // the one that was master
    on.hear(said);
    on.it.pass(on.now += 2999ms);
    CHECK(on.weights() == shares{0, 100, 100});
    on.it.pass(on.now += 1h); // and if there is no master for long, they are all there is
    CHECK(on.weights() == shares{0, 100, 100});
    CHECK(on.why(1) == "how far it lags is not known, and no other is better");
    on.hear(standing("db2"));
    CHECK(on.weights() == shares{100, 0, 100});
}

TEST_CASE("a replica that lags is left until it lags half as much, and the last one stays",
          "[lb][follow]") {
    auto settings = pool(group_role::replica);
    settings.follows.lag_max = 1s;
    rig on{settings};
    auto said = standing("db1");
    auto const lag = [&](milliseconds of_db2, milliseconds of_db3) {
        said.replicas[1].lag = of_db2;
        said.replicas[2].lag = of_db3;
        on.hear(said);
        return on.weights();
    };
    CHECK(lag(1000ms, 0ms) == shares{0, 100, 100});
    CHECK(lag(1001ms, 0ms) == shares{0, 0, 100});
    CHECK(on.why(1) == "lags 1001 ms");
    CHECK_FALSE(drain_of(on.it.states()[1])->is_urgent);
    said.replicas[1].applies = false; // no reason to come back
    CHECK(lag(1001ms, 0ms) == shares{0, 0, 100});
    said.replicas[1].applies = true;
    CHECK(lag(1001ms, 0ms) == shares{0, 0, 100});
    CHECK(lag(501ms, 0ms) == shares{0, 0, 100});
    CHECK(lag(500ms, 0ms) == shares{0, 100, 100});
    CHECK(lag(3000ms, 2000ms) == shares{0, 0, 100});
    CHECK(on.why(2) == "lags 2000 ms, and no other is better");
    CHECK(lag(3000ms, 4000ms) == shares{0, 100, 0});
    said.replicas[1].lag.reset();
    on.hear(said);
    on.it.pass(on.now += 3s);
    CHECK(on.why(1) == "how far it lags is not known");
    CHECK(on.weights() == shares{0, 0, 100});
}

TEST_CASE("a member that is reserved for batch work serves others only if nobody else can",
          "[lb][follow]") {
    auto settings = pool(group_role::replica);
    settings.follows.reserved = "db3";
    rig readers{settings};
    settings.follows.role = group_role::batch;
    rig batch{settings};
    auto said = standing("db1");
    readers.hear(said);
    batch.hear(said);
    CHECK(readers.weights() == shares{0, 100, 0});
    CHECK(readers.why(2) == "reserved for batch work");
    CHECK(batch.weights() == shares{0, 0, 100});
    said.replicas[1].applies = false;
    readers.hear(said);
    readers.it.pass(readers.now += 3s);
    CHECK(readers.weights() == shares{0, 0, 100});
    said.replicas[1].applies = true;
    said.replicas[2].applies = false;
    batch.hear(said);
    batch.it.pass(batch.now += 3s);
    CHECK(batch.weights() == shares{0, 100, 0});
    said.replicas = {};
    batch.hear(said);
    batch.it.pass(batch.now += 3s);
    CHECK(batch.weights() == shares{100, 0, 0});
}

TEST_CASE("that all checks fail at once does not bring a former master back", "[lb][follow]") {
    rig on{pool(group_role::master)};
    on.hear(standing("db1"));
    for (auto const* name : {"db1", "db2", "db3"})
        (void)on.it.checked(name, {true, ""}, on.now += 1ms);
    for (int each = 0; each < 3; ++each)
        for (auto const* name : {"db1", "db2", "db3"})
            (void)on.it.checked(name, {false, "refused"}, on.now += 1ms);
    CHECK(on.it.is_own_fault());
    CHECK(on.weights() == shares{100, 0, 0});
    CHECK(on.dead() == "-xx");
}

TEST_CASE("another file keeps the places, and an operator's drain goes beside them",
          "[lb][follow]") {
    rig on{pool(group_role::master)};
    on.hear(standing("db1"));
    on.it.configure(on.settings, on.now);
    CHECK(on.weights() == shares{100, 0, 0});
    REQUIRE(on.it.change("db1", {administration::drain, {}, 5s}, on.now).has_value());
    auto said = standing("db1");
    said.is_leaving = true;
    on.hear(said);
    CHECK(drain_of(on.it.states()[0])->deadline == on.now + 5s); // the earlier end
    CHECK(drain_of(on.it.states()[0])->is_urgent);
}

TEST_CASE("what is known of one group is no news of another, in another file either",
          "[lb][follow]") {
    rig on{pool(group_role::master)};
    on.hear(standing("db1"));
    auto other = standing("db2");
    other.group = "crm";
    CHECK_FALSE(on.hear(other));
    CHECK(on.weights() == shares{100, 0, 0});
    auto file = on.settings;
    file.follows.group = "crm";
    on.it.configure(file, on.now);
    CHECK(on.weights() == shares{0, 0, 0});
    CHECK(on.hear(other));
    CHECK(on.weights() == shares{0, 100, 0});
    file.follows = {};
    on.it.configure(file, on.now);
    CHECK(on.weights() == shares{100, 100, 100});
    CHECK(on.dead() == "---");
}

TEST_CASE("each renewal of a lease is news, for the threads end its use themselves",
          "[lb][follow]") {
    rig on{pool(group_role::master)};
    auto said = standing("db1");
    on.hear(said);
    CHECK(on.it.usable_until(0) == said.until);
    CHECK(on.it.usable_until(1) == never);
    said.until += 1s;
    CHECK(on.hear(said));
    CHECK(on.it.usable_until(0) == said.until);
}

TEST_CASE("what an agent tells is read back, and nonsense is not", "[lb][follow]") {
    auto one = standing("db1");
    one.is_leaving = true;
    one.replicas[2].lag.reset();
    std::vector<group_standing> const all{one, {}};
    auto const text = to_text(all);
    auto const back = parse_standings(text);
    REQUIRE(back.has_value());
    CHECK(*back == all);
    for (std::size_t size = 0; size < text.size(); ++size)
        CHECK_FALSE(parse_standings(std::string_view{text}.substr(0, size)).has_value());
    for (auto const* nonsense : {R"({"groups": [{}]})", R"({"groups": [7]})", R"({"groups": 7})",
                                 "[]", R"({"groups": [], "more": )",
                                 R"({"groups": [{"group": "db", "epoch": -1, "master": "",
                                     "open": true, "leaving": true, "until_ns": 0,
                                     "replicas": []}]})"})
        CHECK_FALSE(parse_standings(nonsense).has_value());
    CHECK(parse_standings(R"({"groups": [], "more": 7})").has_value());
}

} // namespace tasuki::lb
