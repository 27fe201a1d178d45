// A planned hand-over: the successor gets ready while the holder still serves.
#include "fixture.hpp"

namespace tasuki::election {

namespace {

/// `a` knows that `b` holds the lease of epoch 7 and has granted it.
machine_under_test beside_holder() {
    machine_under_test node;
    node.feed(suitability{true, duration::zero()});
    node.hear(b, renew{epoch{7}, incarnation{22}, milliseconds{800}, 1});
    REQUIRE(node.sent_to<grant>(b).size() == 1);
    return node;
}

constexpr incarnation life_b{22};

/// `a` has been offered the lease of `b`, and a majority has its record.
machine_under_test ready_beside_holder() {
    auto node = beside_holder();
    node.hear(b, offer{epoch{7}, life_b, a});
    REQUIRE(node.it.now_role == role::claiming);
    node.hear(b, promise{node.it.claim.under, life_a, true, node.it.claim.under, milliseconds{600},
                         first_record()});
    REQUIRE(node.it.now_role == role::recovering);
    node.hear(b, written{node.it.under, node.it.writing.content.version, true, node.it.under});
    return node;
}

} // namespace

TEST_CASE("the holder serves until its successor is ready", "[election]") {
    machine_under_test node;
    node.make_active();
    node.feed(hand_over{b});
    REQUIRE(node.sent_to<offer>(b).size() == 1);
    REQUIRE(node.sent_to<offer>(c).size() == 1);
    REQUIRE(may_serve(node.it, node.now));
    node.hear(c, ready{next(node.it.under)}); // not the successor
    node.hear(b, ready{node.it.under});       // of an earlier hand-over
    REQUIRE(node.it.now_role == role::active);
    node.hear(b, ready{next(node.it.under)});
    REQUIRE(node.it.now_role == role::stepping_down);
    node.feed(closed{node.it.under});
    REQUIRE(node.sent_to<release>(c).back().successor == b);
}

TEST_CASE("an offer that nobody takes up ends after an eighth of the lease", "[election]") {
    machine_under_test node;
    node.make_active();
    node.feed(hand_over{b});
    node.wait(milliseconds{99});
    REQUIRE(node.it.now_role == role::active);
    node.wait(milliseconds{1});
    REQUIRE(node.it.now_role == role::stepping_down);
    REQUIRE(node.why == reason::handed_over);
}

TEST_CASE("a hand-over to nobody in particular, or to another one now, waits for nobody",
          "[election]") {
    machine_under_test node;
    node.make_active();
    node.feed(hand_over{b});
    node.feed(hand_over{b}); // said twice
    REQUIRE(node.it.now_role == role::active);
    node.feed(hand_over{GENERATE(node_id{}, c)});
    REQUIRE(node.it.now_role == role::stepping_down);
}

TEST_CASE("an offered lease stays granted, and only the named one is promised more", "[election]") {
    machine_under_test node = beside_holder();
    node.hear(b, offer{epoch{7}, life_b, c});
    node_id const another = node_named("o");
    node.hear(another, prepare{epoch{8}, incarnation{44}});
    REQUIRE_FALSE(node.sent_to<promise>(another).back().granted);
    node.hear(c, prepare{epoch{9}, incarnation{33}});
    auto const said = node.sent_to<promise>(c).back();
    REQUIRE(said.granted);
    REQUIRE(said.remaining == milliseconds{800});
    node.hear(c, renew{epoch{9}, incarnation{33}, milliseconds{800}, 1});
    REQUIRE(node.sent_to<grant>(c).empty());
    node.hear(b, release{epoch{7}, life_b, c});
    node.hear(c, renew{epoch{9}, incarnation{33}, milliseconds{800}, 2});
    REQUIRE(node.sent_to<grant>(c).size() == 1);
}

TEST_CASE("an offer of another epoch or life than was granted lets nobody claim", "[election]") {
    auto const what = GENERATE(offer{epoch{6}, life_b, c}, offer{epoch{7}, incarnation{23}, c});
    machine_under_test node = beside_holder();
    node.hear(b, what);
    node.hear(c, prepare{epoch{9}, incarnation{33}});
    REQUIRE_FALSE(node.sent_to<promise>(c).back().granted);
}

TEST_CASE("the successor is ready before the release and active right after it", "[election]") {
    auto node = ready_beside_holder();
    REQUIRE(node.sent_to<ready>(b).size() == 1);
    REQUIRE(node.sent_to<ready>(b).back().under == node.it.under);
    REQUIRE(node.sent_to<renew>(b).empty());
    node.hear(b, release{epoch{7}, life_b, a});
    REQUIRE(node.sent_to<renew>(b).size() == 1);
    node.hear(b, grant{node.it.under, life_a, node.it.sequence});
    REQUIRE(node.it.now_role == role::active);
}

TEST_CASE("a renewal of the successor that comes before the release is said again soon",
          "[election]") {
    auto node = ready_beside_holder();
    node.hear(b, release{epoch{7}, life_b, a});
    node.wait(node.rules.interval / 4);
    REQUIRE(node.sent_to<renew>(c).size() == 2);
}

TEST_CASE("a successor that gave up is named by the release all the same", "[election]") {
    auto node = ready_beside_holder();
    node.wait(milliseconds{401});
    REQUIRE(node.it.now_role == role::standby);
    node.hear(b, release{epoch{7}, life_b, a});
    REQUIRE(node.it.now_role == role::claiming);
}

TEST_CASE("one of two voters that claims early needs the other's grant, too", "[election]") {
    machine_under_test node;
    node.rules.cluster.voters = {a, b};
    node.rules.others = {b};
    node.feed(voters_changed{});
    node.feed(suitability{true, duration::zero()});
    // It has not heard the holder for so long that its own grant is over.
    node.hear(b, offer{epoch{7}, life_b, a});
    auto const left = GENERATE(milliseconds{0}, milliseconds{600});
    node.hear(
        b, promise{node.it.claim.under, life_a, true, node.it.claim.under, left, first_record()});
    node.hear(b, written{node.it.under, node.it.writing.content.version, true, node.it.under});
    node.wait(node.rules.interval);
    REQUIRE((node.it.now_role == role::active) == (left == milliseconds{0}));
    node.hear(b, grant{node.it.under, life_a, node.it.sequence});
    REQUIRE(node.it.now_role == role::active);
}

} // namespace tasuki::election
