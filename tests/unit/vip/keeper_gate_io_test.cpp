// The keeper behind its gate: open exactly while a lease is held, whoever dies or interferes.
#include "behind_gate_io.hpp"

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::answers;
using test::behind_gate;
using test::db;
using test::eventually;
using test::find_here;
using test::ip;
using test::is_silent;
using test::kept;
using test::lan;
using test::vip4;
using test::vip6;

} // namespace

TEST_CASE("vip: the gate is open while a lease is held here, and only then", "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->add_by_hand();
    CHECK(it->silent());
    it->node.take();
    CHECK(it->serving());
    it->node.release();
    CHECK_FALSE(find_here(vip4));
    it->add_by_hand();
    CHECK(it->silent());
    CHECK_FALSE(it->announces(false));
    it->node.take(2);
    CHECK(it->serving());
    CHECK(it->announces(true));
    // Somebody has taken it away already: there is nothing to remove, and all the same to close.
    it->net->ip({"addr del 10.77.0.50/32 dev eth0", "addr del fd77::50/128 dev eth0"});
    it->node.release(2);
    it->add_by_hand();
    CHECK(it->silent());
    CHECK_FALSE(it->announces(false));
}

TEST_CASE("vip: while a release tells the clients nothing comes in any more, and they hear it",
          "[vip][gate]") {
    bool looking = false; // both outlive the keeper, which looks at its clock when it goes too
    std::vector<std::string> seen; // whenever the keeper looked at its clock
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->node.subject.reset();
    it->node.options.now = [&] {
        if (std::exchange(looking, false)) {
            auto const now = std::string{it->silent() ? "silent" : "serving"} +
                             (it->announces(true) ? ", speaking" : ", mute");
            if (seen.empty() || seen.back() != now)
                seen.push_back(now);
            looking = true;
        }
        return test::boot_now();
    };
    it->start();
    it->node.take();
    CHECK(it->serving());
    looking = true;
    REQUIRE(it->node.subject->want(db, epoch{1}, false, long_ago));
    looking = false;
    CHECK(seen ==
          std::vector<std::string>{"serving, speaking", "silent, speaking", "silent, mute"});
}

TEST_CASE("vip: behind a closed gate a release is over at once, and the address goes right after",
          "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    it->node.take();
    REQUIRE(it->node.subject->want(db, epoch{1}, false, long_ago));
    CHECK(find_here(vip4));
    CHECK(it->silent());
    it->node.settle();
    CHECK_FALSE(find_here(vip4));
    CHECK_FALSE(find_here(vip6));
    CHECK(it->node.last<address_removed>().why == reason::released);
    // Taken again before it went, it is brought and announced like any other.
    it->node.take(2);
    auto const added = it->node.count<address_added>();
    REQUIRE(it->node.subject->want(db, epoch{2}, false, long_ago));
    it->node.take(3);
    CHECK(it->serving());
    REQUIRE(it->node.reports<address_added>(added + 2));
    CHECK(it->node.count<address_removed>() == 4);
    CHECK(it->node.count<address_lost>() == 0);
}

TEST_CASE("vip: what was just given up goes also with an agent that ends then", "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    it->node.take();
    REQUIRE(it->node.subject->want(db, epoch{1}, false, long_ago));
    it->node.subject.reset();
    CHECK_FALSE(find_here(vip4));
    it->add_by_hand();
    CHECK(it->serving());
}

TEST_CASE("vip: a hung agent's addresses fall silent at the deadline, still being there",
          "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    auto const deadline = test::boot_now() + 1100ms; // and a lifetime of two seconds
    REQUIRE(it->node.subject->want(db, epoch{1}, true, deadline));
    it->check_serving_until(deadline);
    it->wait_until(deadline); // the io_context does not run
    CHECK(it->silent());
    CHECK(find_here(vip4));
    // It wakes up and hears of a renewal that comes too late.
    CHECK_FALSE(it->node.subject->refresh(db, epoch{1}, test::boot_now() + 60s));
    CHECK(it->silent());
    REQUIRE(it->node.reports<address_removed>(2));
    CHECK(it->node.last<address_removed>().why == reason::lease_ended);
}

TEST_CASE("vip: a renewal moves the deadline of the gate, also where lifetimes need none",
          "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    auto const first = test::boot_now() + 400ms;
    REQUIRE(it->node.subject->want(db, epoch{1}, true, first));
    auto const second = first + 1500ms;
    auto const renewed = it->node.subject->refresh(db, epoch{1}, second);
    if (!renewed && test::boot_now() >= first) {
        WARN("skipped: this machine took longer than the lease to renew it");
        return;
    }
    REQUIRE(renewed);
    it->wait_until(first);
    it->check_serving_until(second);
    CHECK_FALSE(it->node.subject->refresh(db, epoch{2}, second + 60s)); // not its owner
    CHECK_FALSE(it->node.subject->want(db, epoch{0}, true, second + 60s));
    it->wait_until(second);
    CHECK(it->silent());
}

TEST_CASE("vip: a link that appears later is guarded before it is used", "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->node.take();
    test::place host;
    it->net->ip({"link add late0 type veth peer name eth0 netns " + host.path(),
                 "addr add 10.80.0.1/24 dev late0", "link set late0 up"});
    host.enter();
    it->net->ip({"link set eth0 up", "addr add 10.80.0.2/24 dev eth0",
                 "route add 10.77.0.50/32 via 10.80.0.1"});
    CHECK(answers(vip4, 3s));
    it->net->enter_a();
    it->node.settle();
    it->node.release();
    it->add_by_hand();
    host.enter();
    CHECK(is_silent(vip4));
    it->net->enter_a();
}

TEST_CASE("vip: a new link is guarded at its notice, however long the rest has to wait",
          "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->node.subject.reset();
    auto const frozen = test::boot_now(); // whatever is spaced in time waits for ever
    it->node.options.now = [&] { return frozen; };
    it->start();
    for (auto const* const name : {"late0", "late1"}) {
        it->net->ip({std::string{"link add "} + name + " type bridge"});
        it->node.settle();
        CHECK(test::has_clsact(name));
    }
}

TEST_CASE("vip: a gate that somebody takes away is put back at once", "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    for (auto const* const deed : {"qdisc del dev eth0 clsact", "filter del dev eth0 ingress",
                                   "filter del dev eth0 egress pref 1"}) {
        INFO(deed);
        it->net->tc({deed});
        it->node.settle();
        it->add_by_hand();
        CHECK(it->silent());
        it->node.take();
        CHECK(it->serving());
        it->node.release();
    }
    CHECK(it->node.count<keeper_failure>() == 0);
}

TEST_CASE("vip: a port of a bridge is without a gate, and has one again afterwards",
          "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    auto const gates = [&](bool expected) {
        auto const before = test::drops_of("eth0");
        it->net->enter_b();
        test::speaker mouth;
        auto const mac = test::mac_here("eth0");
        mouth.say(encode(arp_frame{test::mac("ff:ff:ff:ff:ff:ff"), mac, arp_operation::request, mac,
                                   test::ip("10.77.0.2"), mac_address{}, test::ip(vip4)}));
        it->net->enter_a();
        return eventually([&] { return test::drops_of("eth0") > before; }, nullptr,
                          test::patience(expected));
    };
    CHECK(gates(true));
    it->net->ip({"link add switch type bridge", "link set eth0 master switch"});
    it->node.settle();
    CHECK_FALSE(gates(false));
    it->net->ip({"link set eth0 nomaster"});
    it->node.settle();
    CHECK(gates(true));
}

TEST_CASE("vip: an address that is put right under a lease stays behind an open gate",
          "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    it->node.take();
    it->net->ip({"addr del 10.77.0.50/32 dev eth0", "addr add 10.77.0.50/24 dev eth0"});
    REQUIRE(it->node.reports<address_removed>());
    CHECK(it->node.last<address_removed>().why == reason::misplaced);
    CHECK(find_here(vip4)->address.length == 32);
    CHECK(it->serving());
}

TEST_CASE("vip: the gate of an agent that is gone closes all the same", "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    auto const deadline = test::boot_now() + 1100ms;
    REQUIRE(it->node.subject->want(db, epoch{1}, true, deadline));
    it->node.subject.reset();
    it->check_serving_until(deadline);
    it->wait_until(deadline);
    CHECK(it->silent());
    CHECK(find_here(vip4));
}

TEST_CASE("vip: the next life of a killed agent closes and clears what it left", "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    it->node.take();
    test::add_tagged("10.77.0.51"); // of a group that is not configured any more
    it->node.subject.reset();       // while it carries: nothing is taken away
    CHECK(it->serving());
    it->start();
    CHECK_FALSE(find_here(vip4));
    CHECK_FALSE(find_here(vip6));
    CHECK_FALSE(find_here("10.77.0.51"));
    it->add_by_hand();
    CHECK(it->silent());
    it->net->ip({"addr add 10.77.0.51/32 dev eth0"});
    it->net->enter_b();
    CHECK(answers("10.77.0.51", 3s)); // nobody's business any more
    it->net->enter_a();
    it->node.take(2);
    CHECK(it->serving());
}

TEST_CASE("vip: a planned restart keeps the gate open until the deadline that is handed on",
          "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    it->node.take();
    it->node.subject.reset();
    auto const deadline = test::boot_now() + 1900ms;
    it->node.subject = std::make_unique<keeper>(it->node.io, it->node.options);
    it->node.subject->adopt(db, epoch{1}, deadline);
    REQUIRE(it->node.subject->start());
    it->check_serving_until(deadline);
    it->wait_until(deadline);
    CHECK(it->silent());
}

TEST_CASE("vip: an agent that leaves nothing behind takes its gate along", "[vip][gate]") {
    auto const it = behind_gate::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!it)
        return;
    it->node.take();
    it->node.release();
    it->node.subject.reset();
    it->add_by_hand(); // by an operator who has stopped the agent for it
    CHECK(it->serving());
}

} // namespace tasuki::vip
