// What a voter does with claims that fail: whom it follows then.
#include "fixture.hpp"
#include "tasuki/election/tenure.hpp"

namespace tasuki::election {

namespace {

incarnation const life_b{22};
incarnation const life_c{33};
milliseconds const lease{800};

} // namespace

TEST_CASE("a voter whose own claim lost the race follows who won it", "[election]") {
    machine_under_test loser; // a and b claim the same epoch: c promised it to b
    loser.make(role::claiming);
    epoch const raced = loser.it.claim.under;
    milliseconds const none{0};
    for (auto const voter : {b, c})
        loser.hear(voter, promise{raced, life_a, false, raced, none, {}});
    REQUIRE(loser.it.now_role == role::standby);
    loser.hear(b, renew{raced, life_b, lease, 1});
    CHECK(loser.sent_to<grant>(b) == std::vector{grant{raced, life_b, 1}});
    loser.hear(b, write{life_b, written_under(raced)});
    CHECK(loser.sent_to<written>(b).at(0).accepted);
    CHECK(loser.it.vote.memory.promised == raced); // and yet promises it to nobody else
    loser.hear(c, renew{raced, life_c, lease, 1});
    CHECK(loser.sent_to<grant>(c).empty());
}

TEST_CASE("a withdrawn promise frees for older epochs, not below whom the voter followed",
          "[election]") {
    machine_under_test voter;
    voter.hear(b, prepare{epoch{4}, life_b});
    voter.hear(c, prepare{epoch{6}, life_c});
    voter.hear(b, write{life_b, written_under(epoch{4})});
    CHECK_FALSE(voter.sent_to<written>(b).at(0).accepted);
    voter.hear(c, withdraw{epoch{6}, incarnation{34}});
    voter.hear(b, write{life_b, written_under(epoch{4})});
    CHECK_FALSE(voter.sent_to<written>(b).at(1).accepted);
    voter.hear(c, withdraw{epoch{6}, life_c});
    voter.hear(b, write{life_b, written_under(epoch{3})});
    CHECK_FALSE(voter.sent_to<written>(b).at(2).accepted);
    voter.hear(b, write{life_b, written_under(epoch{4})});
    CHECK(voter.sent_to<written>(b).at(3).accepted);
    voter.hear(b, prepare{epoch{6}, life_b});
    CHECK_FALSE(voter.sent_to<promise>(b).at(1).granted);
}

TEST_CASE("of two claims that fail together, both are taken back", "[election]") {
    bool const late_one_first = GENERATE(true, false);
    machine_under_test voter;
    voter.hear(b, prepare{epoch{5}, life_b});
    voter.hear(c, prepare{epoch{6}, life_c});
    auto const withdraw_early = [&] { voter.hear(b, withdraw{epoch{5}, life_b}); };
    if (!late_one_first)
        withdraw_early();
    voter.hear(c, withdraw{epoch{6}, life_c});
    if (late_one_first) {
        // It is asked, too: what it had said may have been lost.
        voter.hear(a, renew{epoch{5}, life_a, lease, 1});
        CHECK(voter.sent_to<promise>(b).size() == 2);
        withdraw_early();
    }
    voter.hear(a, renew{epoch{5}, life_a, lease, 2});
    CHECK(voter.it.vote.granted.under == epoch{5});
}

TEST_CASE("more claims at once than a voter remembers free it for the oldest, and no older",
          "[election]") {
    machine_under_test voter;
    constexpr unsigned claims = allegiances_max + 2;
    for (unsigned each = 0; each < claims; ++each)
        voter.hear(b, prepare{epoch{10 + each}, incarnation{100 + each}});
    for (unsigned each = 0; each < claims; ++each)
        voter.hear(b, withdraw{epoch{10 + each}, incarnation{100 + each}});
    constexpr unsigned oldest = 10 + claims - 1 - allegiances_max;
    voter.hear(c, renew{epoch{oldest - 1}, life_c, lease, 1});
    CHECK(voter.sent_to<grant>(c).empty());
    voter.hear(c, renew{epoch{oldest}, life_c, lease, 2});
    CHECK(voter.sent_to<grant>(c).size() == 1);
}

TEST_CASE("a voter whose promise keeps it from the holder asks the claimant, who withdraws",
          "[election]") {
    machine_under_test voter;
    voter.hear(c, prepare{epoch{6}, life_c});
    voter.hear(b, renew{epoch{5}, life_b, lease, 1});
    CHECK(voter.sent_to<promise>(c).size() == 2);
    CHECK(voter.sent_to<grant>(b).empty());

    machine_under_test claimant;
    claimant.make(role::standby);
    epoch const late{6};
    claimant.hear(b, promise{late, life_a, true, late, milliseconds{0}, {}});
    CHECK(claimant.sent_to<withdraw>(b) == std::vector{withdraw{late, life_a}});
    claimant.hear(b, promise{late, incarnation{99}, true, late, milliseconds{0}, {}});
    CHECK(claimant.sent_to<withdraw>(b).size() == 1);
}

TEST_CASE("a claim under which something was written is not withdrawn after a reload either",
          "[election]") {
    machine_under_test it;
    it.make(role::recovering);
    epoch const under = it.it.under;
    it.wait(milliseconds{2000}); // nobody answers: it gives up
    it.feed(tick{});
    auto const left = bequeath(it.it);
    REQUIRE(left.has_value());
    byte_writer out;
    encode(*left, out);
    byte_reader in{out.view()};
    auto const arrived = decode_inheritance(in);
    REQUIRE(arrived.has_value());
    it.it = inherit(it.rules, {it.it.vote.memory, {}}, *arrived, 1, it.now);
    it.said.clear();
    it.hear(c, promise{under, life_a, true, under, milliseconds{0}, {}});
    CHECK(it.sent_to<withdraw>(c).empty());
}

TEST_CASE("a claim under which something was written is not withdrawn", "[election]") {
    machine_under_test it;
    it.make(role::recovering);
    epoch const under = it.it.under;
    it.said.clear();
    it.hear(c, promise{under, life_a, true, under, milliseconds{0}, {}});
    it.wait(milliseconds{2000}); // nobody answers: it gives up
    it.feed(tick{});
    REQUIRE(it.it.now_role == role::standby);
    it.hear(c, promise{under, life_a, true, under, milliseconds{0}, {}});
    CHECK(it.sent_to<withdraw>(c).empty());
    CHECK_FALSE(it.it.vote.memory.withdrawn);
}

} // namespace tasuki::election
