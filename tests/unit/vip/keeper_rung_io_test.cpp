// Which rung enforces the lease, which one is demanded, and what is said where it is not the best.
#include "behind_gate_io.hpp"

#include <linux/capability.h>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::behind_gate;
using test::db;
using test::eventually;
using test::find_here;
using test::kept;
using test::vip4;

} // namespace

TEST_CASE("vip: where a link takes no gate the rung is a lower one, until it does", "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->node.subject.reset();
    it->net->tc({"qdisc del dev eth0 clsact", "qdisc add dev eth0 ingress"});
    it->node.options.recheck = 50ms;
    it->start();
    CHECK(it->node.subject->rung() == enforcement::nftables);
    CHECK(it->node.subject->rung_reason() ==
          "eth0 has an ingress qdisc, the gate needs clsact: tc qdisc del dev eth0 ingress");
    CHECK(it->node.reports<keeper_failure>());
    it->node.take();
    CHECK(it->serving());
    it->net->tc({"qdisc del dev eth0 ingress"});
    CHECK(eventually([&] { return it->node.subject->rung() == enforcement::ebpf; }, &it->node.io));
    CHECK(it->node.subject->rung_reason().empty());
    CHECK(it->node.count<keeper_failure>() == 1);
    CHECK(it->serving());
}

TEST_CASE("vip: a rung that is demanded is kept to, or nothing is begun", "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->node.subject.reset();
    auto const start_with = [&](std::optional<enforcement> only, duration lease) {
        kept node{{"10.77.0.50"}, lease};
        node.options.only = only;
        node.subject = std::make_unique<keeper>(node.io, node.options);
        auto const started = node.subject->start();
        if (!started)
            return std::string{"refused: "} + started.error().text;
        return std::string{to_string(node.subject->rung())} + ": " + node.subject->rung_reason();
    };
    CHECK(start_with(enforcement::ebpf, 800ms) == "ebpf: ");
    CHECK(start_with(enforcement::nftables, 800ms) == "nftables: [vip] enforcement = \"nftables\"");
    CHECK(start_with(enforcement::agent, 5s) == "agent: [vip] enforcement = \"agent\"");
    CHECK(start_with(enforcement::lifetime, 5s) == "lifetime: [vip] enforcement = \"lifetime\"");
    CHECK(start_with(enforcement::lifetime, 800ms) ==
          "refused: [vip] enforcement = \"lifetime\": the lease is shorter than 2500 ms, too "
          "short for lifetimes");
    it->net->tc({"qdisc del dev eth0 clsact", "qdisc add dev eth0 ingress"});
    CHECK(start_with(enforcement::ebpf, 5s) ==
          "refused: [vip] enforcement = \"ebpf\": eth0 has an ingress qdisc, the gate needs "
          "clsact: tc qdisc del dev eth0 ingress");
    CHECK(start_with(std::nullopt, 5s).starts_with("nftables: eth0 has an ingress qdisc"));
}

TEST_CASE("vip: a demanded gate that a later link does not take stops new claims", "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->node.subject.reset();
    it->node.options.only = enforcement::ebpf;
    it->start();
    it->net->tc({"qdisc del dev eth0 clsact", "qdisc add dev eth0 ingress"});
    REQUIRE(it->node.reports<keeper_failure>());
    auto const claimed = it->node.subject->want(db, epoch{1}, true, test::boot_now() + 60s);
    REQUIRE_FALSE(claimed);
    CHECK(claimed.error().kind == failure::refused);
    CHECK_FALSE(find_here(vip4));
}

TEST_CASE("vip: the gate takes CAP_BPF and CAP_NET_ADMIN, and its lack is told", "[vip][gate]") {
    auto const it = behind_gate::make();
    if (!it)
        return;
    it->node.subject.reset();
    auto const rung_with = [&](std::vector<int> const& capabilities, std::string_view rung) {
        return test::capable(capabilities, [&] {
            kept node{{"10.77.0.50"}};
            node.subject = std::make_unique<keeper>(node.io, node.options);
            return node.subject->start() && to_string(node.subject->rung()) == rung &&
                   (rung == "ebpf" ||
                    node.subject->rung_reason().starts_with("not allowed to load eBPF programs"));
        });
    };
    CHECK(rung_with({CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF}, "ebpf"));
    CHECK(rung_with({CAP_NET_ADMIN, CAP_NET_RAW}, "nftables"));
    // Where it is demanded nothing begins without it, but what a former life left is taken away.
    test::add_tagged(vip4);
    CHECK(test::capable({CAP_NET_ADMIN, CAP_NET_RAW}, [&] {
        kept node{{"10.77.0.50"}};
        node.options.only = enforcement::ebpf;
        node.subject = std::make_unique<keeper>(node.io, node.options);
        auto const started = node.subject->start();
        return !started && started.error().kind == failure::refused &&
               started.error().text == "[vip] enforcement = \"ebpf\": not allowed to load eBPF "
                                       "programs: run as root, or grant CAP_BPF";
    }));
    CHECK_FALSE(find_here(vip4));
}

} // namespace tasuki::vip
