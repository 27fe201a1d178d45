// Until when clients reach a node's own server: as its lease and what is known of it say.
#include "master_on_a.hpp"
#include "tasuki/agent/server_gate.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

constexpr instant now{seconds{100}};
constexpr instant hard{seconds{101}};
constexpr server_gate::lease master{true, true, hard};
constexpr server_gate::lease former{false, true, long_ago};
constexpr server_gate::lease replica{false, false, long_ago};

mysql::server_facts facts_of(bool read_only, instant at) {
    mysql::server_facts out;
    out.condition = mysql::health::up;
    out.life = server_incarnation{7};
    out.read_only = read_only;
    out.read_at = at;
    return out;
}

} // namespace

TEST_CASE("gate of a server: nothing is open before it was looked at once", "[agent]") {
    server_gate gate;
    CHECK(gate.until(replica) == long_ago);
    gate.read({}); // not asked yet
    CHECK(gate.until(replica) == long_ago);
    gate.read(facts_of(true, now));
    CHECK(gate.until(replica) == never);
    server_gate of_dead;
    of_dead.ended();
    CHECK(of_dead.until(replica) == never);
}

TEST_CASE(
    "gate of a server: a former master's opens when it is read as closed, and by nothing older",
    "[agent]") {
    server_gate gate;
    gate.opened(now);
    CHECK(gate.until(master) == hard);
    CHECK(gate.until(former) == long_ago);
    gate.read(facts_of(true, now - seconds{1})); // on its way since before it was opened
    CHECK(gate.until(former) == long_ago);
    gate.read(facts_of(false, now + seconds{1}));
    CHECK(gate.until(former) == long_ago);
    gate.read(facts_of(true, now + seconds{2}));
    CHECK(gate.until(former) == never);
    CHECK(gate.until(master) == hard);
}

TEST_CASE("gate of a server: one whose socket is gone is not dead before its process is",
          "[agent]") {
    server_gate gate;
    gate.opened(now);
    gate.read(facts_of(false, now + seconds{1}));
    mysql::server_facts unreachable;
    unreachable.condition = mysql::health::down;
    gate.read(unreachable);
    CHECK(gate.until(former) == long_ago);
    gate.ended();
    CHECK(gate.until(former) == never);
}

TEST_CASE("gate of a server: a master's ends with its lease, those of replicas do not", "[agent]") {
    master_on_a on;
    auto const until = [&](std::string const& node) {
        return on.group_of(node).open_to_clients_until();
    };
    CHECK(until("a") == on.group_of("a").election_state().until.hard);
    CHECK(until("b") == never);
    CHECK(until("c") == never);
    on.swallows = [](std::string const& node, mysql::order const& what) {
        return node == "a" && (std::holds_alternative<mysql::close_writes>(what.what) ||
                               std::holds_alternative<mysql::kill_server>(what.what));
    };
    auto stale = facts_of(true, on.now()); // begun before it was opened, ended after
    stale.life = on.group_of("a").data()->facts().at(a).life;
    on.link("a", false);
    CHECK(on.takes_over("b", seconds{5})); // its server does not obey
    CHECK(until("a") == long_ago);
    on.tell("a", server_facts_read{group_named("db"), a, stale}); // repeated by a server that hangs
    CHECK(until("a") == long_ago);
    on.swallows = {};
    CHECK(on.run_until([&] { return until("a") == never; }, seconds{5}));
    CHECK((on.servers().at(a).read_only || !on.servers().at(a).up));
}
