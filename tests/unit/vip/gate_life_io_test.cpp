// A gate beside others: deadlines that pass by themselves, former lives, foreign filters, holders
// behind this node.
#include "any_gate_io.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::answers;
using test::closed;
using test::guarded;
using test::ip;
using test::is_silent;
using test::open;
using test::vip4;
using test::vip6;

netlink_conversation routes() {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    return std::move(*talk);
}

/// The only program that another tool has put before a link: it accepts everything, or nothing.
void put_foreign_filter(test::lan& net, std::string const& priority, std::string const& verdict) {
    net.tc({"filter add dev eth0 ingress protocol ip pref " + priority + " u32 match u32 0 0 " +
            verdict});
}

} // namespace

TEST_CASE("vip: an address falls silent at its deadline, with nobody alive", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    node->know_neighbours();
    for (auto const& [source, address] : {std::pair{"10.77.0.2", vip4}, {"fd77::2", vip6}}) {
        auto const question = test::echo_frame(node->mac_b, node->mac_a, source, address);
        // An answer that the gate has let through can be late on a busy machine, but not each time.
        auto const ends = test::ending_of(address, question, 2ms, [&] {
            auto const deadline = test::boot_now() + 200ms;
            node->set(open_until(deadline));
            return deadline;
        });
        if (ends)
            CHECK(*ends < 2ms);
        if (ends)
            CHECK(*ends > -100ms);
        CHECK(is_silent(address));
    }
}

TEST_CASE("vip: a gate stays when its agent dies, and the next life replaces it", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    auto const deadline = test::boot_now() + 1s;
    node->set(open_until(deadline));
    node->subject.reset(); // the descriptors are closed, as by a death
    test::check_served_until(
        deadline, [](milliseconds bound) { return answers(vip4, bound) && answers(vip6, bound); });
    while (test::boot_now() < deadline)
        ::poll(nullptr, 0, 1);
    CHECK(is_silent(vip4));
    CHECK(is_silent(vip6));

    auto next = test::loaded_gate();
    for (auto const address : {vip4, vip6})
        REQUIRE(next->set(ip(address), closed));
    node->subject = std::move(next);
    node->net->enter_a();
    node->put_up();
    node->net->enter_b();
    CHECK(is_silent(vip4));
    node->set(open);
    CHECK(answers(vip4, 3s));
    CHECK(answers(vip6, 3s));
}

TEST_CASE("vip: a former life that wakes up opens nothing any more", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    auto const former = std::move(node->subject);
    node->subject = test::loaded_gate();
    node->set(closed);
    node->net->enter_a();
    node->put_up();
    node->net->enter_b();
    REQUIRE(former->set(ip(vip4), open));
    CHECK(is_silent(vip4));
    CHECK(node->subject->times(ip(vip4)) == closed);
    node->set(open_until(never));
    REQUIRE(former->set(ip(vip4), closed));
    CHECK(answers(vip4, 3s)); // "b" asks for the neighbour once a second
}

TEST_CASE("vip: from one life to the next no address is ever without a gate", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    node->know_neighbours();
    node->set(closed);
    auto const question = test::echo_frame(node->mac_b, node->mac_a, "10.77.0.2", vip4);
    test::speaker mouth;
    test::stopwatch ear;
    auto others = test::loaded_gate();
    REQUIRE(others->set(ip(vip4), closed));
    node->net->enter_a();
    auto talk = routes();
    auto const links = test::links_here();
    for (int turn = 0; turn < 50; ++turn) {
        mouth.say(question);
        REQUIRE((turn % 2 == 0 ? *others : *node->subject).put_before(talk, links).empty());
        mouth.say(question);
    }
    CHECK(ear.replies().empty());
}

TEST_CASE("vip: a node's gate is its own: another node's does not disturb it", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    node->set(closed);
    auto const other = test::loaded_gate(); // in "b", which has the same link names
    auto talk = routes();
    REQUIRE(other->set(ip(vip4), open));
    REQUIRE(other->set(ip("10.77.0.2"), closed));
    REQUIRE(other->put_before(talk, test::links_here()).empty());
    CHECK(is_silent(vip4));
    CHECK(is_silent("10.77.0.1")); // "b" has closed its own address
    REQUIRE(other->set(ip("10.77.0.2"), open));
    CHECK(answers("10.77.0.1", 3s));
    CHECK(is_silent(vip4));
    take_gate_off(talk, test::links_here());
    CHECK(is_silent(vip4));
    node->set(open);
    CHECK(answers(vip4, 3s));
}

TEST_CASE("vip: what the gate lets pass goes on to the filters of others, which stay",
          "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    node->set(open);
    node->net->enter_a();
    // Redirects to the link itself what it matches, so that it does not get in.
    put_foreign_filter(*node->net, "10", "action mirred egress redirect dev eth0");
    node->net->enter_b();
    CHECK(is_silent("10.77.0.1"));
    CHECK(is_silent(vip4)); // the open gate has not accepted it
    node->net->enter_a();
    node->put_up();
    node->net->enter_b();
    CHECK(is_silent("10.77.0.1"));
    node->net->enter_a();
    auto talk = routes();
    take_gate_off(talk, test::links_here());
    node->net->enter_b();
    CHECK(is_silent("10.77.0.1")); // still there, without the gate
    node->net->enter_a();
    node->net->tc({"filter del dev eth0 ingress pref 10"});
    node->net->enter_b();
    CHECK(answers("10.77.0.1"));
    CHECK(answers(vip4));
}

TEST_CASE("vip: where others stand in the way of the gate, the problem says who", "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    node->net->enter_a();
    auto talk = routes();
    auto const links = test::links_here();
    auto const eth0 = static_cast<std::uint32_t>(::if_nametoindex("eth0"));
    take_gate_off(talk, links);
    put_foreign_filter(*node->net, "1", "classid 1:1");
    auto found = node->subject->put_before(talk, links);
    REQUIRE(found.size() == 1);
    CHECK(found.at(eth0).kind == failure::conflict);
    CHECK(found.at(eth0).text.starts_with("a filter of another kind has priority 1 on eth0"));
    node->net->tc({"qdisc del dev eth0 clsact", "qdisc add dev eth0 ingress"});
    found = node->subject->put_before(talk, links);
    REQUIRE(found.size() == 1);
    CHECK(found.at(eth0).kind == failure::conflict);
    CHECK(found.at(eth0).text.starts_with("eth0 has an ingress qdisc, the gate needs clsact"));
    node->net->tc({"qdisc del dev eth0 ingress"});
    CHECK(node->subject->put_before(talk, links).empty());
    auto gone = links.front();
    gone.index = 4711;
    gone.name = "bond7";
    found = node->subject->put_before(talk, {gone});
    REQUIRE(found.size() == 1);
    CHECK(found.begin()->second.text.starts_with("cannot put the gate before bond7"));
}

TEST_CASE("vip: without privilege there is no gate, and it is said which one is missing",
          "[vip][gate]") {
    auto const net = test::lan::make();
    if (!net)
        return;
    CHECK(test::unprivileged([] {
        auto const opened = gate::open();
        return !opened && opened.error().kind == failure::not_permitted &&
               opened.error().text ==
                   "not allowed to load eBPF programs: run as root, or grant CAP_BPF";
    }));
}

TEST_CASE("vip: traffic that a node forwards to another holder passes its closed gate",
          "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    test::forwards_to_another_holder(*node, [&] {
        node->put_up();
        node->set(closed);
    });
}

TEST_CASE("vip: a holder and a client on one bridge meet, whatever the node with the bridge closes",
          "[vip][gate]") {
    auto const node = guarded::make();
    if (!node)
        return;
    test::place host;
    node->net->enter_a();
    node->net->ip({"addr del 10.77.0.50/32 dev eth0", "addr del fd77::50/128 dev eth0",
                   "link add switch type bridge mcast_snooping 0", "link set switch up",
                   "link add behind type veth peer name eth0 netns " + host.path(),
                   "link set behind up", "link set behind master switch",
                   "link set eth0 master switch", "addr flush dev eth0",
                   "addr add 10.77.0.1/24 dev switch", "addr add fd77::1/64 dev switch nodad"});
    node->put_up();
    node->set(closed);
    node->net->enter_b();
    node->net->ip({"addr add 10.77.0.50/32 dev eth0", "addr add fd77::50/128 dev eth0 nodad"});
    host.enter();
    node->net->ip({"link set eth0 up", "addr add 10.77.0.3/24 dev eth0",
                   "addr add fd77::3/64 dev eth0 nodad"});
    CHECK(answers(vip4, 3s));
    CHECK(answers(vip6, 3s));
    // The node behind its own bridge is guarded by the gate of the bridge.
    node->net->enter_b();
    node->net->ip({"addr del 10.77.0.50/32 dev eth0", "addr del fd77::50/128 dev eth0"});
    node->net->enter_a();
    node->net->ip({"addr add 10.77.0.50/32 dev switch", "addr add fd77::50/128 dev switch nodad"});
    host.enter();
    node->net->ip({"neigh flush all"});
    CHECK(is_silent(vip4));
    CHECK(is_silent(vip6));
    node->set(open);
    CHECK(answers(vip4, 3s));
    CHECK(answers(vip6, 3s));
}

} // namespace tasuki::vip
