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

} // namespace

TEST_CASE("a pool that follows nobody goes by what its servers say of themselves", "[lb][check]") {
    auto settings = asks_for(server_role::replica);
    settings.check.lag_max = 2s;
    rig on{settings};
    auto const say = [&](char const* name, server_seen const& seen) {
        (void)on.it.checked(name, {true, {}, seen}, on.now);
    };
    CHECK(on.weights() == shares{100, 100, 100}); // not asked yet
    say("db1", {true, true, 0ms, {}});
    say("db2", {true, true, 2001ms, {}});
    say("db3", {false, false, {}, {}});
    CHECK(on.weights() == shares{100, 0, 0});
    CHECK(on.why(1) == "lags 2001 ms");
    CHECK(on.why(2) == "it is no replica, and takes writes");
    CHECK(drain_of(on.it.states()[1])->is_urgent == false);
    SECTION("it serves again when it lags half as much") {
        say("db2", {true, true, 1001ms, {}});
        CHECK(on.weights() == shares{100, 0, 0});
        say("db2", {true, true, 1000ms, {}});
        CHECK(on.weights() == shares{100, 100, 0});
    }
    SECTION("the last one stays, however much it lags") {
        say("db1", {true, true, 9000ms, {}});
        CHECK(on.weights() == shares{0, 100, 0});
        CHECK(on.why(1) == "lags 2001 ms, and no other is better");
    }
    SECTION("one that does not replicate is left after a while") {
        say("db2", {true, true, 0ms, {}});
        say("db1", {true, false, {}, {}});
        CHECK(on.weights() == shares{100, 100, 0});
        on.now += 3s;
        CHECK(on.it.next(on.now) <= on.now);
        say("db1", {true, false, {}, {}});
        CHECK(on.weights() == shares{0, 100, 0});
        CHECK(on.why(0) == "it does not replicate");
    }
    SECTION("one that does not show it is doubted, too") {
        say("db2", {true, true, 0ms, {}});
        say("db1", {true, true, {}, "it lets no tasuki_check see what it is"});
        on.now += 3s;
        CHECK(on.it.pass(on.now));
        CHECK(on.weights() == shares{0, 100, 0});
    }
    SECTION("a check that fails says nothing of it") {
        (void)on.it.checked("db2", {false, "no answer", {}}, on.now);
        CHECK(on.why(1) == "lags 2001 ms");
    }
    SECTION("another file forgets it") {
        settings.check.role = server_role::any;
        on.it.configure(settings, on.now);
        CHECK(on.weights() == shares{100, 100, 100});
        CHECK_FALSE(drain_of(on.it.states()[1]).has_value());
        settings.check.role = server_role::replica;
        on.it.configure(settings, on.now);
        CHECK(on.weights() == shares{100, 100, 100}); // it was another account's word
    }
}

TEST_CASE("a pool for writing leaves a server that is read-only", "[lb][check]") {
    rig on{asks_for(server_role::master)};
    (void)on.it.checked("db1", {true, {}, server_seen{false, false, {}, {}}}, on.now);
    (void)on.it.checked("db2", {true, {}, server_seen{true, true, 0ms, {}}}, on.now);
    CHECK(on.weights() == shares{100, 0, 100});
    CHECK(on.why(1) == "read_only is on");
    CHECK(drain_of(on.it.states()[1])->is_urgent);
    CHECK_FALSE(on.it.is_dead(1)); // what runs there comes to its end
    (void)on.it.checked("db2", {true, {}, server_seen{false, true, 0ms, {}}}, on.now);
    CHECK(on.weights() == shares{100, 100, 100});
}

} // namespace tasuki::lb
