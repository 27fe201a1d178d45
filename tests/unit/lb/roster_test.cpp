#include "tasuki/lb/roster.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;
using weights = std::vector<unsigned>;

instant const start{1h};

backend_settings backend(std::string name, std::string const& address, unsigned weight = 100) {
    return {std::move(name), *endpoint::parse(address), weight, false, 0};
}

pool_settings web() {
    pool_settings out;
    out.name = "web";
    out.backends = {backend("app1", "10.77.0.21:80"), backend("app2", "10.77.0.22:80", 50)};
    return out;
}

struct rig {
    instant now = start;
    roster it{web(), {}, start};

    void check(std::string_view name, bool good, int times = 1) {
        for (int each = 0; each < times; ++each)
            (void)it.checked(name, {good, good ? "" : "connection refused"}, now += 100ms);
    }
    [[nodiscard]] weights now_weights() const { return it.weights(now); }
};

} // namespace

TEST_CASE("a command changes weight and administration, and nothing else", "[lb]") {
    rig on;
    REQUIRE(on.it.change("app2", {{}, 200, {}}, on.now).has_value());
    CHECK(on.now_weights() == weights{100, 200});
    REQUIRE(on.it.change("app2", {administration::drain, {}, 30s}, on.now).has_value());
    CHECK(on.now_weights() == weights{100, 0});
    CHECK(on.it.states()[1].leaving->deadline == on.now + 30s);
    REQUIRE(on.it.change("app2", {administration::ready, {}, {}}, on.now).has_value());
    CHECK(on.now_weights() == weights{100, 200});
    auto const refused = on.it.change("app3", {{}, 1, {}}, on.now);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().text == "pool web has no backend \"app3\"");
}

TEST_CASE("what commands have changed survives another life, with what they have added", "[lb]") {
    rig on;
    REQUIRE(on.it.change("app1", {administration::maintenance, 7, {}}, on.now).has_value());
    REQUIRE(on.it.add(backend("app3", "10.77.0.23:80"), on.now).has_value());
    auto const written = on.it.wishes();
    CHECK(written.backends.size() == 1);
    roster const next{web(), written, on.now + 1h};
    CHECK(next.wishes() == written);
    CHECK(next.weights(on.now + 1h) == weights{0, 50, 100});
    CHECK(next.settings().backends.back().name == "app3");
}

TEST_CASE("another file keeps the health of who stays, and forgets who goes", "[lb]") {
    rig on;
    on.check("app2", true);
    on.check("app1", false, 3);
    REQUIRE(on.it.change("app1", {{}, 7, {}}, on.now).has_value());
    auto file = web();
    SECTION("in another order") {
        std::swap(file.backends[0], file.backends[1]);
    }
    SECTION("with another") {
        file.backends.insert(file.backends.begin(), backend("a", "10.77.0.2:8"));
    }
    on.it.configure(file, on.now);
    for (std::size_t index = 0; index < file.backends.size(); ++index) {
        auto const& it = on.it.states()[index];
        auto const& name = file.backends[index].name;
        CHECK(it.health.now == (name == "app1"   ? health::down
                                : name == "app2" ? health::up
                                                 : health::unknown));
        CHECK(it.weight.has_value() == (name == "app1"));
    }
    file.backends = {backend("app2", "10.77.0.99:80")}; // another machine of that name
    on.it.configure(file, on.now);
    CHECK(on.it.states()[0].health.now == health::unknown);
    CHECK(on.it.wishes() == pool_wishes{});
}

TEST_CASE("only what was added by command is removed by one", "[lb]") {
    rig on;
    REQUIRE(on.it.add(backend("app3", "10.77.0.23:80"), on.now).has_value());
    CHECK_FALSE(on.it.add(backend("app3", "10.77.0.24:80"), on.now).has_value());
    CHECK_FALSE(on.it.add(backend("app1", "10.77.0.24:80"), on.now).has_value());
    auto const of_the_file = on.it.remove("app1");
    REQUIRE_FALSE(of_the_file.has_value());
    CHECK(of_the_file.error().text.find("configuration file") != std::string::npos);
    CHECK_FALSE(on.it.remove("nobody").has_value());
    REQUIRE(on.it.remove("app3").has_value());
    CHECK(on.now_weights() == weights{100, 50});
    REQUIRE(on.it.add(backend("app3", "10.77.0.23:80"), on.now).has_value());
    auto file = web();
    file.backends.push_back(backend("app3", "10.77.0.23:80", 30));
    on.it.configure(file, on.now); // the file has it now
    CHECK(on.now_weights() == weights{100, 50, 30});
    CHECK(on.it.wishes() == pool_wishes{});
}

TEST_CASE("a check is asked once, and again only after its answer", "[lb]") {
    rig on;
    auto const later = on.now + 1s; // all first checks are within one interval
    CHECK(on.it.next(on.now) <= later);
    CHECK(on.it.take_due(later).size() == 2);
    CHECK(on.it.take_due(later + 1h).empty());
    CHECK(on.it.next(later) == never);
    CHECK_FALSE(on.it.checked("nobody", {true, {}}, later));
    CHECK(on.it.checked("app1", {true, {}}, later));
    CHECK(on.it.next(later) == later + 1s);
    CHECK(on.it.take_due(later + 1s).front().name == "app1");
}

TEST_CASE("in maintenance nothing is checked", "[lb]") {
    rig on;
    REQUIRE(on.it.change("app1", {administration::maintenance, {}, {}}, on.now).has_value());
    auto const due = on.it.take_due(on.now + 1s);
    REQUIRE(due.size() == 1);
    CHECK(due.front().name == "app2");
}

TEST_CASE("failed connections of clients bring the next check forward", "[lb]") {
    rig on;
    on.check("app1", true);
    on.check("app2", true);
    auto const next = on.it.next(on.now);
    for (int each = 0; each < 3; ++each)
        on.it.connected("app1", false, on.now);
    CHECK(on.it.next(on.now) <= on.now);
    CHECK(on.it.next(on.now) < next);
    CHECK(on.it.states()[0].health.now == health::up);
}

TEST_CASE("backends that fall all at once are used all the same, and those that fall by turns not",
          "[lb]") {
    rig on;
    on.check("app1", true);
    on.check("app2", true);
    on.check("app1", false, 3);
    SECTION("at once") {
        on.check("app2", false, 3);
        CHECK(on.it.is_own_fault());
        CHECK_FALSE(on.it.is_dead(0));
        CHECK(on.now_weights() == weights{100, 50});
        on.check("app2", false, 30);
        CHECK(on.it.is_own_fault());
        on.check("app2", true, 2);
        CHECK_FALSE(on.it.is_own_fault());
        CHECK(on.it.is_dead(0));
        CHECK(on.now_weights() == weights{0, 50});
    }
    SECTION("by turns") {
        on.now += 1h;
        on.check("app2", false, 3);
        CHECK_FALSE(on.it.is_own_fault());
        CHECK(on.it.is_dead(0));
        CHECK(on.now_weights() == weights{0, 0});
    }
}

TEST_CASE("a new backend begins with its slow start, the first ones of a process do not", "[lb]") {
    auto file = web();
    file.slow_start = 20s;
    roster it{file, {}, start};
    CHECK(it.weights(start) == weights{100, 50});
    REQUIRE(it.add(backend("app3", "10.77.0.23:80"), start).has_value());
    CHECK(it.weights(start) == weights{100, 50, 1});
    CHECK(it.next(start) <= start + 1s);
    CHECK(it.weights(start + 10s) == weights{100, 50, 50});
}

} // namespace tasuki::lb
