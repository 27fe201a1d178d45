#include "tasuki/core/archive.hpp"
#include "tasuki/lb/roster.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;
using shares = std::vector<unsigned>;

/// Three servers of no group.
pool_settings asks_for(server_role role) {
    pool_settings out;
    out.name = "db";
    out.speaks = protocol::mysql;
    out.check.role = role;
    for (auto const* name : {"db1", "db2", "db3"})
        out.backends.push_back({name, *endpoint::parse("10.77.0.9:3306"), 100, false, 0});
    return out;
}

struct rig {
    instant now{1h};
    roster it;
    explicit rig(pool_settings const& from)
        : it(from, {}, now) {}

    [[nodiscard]] shares weights() const { return it.weights(now); }
    [[nodiscard]] std::string const& why(std::size_t index) const {
        return it.states()[index].where.why;
    }
};

/// One that keeps up, one that lags, and one that is no replica.
struct replicas : rig {
    pool_settings settings;

    replicas()
        : replicas(within_two_seconds()) {}
    void say(char const* name, server_seen const& seen) {
        (void)it.checked(name, {true, {}, seen}, now);
    }

  private:
    static pool_settings within_two_seconds() {
        auto out = asks_for(server_role::replica);
        out.check.lag_max = 2s;
        return out;
    }
    explicit replicas(pool_settings const& from)
        : rig(from)
        , settings(from) {
        CHECK(weights() == shares{100, 100, 100}); // the last resort, all of them
        CHECK(it.take_due(now).size() == 3);       // at once
        say("db1", {true, true, 0ms, {}});
        say("db2", {true, true, 2001ms, {}});
        say("db3", {false, false, {}, {}});
    }
};

} // namespace

TEST_CASE("a pool that follows nobody goes by what its servers say of themselves", "[lb][check]") {
    replicas on;
    CHECK(on.weights() == shares{100, 0, 0});
    CHECK(on.why(1) == "lags 2001 ms");
    CHECK(on.why(2) == "it is no replica, and takes writes");
    CHECK(drain_of(on.it.states()[1])->is_urgent == false);
    SECTION("it serves again when it lags half as much") {
        on.say("db2", {true, true, 1001ms, {}});
        CHECK(on.weights() == shares{100, 0, 0});
        on.say("db2", {true, true, 1000ms, {}});
        CHECK(on.weights() == shares{100, 100, 0});
    }
    SECTION("the last one stays, however much it lags") {
        on.say("db1", {true, true, 9000ms, {}});
        CHECK(on.weights() == shares{0, 100, 0});
        CHECK(on.why(1) == "lags 2001 ms, and no other is better");
    }
    SECTION("and does so, though another one would be better if it lived") {
        for (int each = 0; each < 3; ++each)
            (void)on.it.checked("db1", {false, "no answer", {}}, on.now);
        CHECK(on.weights() == shares{0, 100, 0});
        CHECK(on.why(1) == "lags 2001 ms, and no other is better");
        for (int each = 0; each < 2; ++each)
            on.say("db1", {true, true, 0ms, {}});
        CHECK(on.weights() == shares{100, 0, 0});
    }
    SECTION("or if it were not drained") {
        REQUIRE(on.it.change("db1", {administration::drain, {}, {}}, on.now).has_value());
        CHECK(on.weights() == shares{0, 100, 0});
        REQUIRE(on.it.change("db1", {administration::ready, {}, {}}, on.now).has_value());
        CHECK(on.weights() == shares{100, 0, 0});
    }
    SECTION("one that does not replicate is left after a while") {
        on.say("db2", {true, true, 0ms, {}});
        on.say("db1", {true, false, {}, {}});
        CHECK(on.weights() == shares{100, 100, 0});
        on.now += 3s;
        CHECK(on.it.next(on.now) <= on.now);
        on.say("db1", {true, false, {}, {}});
        CHECK(on.weights() == shares{0, 100, 0});
        CHECK(on.why(0) == "it does not replicate");
    }
    SECTION("one that does not show it is doubted, too") {
        on.say("db2", {true, true, 0ms, {}});
        on.say("db1", {true, true, {}, "it lets no tasuki_check see what it is"});
        on.now += 3s;
        CHECK(on.it.pass(on.now));
        CHECK(on.weights() == shares{0, 100, 0});
    }
}

TEST_CASE("what servers have said of themselves is kept as long as it counts", "[lb][check]") {
    replicas on;
    SECTION("another process goes on with what is known") {
        REQUIRE(on.it.change("db1", {administration::drain, {}, 5s}, on.now).has_value());
        auto left = on.it.estate();
        roster_estate told;
        REQUIRE(unarchive(archived(left), told));
        roster next{on.settings, on.it.wishes(), on.now + 1s};
        next.adopt(told, on.now + 1s);
        CHECK(next.weights(on.now + 1s) == shares{0, 100, 0});
        CHECK(next.states()[1].where == on.it.states()[1].where);
        CHECK(next.states()[0].leaving->deadline == on.now + 5s); // not that of the pool
        CHECK(next.states()[0].health.now == health::up);
    }
    SECTION("but what was commanded meanwhile counts, and who has another address is another") {
        auto left = on.it.estate();
        left.backends[1].address.port = 1;
        roster next{on.settings, {{{"db1", {administration::drain, 7}}}, {}}, on.now};
        next.adopt(left, on.now);
        CHECK(next.states()[0].wanted == administration::drain);
        CHECK(next.states()[0].weight == 7U);
        CHECK(next.states()[0].leaving.has_value());
        CHECK(next.states()[1].health.now == health::unknown);
    }
    SECTION("a check that fails says nothing of it") {
        (void)on.it.checked("db2", {false, "no answer", {}}, on.now);
        CHECK(on.why(1) == "lags 2001 ms");
    }
    SECTION("another file forgets it") {
        on.settings.check.role = server_role::any;
        on.it.configure(on.settings, on.now);
        CHECK(on.weights() == shares{100, 100, 100});
        CHECK_FALSE(drain_of(on.it.states()[1]).has_value());
        on.settings.check.role = server_role::replica;
        on.settings.check.lag_max = 3s;
        on.it.configure(on.settings, on.now);
        CHECK(on.weights() == shares{100, 100, 0}); // by what they have said before
    }
}

TEST_CASE("a pool for writing leaves a server that is read-only", "[lb][check]") {
    rig on{asks_for(server_role::master)};
    (void)on.it.checked("db1", {true, {}, server_seen{false, false, {}, {}}}, on.now);
    (void)on.it.checked("db2", {true, {}, server_seen{true, true, 0ms, {}}}, on.now);
    (void)on.it.checked("db3", {true, {}, server_seen{false, false, {}, {}}}, on.now);
    CHECK(on.weights() == shares{100, 0, 100});
    CHECK(on.why(1) == "read_only is on");
    CHECK(drain_of(on.it.states()[1])->is_urgent);
    CHECK_FALSE(on.it.is_dead(1)); // what runs there comes to its end
    (void)on.it.checked("db2", {true, {}, server_seen{false, true, 0ms, {}}}, on.now);
    CHECK(on.weights() == shares{100, 100, 100});
}

} // namespace tasuki::lb
