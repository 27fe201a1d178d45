// Three real nodes, one address: who has it, when, and what a bad datagram changes.
#include "cluster_start.hpp"

#include <algorithm>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

/// An authentic beat of `from` for `to`, with a payload of ours.
heard beat_with(cluster& on, std::string const& from, std::string const& to, byte_view payload) {
    heartbeat::peers own = on.at(from).agent->peers();
    heard out{own.compose(on.at(to).settings.self, 0, on.now(), payload), 0};
    out.what.payload = payload;
    return out;
}

byte_string payload_of(cluster const& on, election::message what) {
    byte_writer out;
    encode(election::entry{on.id, std::move(what)}, out);
    return std::move(out).take();
}

} // namespace

TEST_CASE("node: the first member becomes active and takes the address", "[agent][node]") {
    settled on;
    CHECK(on.holder() == "a");
    CHECK(on.role("a") == election::role::active);
    CHECK(on.role("b") == election::role::standby);
    CHECK(on.group_of("b").holder(on.now()) == a);
    CHECK(on.record("b").master == a);
    CHECK(on.record("b").active == a);
}

TEST_CASE("node: without any state nobody stands, however long it takes", "[agent][node]") {
    cluster on;
    on.start_all();
    on.run(seconds{60});
    CHECK(on.holder().empty());
    CHECK(on.trace().empty());
}

TEST_CASE("node: the address is extended as long as the lease is held", "[agent][node]") {
    settled on;
    on.run(seconds{10});
    CHECK(on.holder() == "a");
    CHECK(on.count_trace("the address is here") == 1);
    CHECK(on.count_trace("the gate shuts") == 0);
}

TEST_CASE("node: a dead holder is replaced when its lease is over and not before",
          "[agent][node]") {
    settled on;
    auto const expires = on.group_of("b").election_state().holder.expires;
    on.crash("a");
    CHECK_FALSE(on.run_until([&] { return on.is_active("b"); }, expires - on.now()));
    CHECK(on.takes_over("b", milliseconds{100}));
}

TEST_CASE("node: a holder without a majority gives the address up at its soft deadline",
          "[agent][node]") {
    settled on;
    on.cut("a", "b");
    on.cut("a", "c");
    auto const soft = on.group_of("a").election_state().until.soft;
    on.run(soft - on.now() - milliseconds{1});
    CHECK(on.holder() == "a");
    on.run(milliseconds{3});
    CHECK(on.holder().empty());
    CHECK(on.now() < soft + milliseconds{100});
    CHECK(on.takes_over("b", seconds{1}));
}

TEST_CASE("node: a candidate does not open before a majority has the record", "[agent][node]") {
    cluster on;
    on.remember_first_record("a");
    on.start("a");
    on.run(seconds{5});
    CHECK(on.holder().empty());
    CHECK(on.count_trace("active") == 0);
    on.start("b");
    CHECK(on.run_until([&] { return on.holder() == "a"; }, seconds{3}));
}

TEST_CASE("node: a voter whose disk fails promises nothing", "[agent][node]") {
    settled on;
    for (auto const* name : {"b", "c"})
        on.at(name).disk_trouble = election::store_outcome::poisoned;
    on.crash("a");
    on.run(seconds{5});
    CHECK(on.holder().empty());
    CHECK(on.group_of("b").election_state().vote.poisoned);
}

TEST_CASE("node: the address that cannot be opened is tried again", "[agent][node]") {
    settled on;
    on.at("b").address_trouble = problem{failure::broken, "eth0: no such interface"};
    on.crash("a");
    on.run(seconds{2});
    CHECK(on.is_active("b"));
    CHECK(on.holder().empty());
    CHECK(on.group_of("b").address_trouble() == "eth0: no such interface");
    on.at("b").address_trouble.reset();
    CHECK(on.takes_over("b", milliseconds{600}));
    CHECK(on.group_of("b").address_trouble().empty());
}

TEST_CASE("node: a link that goes down releases, and comes back as a standby", "[agent][node]") {
    settled on;
    on.link("a", false);
    CHECK(on.takes_over("b", milliseconds{50}));
    CHECK(on.unfit("a") == "the interface of the virtual IP is down");
    CHECK(on.group_of("a").address_trouble() == "eth0 has no carrier: check the cable");
    on.link("a", true);
    CHECK(on.group_of("a").address_trouble().empty());
    on.run(seconds{3});
    CHECK(on.holder() == "b");
}

TEST_CASE("node: with its link down a node does not stand", "[agent][node]") {
    settled on;
    on.link("b", false);
    on.crash("a");
    CHECK(on.takes_over("c", seconds{2}));
    CHECK(on.count_trace("b: standby") == 0);
}

TEST_CASE("node: an agent that ends gives the lease up first", "[agent][node]") {
    settled on;
    on.retire("a");
    CHECK(on.run_until([&] { return on.at("a").agent->is_idle(); }, seconds{1}));
    CHECK(on.takes_over("b", milliseconds{50}));
    on.crash("b");
    CHECK(on.takes_over("c", seconds{2}));
    CHECK(on.count_trace("a: standby -> canvassing") == 1); // at the very beginning
}

TEST_CASE("node: an agent that has given everything up has nothing to abandon", "[agent][node]") {
    settled on;
    auto const quiet = [&](std::string const& name) {
        auto const effects = on.at(name).agent->abandon(on.time());
        return std::none_of(effects.begin(), effects.end(), [](effect const& each) {
            return std::holds_alternative<close_address>(each) ||
                   std::holds_alternative<submit_order>(each);
        });
    };
    CHECK(quiet("b"));
    on.retire("a");
    CHECK(on.run_until([&] { return on.at("a").agent->is_idle(); }, seconds{1}));
    CHECK(quiet("a"));
}

TEST_CASE("node: a malformed body is counted and changes nothing", "[agent][node]") {
    settled on;
    auto const before = on.group_of("a").election_state();
    auto whole = payload_of(on, election::release{before.under, incarnation{2001}, {}});
    whole.push_back(std::byte{0});
    auto const stray = beat_with(on, "b", "a", whole);
    auto const traced = on.trace().size();
    on.tell("a", stray);
    CHECK(on.at("a").agent->peers().rejects().of(heartbeat::reject::bad_body) == 1);
    auto const& after = on.group_of("a").election_state();
    CHECK(after.now_role == before.now_role);
    CHECK(after.until == before.until);
    CHECK(after.vote.memory == before.vote.memory);
    CHECK(on.trace().size() == traced);
}

TEST_CASE("node: a body cut anywhere is refused whole", "[agent][node]") {
    settled on;
    auto const whole = payload_of(on, election::write{incarnation{2001}, on.record("a")});
    std::uint64_t refused = 0;
    for (std::size_t length = 1; length < whole.size(); ++length) {
        on.run(milliseconds{100}); // the session goes on in between
        on.tell("a", beat_with(on, "b", "a", byte_view{whole}.first(length)));
        ++refused;
        REQUIRE(on.at("a").agent->peers().rejects().of(heartbeat::reject::bad_body) == refused);
    }
    CHECK(on.holder() == "a");
}

TEST_CASE("node: an entry of a group it does not know is passed over", "[agent][node]") {
    settled on;
    byte_writer out;
    encode(election::entry{group_named("another"), election::recall{incarnation{1}}}, out);
    auto const bytes = std::move(out).take();
    on.tell("a", beat_with(on, "b", "a", bytes));
    CHECK(on.at("a").agent->peers().rejects().of(heartbeat::reject::bad_body) == 0);
    CHECK(on.holder() == "a");
}

TEST_CASE("node: what was refused at the socket is counted", "[agent][node]") {
    settled on;
    on.tell("a", refused_datagram{heartbeat::reject::bad_mac});
    CHECK(on.at("a").agent->peers().rejects().of(heartbeat::reject::bad_mac) == 1);
}

TEST_CASE("node: an authentic heartbeat that is not believed is reported with its sender",
          "[agent][node]") {
    settled on;
    auto const refusals = [&](heard const& what) {
        std::vector<heartbeat::reject> out;
        for (auto const& each : on.at("a").agent->handle(what, on.time()))
            if (auto const* it = std::get_if<refused_heartbeat>(&each)) {
                CHECK(it->from == b);
                out.push_back(it->why);
            }
        return out;
    };
    auto const good = beat_with(on, "b", "a", {});
    CHECK(refusals(good).empty());
    CHECK(refusals(good) == std::vector{heartbeat::reject::replayed});
    byte_string const stray(3, std::byte{1});
    on.run(milliseconds{100});
    CHECK(refusals(beat_with(on, "b", "a", stray)) == std::vector{heartbeat::reject::bad_body});
    on.run(milliseconds{100});
    auto other = beat_with(on, "b", "a", {});
    other.what.voters = election::voter_set_of({a, b});
    CHECK(refusals(other) == std::vector{heartbeat::reject::other_voters});
    CHECK(on.at("a").agent->peers().rejects().of(heartbeat::reject::other_voters) == 1);
}

TEST_CASE("node: a voter with another file says what to correct and has no part", "[agent][node]") {
    settled on;
    on.take_voter_out("c", "b");
    on.kill_agent("c");
    on.start("c");
    CHECK(on.count_trace("c: does not vote, other_voters") == 1);
    on.run(seconds{1});
    CHECK(on.count_trace("c: does not vote") == 1);
    on.cut("a", "b");
    on.cut("a", "c");
    on.run(seconds{20});
    CHECK(on.holder().empty()); // b alone is no majority, and c does not help
}

TEST_CASE("node: a holder whose clock goes wrong hands over", "[agent][node]") {
    settled on;
    on.tell("a", clock_checked{true});
    CHECK(on.holder() == "a");
    on.tell("a", clock_checked{false});
    CHECK(on.takes_over("b", milliseconds{200}));
    on.tell("b", clock_checked{false});
    on.run(seconds{5});
    CHECK(on.holder().empty()); // of three voters two are in doubt
    on.tell("a", clock_checked{true});
    CHECK(on.run_until([&] { return !on.holder().empty(); }, seconds{5}));
}

TEST_CASE("node: an observer knows the holder and never votes or stands", "[agent][node]") {
    shape of;
    of.observers = {"o"};
    settled on{of};
    CHECK(on.group_of("o").holder(on.now()) == a);
    CHECK(on.record("o").active == a);
    on.crash("a");
    on.crash("b");
    on.run(seconds{5});
    CHECK(on.holder().empty());
    CHECK(on.count_trace("o: ") == 0);
}
