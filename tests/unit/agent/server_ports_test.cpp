// What the gate is told of the servers' ports, and told again where it refuses.
#include "tasuki/agent/server_ports.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

constexpr instant now{std::chrono::seconds{100}};

struct gate_that_refuses {
    [[nodiscard]] std::optional<server_ports::outcome> keep(instant until, instant at) {
        return ports.keep(group_named("db"), until, at, [&](std::uint16_t port, instant what) {
            CHECK(port == 3306);
            told.push_back(what);
            return trouble.empty() ? result<void>{} : problem{failure::unavailable, trouble};
        });
    }
    server_ports ports;
    std::vector<instant> told{};
    std::string trouble{};
};

gate_that_refuses beginning(instant until) {
    gate_that_refuses out;
    out.ports.begin(group_named("db"), 3306, until);
    return out;
}

} // namespace

TEST_CASE("ports: what the gate has accepted is not told again", "[agent]") {
    auto it = beginning(long_ago);
    CHECK_FALSE(it.keep(long_ago, now));
    CHECK(it.told.empty());
    CHECK_FALSE(it.keep(never, now));
    CHECK_FALSE(it.keep(never, now + port_retry));
    CHECK(it.told == std::vector<instant>{never});
    CHECK_FALSE(it.ports.keep(group_named("web"), never, now, {})); // it has no server
}

TEST_CASE("ports: a closing that the gate refuses is told again until it is accepted", "[agent]") {
    auto it = beginning(never);
    it.trouble = "no buffer space";
    auto const refused = it.keep(long_ago, now);
    REQUIRE(refused);
    CHECK(refused->refused);
    CHECK(refused->text.find("port 3306") != std::string::npos);
    CHECK(refused->text.find("no buffer space") != std::string::npos);
    CHECK_FALSE(it.keep(long_ago, now + port_retry - milliseconds{1}));
    CHECK(it.told.size() == 1); // not at each turn
    CHECK_FALSE(it.keep(long_ago, now + port_retry));
    CHECK(it.told.size() == 2); // the same refusal is not worth a second line
    it.trouble = "another";
    CHECK(it.keep(long_ago, now + 2 * port_retry));
    it.trouble.clear();
    auto const accepted = it.keep(long_ago, now + 3 * port_retry);
    REQUIRE(accepted);
    CHECK_FALSE(accepted->refused);
    CHECK_FALSE(it.keep(long_ago, now + 9 * port_retry));
    CHECK(it.told == std::vector<instant>(4, long_ago));
}

TEST_CASE("ports: a new instant is told at once, also after a refusal", "[agent]") {
    auto it = beginning(never);
    it.trouble = "no buffer space";
    CHECK(it.keep(now + milliseconds{300}, now));
    CHECK_FALSE(it.keep(long_ago, now));
    CHECK(it.told == std::vector<instant>{now + milliseconds{300}, long_ago});
    it.trouble.clear();
    CHECK(it.keep(never, now)); // it goes back to what was accepted last
    CHECK(it.told.back() == never);
}
