// The keeper and addresses that something else moves: it gates them, and tells their clients.
#include "behind_gate_io.hpp"
#include "tasuki/vip/nft_gate.hpp"
#include "waiting_client_io.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <cstring>
#include <optional>
#include <set>
#include <utility>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::answers;
using test::db;
using test::eventually;
using test::find_here;
using test::is_silent;
using test::kept;
using test::lan;
using test::vip4;

/// An address that something else has put onto "a", and a client of "b" that waits for an answer.
struct moved_address {
    static std::unique_ptr<moved_address> make(enforcement rung = enforcement::ebpf) {
        auto out = std::make_unique<moved_address>();
        out->net = lan::make();
        if (!out->net || (rung == enforcement::ebpf && !test::loaded_gate()))
            return nullptr;
        out->net->enter_a();
        if (rung != enforcement::ebpf)
            out->node.options.only = rung;
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

namespace {

/// Takes the table `inet tasuki` for itself, so that the kernel lets nobody else change it. It goes
/// with the conversation. NFTA_TABLE_FLAGS, linux/netfilter/nf_tables.h.
std::unique_ptr<netlink_conversation> owner_of_the_table() {
    auto opened = netlink_conversation::open(NETLINK_NETFILTER);
    REQUIRE(opened);
    auto out = std::make_unique<netlink_conversation>(std::move(*opened));
    auto const removal = nft_removal_batch(); // begins with a table that it makes to remove it
    REQUIRE(out->transact(removal) == 0);
    auto table = removal.at(1);
    byte_writer flags;
    flags.u32(NFT_TABLE_F_OWNER); // big endian, as netfilter has it
    nlattr const head{sizeof head + 4, NFTA_TABLE_FLAGS};
    auto const attribute = bytes_of(head);
    table.insert(table.end(), attribute.begin(), attribute.end());
    table.insert(table.end(), flags.view().begin(), flags.view().end());
    auto const length = static_cast<std::uint32_t>(table.size());
    std::memcpy(table.data(), &length, sizeof length);
    REQUIRE(out->transact({removal.front(), table, removal.back()}) == 0);
    return out;
}

} // namespace

TEST_CASE("vip: what something else moves is given up only when the gate has accepted it",
          "[vip][nft]") {
    auto const it = moved_address::make(enforcement::nftables);
    if (!it)
        return;
    it->node.take();
    auto owner = owner_of_the_table();
    auto const refused = it->node.subject->want(db, epoch{1}, false, long_ago);
    CHECK_FALSE(refused);
    CHECK_FALSE(it->node.subject->want(db, epoch{1}, false, long_ago)); // nor at a second attempt
    owner.reset();
    CHECK(it->node.subject->want(db, epoch{1}, false, long_ago));
    it->net->enter_b();
    CHECK(is_silent(vip4));
    it->net->enter_a();
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
