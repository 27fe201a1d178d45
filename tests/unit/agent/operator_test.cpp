// What operators ask for: accepted, sent on to the active node, or refused with reason and remedy.
#include "cluster_start.hpp"

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

void check_refusal(answer_operator const& got, std::string const& code) {
    INFO(got.text);
    CHECK_FALSE(got.accepted);
    CHECK_FALSE(got.forward_to.is_set());
    CHECK(got.code == code);
    CHECK_FALSE(got.text.empty());
    CHECK(got.next_command.starts_with("tasuki "));
}

ask_switchover switch_to(cluster const& on, std::optional<node_id> to, bool dry_run = false) {
    return {on.id, to, dry_run, "maintenance"};
}

ask_pause paused_because(cluster const& on, std::string reason) {
    return {on.id, true, 0, std::move(reason)};
}

progress_note const& last_note(cluster const& on) {
    REQUIRE_FALSE(on.notes().empty());
    return on.notes().back();
}

} // namespace

TEST_CASE("operator: a switchover moves the address, and never are there two", "[agent]") {
    settled on;
    auto const got = on.ask("a", switch_to(on, c));
    CHECK(got.accepted);
    CHECK(on.takes_over("c", milliseconds{100}));
    on.run(seconds{3});
    CHECK(on.holder() == "c");
}

TEST_CASE("operator: a switchover is one operation, ended by the successor", "[agent]") {
    settled on;
    (void)on.ask("a", switch_to(on, c));
    on.run(seconds{1});
    auto const& end = last_note(on);
    CHECK(end.node == c);
    CHECK(end.kind == "switchover");
    CHECK(end.result == "done");
    CHECK_FALSE(end.automatic);
    for (auto const& each : on.notes())
        if (each.kind == "switchover")
            CHECK(each.operation == end.operation);
    CHECK_FALSE(on.record("c").operation.is_set());
}

TEST_CASE("operator: without a name the first member that is up is chosen", "[agent]") {
    settled on;
    on.crash("b");
    on.run(seconds{1});
    CHECK(on.ask("a", switch_to(on, std::nullopt)).accepted);
    CHECK(on.takes_over("c", seconds{1}));
}

TEST_CASE("operator: a switchover whose successor has died is told as failed", "[agent]") {
    settled on;
    on.crash("b");
    CHECK(on.ask("a", switch_to(on, b)).accepted); // its silence is not noticed yet
    on.run(seconds{3});
    CHECK(on.holder() == "c"); // the offer ends soon, and then whoever can takes over
    CHECK(last_note(on).result == "failed");
    CHECK(last_note(on).to == b);
    CHECK(last_note(on).text.find("b did not take over") != std::string::npos);
}

TEST_CASE("operator: a wish behind another one is not lost when the lease moves", "[agent]") {
    settled on;
    on.post("a", ask_standby{on.id, b, true, "repair"});
    on.post("a", switch_to(on, c));
    CHECK(on.takes_over("c", seconds{1}));
    on.run(seconds{1});
    CHECK(on.record("c").standby == std::vector{b});
    CHECK(last_note(on).kind == "switchover");
    CHECK(last_note(on).result == "done");
}

TEST_CASE("operator: a dry run tells the plan and does nothing", "[agent]") {
    settled on;
    auto const noted = on.notes().size();
    auto const got = on.ask("a", switch_to(on, c, true));
    CHECK(got.accepted);
    REQUIRE(got.plan);
    CHECK(got.plan->from == "a");
    CHECK(got.plan->to == "c");
    CHECK_FALSE(got.plan->steps.empty());
    on.run(seconds{2});
    CHECK(on.holder() == "a");
    CHECK(on.notes().size() == noted);
}

TEST_CASE("operator: a standby node sends the wish on to the active one", "[agent]") {
    settled on;
    std::vector<operator_wish> const wishes{switch_to(on, c), paused_because(on, "x"),
                                            ask_standby{on.id, c, true, "x"}};
    for (auto const& wish : wishes) {
        auto const got = on.ask("b", wish);
        CHECK_FALSE(got.accepted);
        CHECK(got.forward_to == a);
    }
    CHECK(on.ask("b", ask_failover{on.id, b, false, false, ""}).forward_to == a);
    on.crash("a");
    on.cut("b", "c");
    on.run(seconds{2});
    CHECK(on.ask("c", ask_failover{on.id, b, false, false, ""}).forward_to == b);
}

TEST_CASE("operator: every refusal names its reason and the next command", "[agent]") {
    settled on;
    check_refusal(on.ask("a", switch_to(on, a)), "already_active");
    check_refusal(on.ask("a", switch_to(on, node_named("stranger"))), "no_candidate");
    check_refusal(on.ask("a", ask_failover{on.id, b, false, false, ""}), "holder_alive");
    check_refusal(on.ask("a", ask_failover{on.id, {}, false, false, ""}), "no_candidate");
    check_refusal(on.ask("a", ask_bootstrap{on.id, {}}), "already_bootstrapped");
    check_refusal(on.ask("a", ask_pause{group_named("stranger"), true, 0, ""}), "no_group");
    on.crash("b");
    on.crash("c");
    on.run(milliseconds{400});
    check_refusal(on.ask("a", switch_to(on, std::nullopt)), "no_candidate");
    check_refusal(on.ask("a", ask_standby{on.id, a, true, "x"}), "no_candidate");
    on.run(seconds{2});
    check_refusal(on.ask("a", switch_to(on, b)), "no_active");
    check_refusal(on.ask("a", ask_pause{on.id, true, 0, "x"}), "no_active");
    check_refusal(on.ask("a", ask_failover{on.id, a, false, false, ""}), "no_quorum");
}

TEST_CASE("operator: a wish that does not fit into the record is refused", "[agent]") {
    settled on;
    check_refusal(on.ask("a", paused_because(on, std::string(300, 'x'))), "too_large");
    CHECK_FALSE(on.record("a").paused);
    CHECK(on.ask("a", paused_because(on, "short")).accepted); // the queue goes on
}

TEST_CASE("operator: a wish that the lost lease leaves open is answered", "[agent]") {
    settled on;
    on.cut("a", "b");
    on.cut("a", "c");
    check_refusal(on.ask("a", paused_because(on, "x")), "lease_lost");
}

TEST_CASE("operator: a paused group stays where it is when its holder dies", "[agent]") {
    settled on;
    CHECK(on.ask("a", paused_because(on, "network work")).accepted);
    on.crash("a");
    on.run(seconds{20});
    CHECK(on.holder().empty());
    CHECK(on.count_trace("canvassing, holder_silent, epoch 3") == 0);
}

TEST_CASE("operator: the holder of a paused group may take its address again", "[agent]") {
    settled on;
    CHECK(on.ask("a", paused_because(on, "network work")).accepted);
    on.kill_agent("a");
    on.run(seconds{2});
    on.start("a");
    CHECK(on.takes_over("a", seconds{3}));
}

TEST_CASE("operator: a pause with an end is over when its time has come", "[agent]") {
    settled on;
    CHECK(on.ask("a", ask_pause{on.id, true, on.time().wall_ms + 5000, "x"}).accepted);
    on.run(seconds{4});
    CHECK(on.record("b").paused);
    on.run(seconds{2});
    CHECK_FALSE(on.record("b").paused);
    CHECK(on.record("b").pause_reason.empty());
}

TEST_CASE("operator: resumed, a group fails over again", "[agent]") {
    settled on;
    CHECK(on.ask("a", paused_because(on, "x")).accepted);
    CHECK(on.ask("a", ask_pause{on.id, false, 0, {}}).accepted);
    on.crash("a");
    CHECK(on.takes_over("b", seconds{2}));
}

TEST_CASE("operator: a failover by hand takes a paused group over, once", "[agent]") {
    settled on;
    CHECK(on.ask("a", paused_because(on, "x")).accepted);
    on.crash("a");
    on.run(seconds{3});
    auto const got = on.ask("b", ask_failover{on.id, b, false, false, "a is gone"});
    CHECK(got.accepted);
    CHECK(on.takes_over("b", seconds{1}));
    CHECK(last_note(on).operation == operation_id{9002}); // as the operator was told
    CHECK(last_note(on).reason == "a is gone");
    CHECK_FALSE(last_note(on).automatic);
    // The permission is used up: b does not stand against a later pause.
    on.start("a");
    on.run(seconds{12});
    CHECK(on.ask("b", switch_to(on, a)).accepted);
    CHECK(on.takes_over("a", seconds{1}));
    CHECK(on.record("b").paused);
    on.crash("a");
    on.run(seconds{5});
    CHECK(on.holder().empty());
}

TEST_CASE("operator: what follows a failover by hand is another operation", "[agent]") {
    settled on;
    CHECK(on.ask("a", paused_because(on, "x")).accepted);
    on.crash("a");
    on.run(seconds{3});
    CHECK(on.ask("b", ask_failover{on.id, b, false, false, "a is gone"}).accepted);
    CHECK(on.takes_over("b", seconds{1}));
    auto const forced = last_note(on).operation;
    on.link("b", false);
    on.run(seconds{1});
    on.link("b", true);
    CHECK(on.takes_over("b", seconds{3})); // as the holder of a paused group may
    CHECK(last_note(on).operation != forced);
    CHECK(last_note(on).automatic);
}

TEST_CASE("operator: a failover by hand that another node wins is forgotten", "[agent]") {
    settled on;
    CHECK(on.ask("a", paused_because(on, "x")).accepted);
    on.crash("a");
    on.run(seconds{2});
    CHECK(on.ask("b", ask_failover{on.id, b, false, false, "x"}).accepted);
    on.cut("b", "c");
    on.start("a");
    on.run(seconds{12});
    REQUIRE(on.holder() == "a"); // the holder of a paused group may
    on.heal();
    on.run(seconds{1});
    CHECK(last_note(on).node == b);
    CHECK(last_note(on).result == "failed");
    CHECK(last_note(on).text == "a became active first");
    on.crash("a");
    on.run(seconds{5});
    CHECK(on.holder().empty());
}

TEST_CASE("operator: the active node that goes on standby hands over first", "[agent]") {
    settled on;
    CHECK(on.ask("a", ask_standby{on.id, a, true, "kernel update"}).accepted);
    CHECK(on.takes_over("b", seconds{1}));
    CHECK(on.record("b").standby == std::vector{a});
    on.crash("b");
    CHECK(on.takes_over("c", seconds{2})); // and not a
    CHECK(on.ask("c", ask_standby{on.id, a, false, {}}).accepted);
    CHECK(on.record("c").standby.empty());
    CHECK(last_note(on).kind == "activate");
}

TEST_CASE("operator: why a node goes on standby is kept in the history", "[agent]") {
    settled on;
    CHECK(on.ask("a", ask_standby{on.id, b, true, "kernel update"}).accepted);
    CHECK(last_note(on).kind == "standby");
    CHECK(last_note(on).to == b);
    CHECK(last_note(on).reason == "kernel update");
    CHECK(last_note(on).result == "done");
    CHECK_FALSE(last_note(on).automatic);
}

TEST_CASE("operator: a switchover to a node on standby is refused", "[agent]") {
    settled on;
    CHECK(on.ask("a", ask_standby{on.id, b, true, "x"}).accepted);
    check_refusal(on.ask("a", switch_to(on, b)), "no_candidate");
    CHECK(on.ask("a", switch_to(on, std::nullopt)).accepted);
    CHECK(on.takes_over("c", seconds{1}));
}

TEST_CASE("operator: the bootstrap waits for every voter and names who is missing", "[agent]") {
    cluster on;
    on.start("a");
    on.start("b");
    on.run(seconds{1});
    auto const got = on.ask("a", ask_bootstrap{on.id, {}});
    check_refusal(got, "voters_missing");
    CHECK(got.text.find("missing: c") != std::string::npos);
    on.start("c");
    CHECK(on.ask("a", ask_bootstrap{on.id, {}}).accepted);
    CHECK(on.run_until([&] { return on.holder() == "a"; }, seconds{2}));
}

TEST_CASE("operator: one voter that remembers a record forbids the bootstrap", "[agent]") {
    cluster on;
    on.remember_first_record("a");
    on.forget("a");
    on.forget("b");
    on.start_all();
    on.run(seconds{1});
    check_refusal(on.ask("a", ask_bootstrap{on.id, {}}), "voters_missing");
}

TEST_CASE("operator: the bootstrap of MySQL wants to know the master", "[agent]") {
    auto of = with_mysql();
    of.witnesses = {"w"};
    of.observers = {"o"};
    cluster on{of};
    on.start_all();
    on.run(seconds{1});
    check_refusal(on.ask("a", ask_bootstrap{on.id, {}}), "master_missing");
    check_refusal(on.ask("a", ask_bootstrap{on.id, node_named("w")}), "not_a_member");
    check_refusal(on.ask("o", ask_bootstrap{on.id, a}), "not_a_voter");
    CHECK(on.ask("a", ask_bootstrap{on.id, b}).accepted);
}
