#include "tasuki/lb/backend.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;

instant const start{1h};

struct pool_of_three {
    pool_settings pool;
    std::vector<backend_state> states{3};

    pool_of_three() {
        pool.backends = {
            {"app1", {}, 100, false, 0}, {"app2", {}, 50, false, 0}, {"spare", {}, 80, true, 0}};
        for (auto& each : states)
            each.health.now = health::up;
    }
    [[nodiscard]] std::vector<unsigned> weights(instant now = start, bool own_fault = false) const {
        return effective_weights(pool, states, own_fault, now);
    }
};

using weights = std::vector<unsigned>;

} // namespace

TEST_CASE("a backup gets connections only while no other backend can", "[lb]") {
    pool_of_three on;
    CHECK(on.weights() == weights{100, 50, 0});
    on.states[0].health.now = health::down;
    CHECK(on.weights() == weights{0, 50, 0});
    want(on.states[1], administration::drain, never, start);
    CHECK(on.weights() == weights{0, 0, 80});
    on.states[0].health.now = health::up;
    on.states[0].weight = 0; // by command
    CHECK(on.weights() == weights{0, 0, 80});
    on.states[0].weight = 7;
    CHECK(on.weights() == weights{7, 0, 0});
}

TEST_CASE("if the fault is our own, all are used that the operator wants", "[lb]") {
    pool_of_three on;
    for (auto& each : on.states)
        each.health.now = health::down;
    want(on.states[1], administration::maintenance, never, start);
    CHECK(on.weights() == weights{0, 0, 0});
    CHECK(on.weights(start, true) == weights{100, 0, 0});
}

TEST_CASE("a backend that is not checked yet is used", "[lb]") {
    pool_of_three on;
    on.states[0].health.now = health::unknown;
    CHECK(on.weights()[0] == 100);
    CHECK(reason_of(on.pool.backends[0], on.states[0]) == "not checked yet");
}

TEST_CASE("slow start raises the weight from one to the whole, also after a drain", "[lb]") {
    pool_of_three on;
    on.pool.slow_start = 10s;
    on.states[0].served_since = start;
    CHECK(on.weights(start)[0] == 1);
    CHECK(on.weights(start + 5s)[0] == 50);
    CHECK(on.weights(start + 10s)[0] == 100);
    want(on.states[1], administration::drain, never, start);
    want(on.states[1], administration::ready, never, start + 60s);
    CHECK(on.weights(start + 62s)[1] == 10);
}

TEST_CASE("a drain begins once, and its deadline can be moved", "[lb]") {
    backend_state it;
    want(it, administration::drain, start + 60s, start);
    CHECK(it.leaving->began == start);
    want(it, administration::maintenance, start + 90s, start + 10s);
    CHECK(it.leaving->began == start);
    CHECK(it.leaving->deadline == start + 90s);
    want(it, administration::ready, never, start + 20s);
    CHECK_FALSE(it.leaving);
}

TEST_CASE("in maintenance nobody is called dead, and the reason is told", "[lb]") {
    pool_of_three on;
    auto& it = on.states[0];
    it.health.now = health::down;
    it.health.why = "connection refused";
    CHECK(is_dead(it, false));
    CHECK(reason_of(on.pool.backends[0], it) == "connection refused");
    want(it, administration::drain, never, start);
    CHECK(is_dead(it, false));
    CHECK(reason_of(on.pool.backends[0], it) == "drained by the operator");
    want(it, administration::maintenance, never, start);
    CHECK_FALSE(is_dead(it, false));
    CHECK(reason_of(on.pool.backends[0], it) == "in maintenance");
    on.states[1].weight = 0;
    CHECK(reason_of(on.pool.backends[1], on.states[1]) == "weight 0");
}

TEST_CASE("the words for what is wanted of a backend are read back", "[lb]") {
    for (auto const each :
         {administration::ready, administration::drain, administration::maintenance})
        CHECK(parse_administration(to_string(each)) == each);
    CHECK_FALSE(parse_administration("drained"));
}

} // namespace tasuki::lb
