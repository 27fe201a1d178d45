// A gate of nftables beside others: former lives, foreign tables, holders behind this node.
#include "any_gate_io.hpp"
#include "filtered_io.hpp"

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::answers;
using test::closed;
using test::eventually;
using test::filtered;
using test::ip;
using test::is_silent;
using test::is_told;
using test::open;
using test::vip4;
using test::vip6;

} // namespace

TEST_CASE("vip: the next life's tables replace those of a former one, which opens nothing any more",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    auto const former = std::move(node->subject);
    auto const former_key = node->key;
    REQUIRE(former->set(former_key, open));
    CHECK(answers(vip4));
    node->net->enter_a();
    node->subject = node->fresh();
    REQUIRE(node->subject->put_up());
    node->net->enter_b();
    CHECK(is_silent(vip4));
    node->set(open);
    CHECK(answers(vip4));
    CHECK(answers(vip6));
}

TEST_CASE("vip: a prolongation of what has died meanwhile is refused by the kernel itself",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    node->net->enter_a();
    auto talk = netlink_conversation::open(NETLINK_NETFILTER);
    REQUIRE(talk);
    // As of a sender that was stopped between the clock and the kernel.
    CHECK(talk->transact(nft_change_batch({{gate_side::arriving, node->key, 60s, true},
                                           {gate_side::leaving, node->key, 60s, true}})) == ENOENT);
    node->net->enter_b();
    CHECK(is_silent(vip4));
    node->set(open);
    CHECK(answers(vip4));
}

TEST_CASE("vip: from one life to the next no question stays without an answer, open as it was",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    node->set(open);
    auto const question = test::echo_frame(node->mac_b, node->mac_a, "10.77.0.2", vip4);
    test::speaker mouth;
    test::stopwatch ear;
    node->net->enter_a();
    std::size_t asked = 0;
    for (int turn = 0; turn < 20; ++turn) {
        mouth.say(question);
        auto next = node->fresh();
        REQUIRE(next->set(node->key, open));
        REQUIRE(next->put_up());
        node->subject = std::move(next);
        mouth.say(question);
        asked += 2;
    }
    CHECK(eventually([&] { return ear.replies().size() == asked; }));
}

TEST_CASE("vip: tables that somebody takes away are put up again at the next prolongation",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    node->set(open_until(test::boot_now() + 60s));
    node->net->enter_a();
    for (auto const* const deed :
         {"flush ruleset", "delete table arp tasuki", "flush set inet tasuki arriving"}) {
        INFO(deed);
        node->net->nft({deed});
        node->set(open_until(test::boot_now() + 60s));
        node->net->enter_b();
        CHECK(answers(vip4));
        node->net->enter_a();
        node->set(closed);
        node->net->enter_b();
        CHECK(is_silent(vip4));
        CHECK_FALSE(is_told(*node, vip4, false));
        node->net->enter_a();
        node->set(open_until(test::boot_now() + 60s));
    }
    node->set(closed);
    node->net->nft({"flush ruleset"});
    REQUIRE(node->subject->look_after());
    node->net->enter_b();
    CHECK(is_silent(vip4));
}

TEST_CASE("vip: the tables of others are not touched, nor do they open a closed gate",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    node->know_neighbours();
    node->net->enter_a();
    node->net->nft({"add table inet foreign",
                    "add chain inet foreign in { type filter hook input priority -400; }",
                    "add rule inet foreign in accept"});
    node->net->enter_b();
    CHECK(is_silent(vip4));
    node->net->enter_a();
    take_nft_gate_off();
    CHECK(node->net->try_nft({"flush table inet foreign"}));
    CHECK_FALSE(node->net->try_nft({"flush table inet tasuki"}));
    node->net->enter_b();
    CHECK(answers(vip4));
}

TEST_CASE("vip: traffic forwarded to another holder passes the closed gate of nftables",
          "[vip][nft]") {
    auto const node = filtered::make();
    if (!node)
        return;
    test::forwards_to_another_holder(*node, [&] { node->set(closed); });
}

TEST_CASE("vip: without privilege there is no gate of nftables, and it is said what is missing",
          "[vip][nft]") {
    auto const net = test::lan::make();
    if (!net)
        return;
    net->enter_a();
    CHECK(test::unprivileged([] {
        auto opened = nft_gate::open(test::boot_now);
        auto const put = opened ? opened->put_up() : result<void>{};
        return !put && put.error().kind == failure::not_permitted &&
               put.error().text ==
                   "not allowed to change nftables: run as root, or grant CAP_NET_ADMIN";
    }));
}

} // namespace tasuki::vip
