// What the database of a group asks for, alone: when it wants to be woken.
#include "tasuki/agent/database.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

mysql::member member_named(char const* name) {
    return {node_named(name), name, endpoint{ip_address{}, 3306}, std::string{"repl_"} + name,
            false};
}

} // namespace

TEST_CASE("database: a bound that has passed does not wake it again and again", "[agent]") {
    instant now{std::chrono::hours{1}};
    database data{{{member_named("a"), member_named("b")}, true, false}, node_named("b")};
    opening input;
    input.under = epoch{2};
    input.recorded.now.master = node_named("a");
    input.recorded.now.ackers = {{node_named("b"), server_incarnation{1}}};
    data.open(input, now);
    mysql::server_facts facts;
    facts.condition = mysql::health::up;
    facts.life = server_incarnation{1};
    for (auto& wish : data.take())
        if (auto const* const question = std::get_if<mysql::ask>(&wish)) {
            mysql::answer told;
            told.ticket = question->what.ticket;
            told.done = true;
            told.facts = facts;
            data.answered(told, now);
        }
    // Frozen or not, it now waits for its journal, which nobody writes.
    for (int turn = 0; turn < 2000 && data.state() == service::promoting; ++turn) {
        now = std::max(now, data.next_wake());
        data.woke(now);
        REQUIRE(data.next_wake() > now);
    }
    CHECK(data.state() != service::promoting);
}
