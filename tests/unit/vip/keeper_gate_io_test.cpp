// The keeper behind its gate: open exactly while a lease is held, whoever dies or interferes.
#include "behind_gate_io.hpp"
#include "waiting_client_io.hpp"

#include <set>

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
    auto const it = behind_gate::make();
    if (!it)
        return;
    bool looking = false;
    std::string last; // what could be seen when the keeper last looked at its clock
    it->node.subject.reset();
    it->node.options.now = [&] {
        if (std::exchange(looking, false)) {
            if (find_here(vip4))
                last = std::string{it->silent() ? "silent" : "serving"} +
                       (it->announces(true) ? ", speaking" : ", mute");
            looking = true;
        }
        return test::boot_now();
    };
    it->start();
    it->node.take();
    CHECK(it->serving());
    looking = true;
    it->node.release();
    looking = false;
    CHECK(last == "silent, speaking");
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
    it->hear();
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
        it->hear();
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
        it->hear();
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
    it->hear();
    CHECK_FALSE(gates(false));
    it->net->ip({"link set eth0 nomaster"});
    it->hear();
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

namespace {

/// An address that something else has put onto "a", and a client of "b" that waits for an answer.
struct moved_address {
    static std::unique_ptr<moved_address> make() {
        auto out = std::make_unique<moved_address>();
        out->net = lan::make();
        if (!out->net || !test::loaded_gate())
            return nullptr;
        out->net->enter_a();
        out->node.options.addresses.front().by_hook = true;
        out->node.options.now = [it = out.get()] { return it->look(); };
        out->node.start();
        out->net->ip({"addr add 10.77.0.50/32 dev eth0"});
        auto const mac = test::mac_here("eth0").to_string();
        out->net->enter_b(); // it need not ask who has it
        out->net->ip({"neigh replace 10.77.0.50 lladdr " + mac + " nud permanent dev eth0"});
        out->net->enter_a();
        return out;
    }
    [[nodiscard]] bool told() const { return client->told(); }
    /// What could be seen each time that the keeper looks at its clock.
    instant look() {
        if (std::exchange(watching, false)) {
            net->enter_b();
            seen.insert(std::string{is_silent(vip4) ? "silent" : "serving"} +
                        (told() ? ", told" : ""));
            net->enter_a();
            watching = true;
        }
        return clock ? *clock : test::boot_now();
    }

    std::unique_ptr<lan> net;
    kept node{{std::string{vip4}}};
    std::optional<test::waiting_client> client;
    std::optional<instant> clock;
    bool watching = false;
    std::set<std::string> seen;
};

} // namespace

TEST_CASE("vip: clients of an address that something else moves are told behind a closed gate",
          "[vip][gate]") {
    auto const it = moved_address::make();
    if (!it)
        return;
    it->node.take();
    it->client.emplace(*it->net, vip4);
    it->watching = true;
    it->node.release();
    it->watching = false;
    CHECK(it->seen.contains("silent"));
    CHECK_FALSE(it->seen.contains("serving, told"));
    CHECK(eventually([&] { return it->told(); }));
}

TEST_CASE("vip: what something else moves is gated as a leftover, too, and when the agent leaves",
          "[vip][gate]") {
    auto const it = moved_address::make();
    if (!it)
        return;
    auto const silent = [&] {
        it->net->enter_b();
        bool const out = is_silent(vip4);
        it->net->enter_a();
        return out;
    };
    it->net->ip({"addr del 10.77.0.50/32 dev eth0"});
    test::add_tagged(vip4); // of a life in which it was the keeper's
    it->node.subject = nullptr;
    it->node.start();
    CHECK_FALSE(find_here(vip4)); // swept
    it->net->ip({"addr add 10.77.0.50/32 dev eth0"});
    CHECK(silent());
    it->node.subject = nullptr;
    CHECK(silent());
}

TEST_CASE("vip: clients of an address that something else moves get a part of the lease, no more",
          "[vip][gate]") {
    auto const it = moved_address::make();
    if (!it)
        return;
    it->clock = test::boot_now();
    auto const deadline = *it->clock + 60s;
    REQUIRE(it->node.subject->want(db, epoch{1}, true, deadline));
    it->client.emplace(*it->net, vip4);
    it->clock = deadline - 4ns;
    it->node.release();
    REQUIRE(it->node.reports<keeper_failure>());
    CHECK(it->node.last<keeper_failure>().what.kind == failure::timed_out);
    CHECK_FALSE(it->told());
    it->net->enter_b();
    CHECK(is_silent(vip4));
    it->net->enter_a();
}

TEST_CASE("vip: an address that something else moves is only gated", "[vip][gate]") {
    auto const net = lan::make();
    if (!net || !test::loaded_gate())
        return;
    net->enter_a();
    kept node{{std::string{vip4}}};
    node.options.addresses.front().by_hook = true;
    node.start();
    CHECK(node.subject->removals().empty());
    CHECK_FALSE(node.subject->connections().empty());
    net->ip({"addr add 10.77.0.50/32 dev eth0"});
    auto const mac = test::mac_here("eth0").to_string();
    net->enter_b();
    net->ip({"neigh replace 10.77.0.50 lladdr " + mac + " nud permanent dev eth0"});
    net->enter_a();
    auto const answering = [&](bool expected) {
        net->enter_b();
        bool const out = answers(vip4, test::patience(expected));
        net->enter_a();
        return out;
    };
    CHECK_FALSE(answering(false));
    auto const deadline = test::boot_now() + 700ms;
    REQUIRE(node.subject->want(db, epoch{1}, true, deadline));
    test::check_served_until(deadline, [&](milliseconds bound) {
        net->enter_b();
        bool const out = answers(vip4, bound);
        net->enter_a();
        return out;
    });
    auto const renewed = node.subject->refresh(db, epoch{1}, deadline + 60s);
    if (!renewed && test::boot_now() >= deadline) {
        WARN("skipped: this machine took longer than the lease to renew it");
        return;
    }
    REQUIRE(renewed);
    CHECK(eventually([&] { return test::boot_now() > deadline; }, &node.io));
    CHECK(answering(true));
    CHECK_FALSE(node.subject->announce(db));
    node.release();
    CHECK_FALSE(answering(false));
    CHECK(find_here(vip4)); // whoever put it there takes it away
}

} // namespace tasuki::vip
