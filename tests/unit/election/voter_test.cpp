#include "fixture.hpp"

namespace tasuki::election {

namespace {

incarnation const life_b{22};
incarnation const life_c{33};
milliseconds const lease{800};

} // namespace

TEST_CASE("a voter grants the lease of the epoch it promised, from receipt", "[election]") {
    machine_under_test voter;
    voter.hear(b, prepare{epoch{2}, life_b});
    voter.hear(b, renew{epoch{2}, life_b, lease, 5});
    REQUIRE(voter.sent_to<grant>(b) == std::vector{grant{epoch{2}, life_b, 5}});
    REQUIRE(voter.it.vote.granted.expires == voter.now + lease);
}

TEST_CASE("a voter refuses everybody else while a grant is live, and tells for how long",
          "[election]") {
    machine_under_test voter;
    voter.hear(b, renew{epoch{2}, life_b, lease, 1});
    voter.wait(milliseconds{300});
    voter.hear(c, prevote{epoch{3}, life_c});
    voter.hear(c, prepare{epoch{3}, life_c});
    voter.hear(c, renew{epoch{3}, life_c, lease, 1});
    REQUIRE(voter.sent_to<prevote_reply>(c).at(0).granted == false);
    REQUIRE(voter.sent_to<prevote_reply>(c).at(0).remaining == milliseconds{500});
    REQUIRE(voter.sent_to<promise>(c).at(0).granted == false);
    REQUIRE(voter.sent_to<grant>(c).empty());
    voter.wait(milliseconds{500});
    voter.hear(c, prepare{epoch{3}, life_c});
    REQUIRE(voter.sent_to<promise>(c).at(1).granted);
}

TEST_CASE("a voter promises an epoch once, and never an older one", "[election]") {
    machine_under_test voter;
    voter.hear(b, prepare{epoch{5}, life_b});
    voter.hear(c, prepare{epoch{5}, life_c});
    voter.hear(c, prepare{epoch{4}, life_c});
    REQUIRE(voter.sent_to<promise>(b).at(0).granted);
    for (auto const& answer : voter.sent_to<promise>(c)) {
        REQUIRE_FALSE(answer.granted);
        REQUIRE(answer.promised == epoch{5});
    }
}

TEST_CASE("a promise is answered only after it is on disk", "[election]") {
    machine_under_test voter;
    voter.disk_holds = true;
    voter.hear(b, prepare{epoch{2}, life_b});
    REQUIRE(voter.sent_to<promise>(b).empty());
    REQUIRE(voter.count<store>() == 1);
    voter.feed(stored{1, store_outcome::stored});
    REQUIRE(voter.sent_to<promise>(b).size() == 1);
}

TEST_CASE("a promise that could not be stored is never answered; a full disk is tried again",
          "[election]") {
    machine_under_test voter;
    voter.disk_holds = true;
    voter.hear(b, prepare{epoch{2}, life_b});
    voter.feed(stored{1, store_outcome::failed});
    REQUIRE(voter.sent_to<promise>(b).empty());
    voter.hear(b, prepare{epoch{2}, life_b});
    REQUIRE(voter.count<store>() == 2);
    voter.feed(stored{2, store_outcome::stored});
    REQUIRE(voter.sent_to<promise>(b).size() == 1);
}

TEST_CASE("after a failed fsync a voter never votes again in this life", "[election]") {
    machine_under_test voter;
    voter.disk_holds = true;
    voter.hear(b, prepare{epoch{2}, life_b});
    voter.feed(stored{1, store_outcome::poisoned});
    voter.hear(b, renew{epoch{2}, life_b, lease, 1});
    voter.hear(b, prevote{epoch{3}, life_b});
    REQUIRE(voter.sent_to<grant>(b).empty());
    REQUIRE_FALSE(voter.sent_to<prevote_reply>(b).at(0).granted);
}

TEST_CASE("a restarted voter that does not know its grants is silent for the longest lease",
          "[election]") {
    auto begin = remembering();
    begin.stamped.reset();
    machine_under_test voter{begin};
    voter.hear(b, prepare{epoch{2}, life_b});
    voter.hear(b, renew{epoch{2}, life_b, lease, 1});
    REQUIRE_FALSE(voter.sent_to<promise>(b).at(0).granted);
    REQUIRE(voter.sent_to<grant>(b).empty());
    voter.wait(longest_lease);
    voter.hear(b, prepare{epoch{2}, life_b});
    REQUIRE(voter.sent_to<promise>(b).at(1).granted);
}

TEST_CASE("a restarted voter that finds its stamp honours that grant and is not silent",
          "[election]") {
    auto begin = remembering();
    begin.stamped = live_grant{epoch{2}, b, life_b, start_time + milliseconds{400}};
    machine_under_test voter{begin};
    voter.hear(c, prepare{epoch{3}, life_c});
    REQUIRE(voter.sent_to<promise>(c).at(0).remaining == milliseconds{400});
    voter.hear(b, renew{epoch{2}, life_b, lease, 9});
    REQUIRE(voter.sent_to<grant>(b).size() == 1);
}

TEST_CASE("a voter without state votes only after it heard enough of the others", "[election]") {
    machine_under_test voter{voter_start{}};
    voter.wait(longest_lease);
    REQUIRE_FALSE(voter.sent_to<recall>(b).empty());
    voter.hear(b, prepare{epoch{9}, life_b});
    REQUIRE_FALSE(voter.sent_to<promise>(b).at(0).granted);
    record known = first_record();
    known.written_under = epoch{7};
    incarnation const mark = voter.sent_to<recall>(b).back().life;
    voter.hear(b, recalled{mark, false, epoch{8}, c, life_c, known});
    REQUIRE(voter.it.vote.blank);
    voter.hear(node_named("o"), recalled{mark, false, epoch{9}, c, life_c, known});
    REQUIRE(voter.it.vote.blank); // an observer never took part in a majority
    voter.hear(c, recalled{mark, false, epoch{6}, b, life_b, first_record()});
    REQUIRE_FALSE(voter.it.vote.blank);
    REQUIRE(voter.it.vote.memory.promised == epoch{8});
    REQUIRE(voter.it.vote.memory.known == known);
}

// What the former life of this voter has written may be counted together with what another writes
// after its answer: then neither that answer nor this voter would know of a record of a majority.
TEST_CASE("a voter without state counts no answer to what it asked during its silence",
          "[election]") {
    machine_under_test voter{voter_start{}};
    voter.wait(longest_lease - milliseconds{1});
    auto const early = voter.sent_to<recall>(b);
    REQUIRE_FALSE(early.empty());
    voter.wait(milliseconds{200});
    for (auto const& asked : early)
        for (auto const other : {b, c})
            voter.hear(other, recalled{asked.life, false, epoch{2}, b, life_b, first_record()});
    REQUIRE(voter.it.vote.blank);
    incarnation const mark = voter.sent_to<recall>(b).back().life;
    for (auto const other : {b, c})
        voter.hear(other, recalled{mark, false, epoch{2}, b, life_b, first_record()});
    REQUIRE_FALSE(voter.it.vote.blank);
}

TEST_CASE("where everybody votes, a voter without state need not wait once all others answered",
          "[election]") {
    machine_under_test voter{voter_start{}};
    voter.rules.cluster.everybody_votes = true;
    voter.wait(milliseconds{100});
    incarnation const mark = voter.sent_to<recall>(b).back().life;
    voter.hear(b, recalled{mark, false, epoch{2}, b, life_b, first_record()});
    REQUIRE(voter.it.vote.blank);
    voter.hear(c, recalled{mark, true, {}, {}, {}, {}, life_c});
    REQUIRE(voter.it.vote.blank); // it knows nothing either
    voter.hear(c, recalled{mark, false, epoch{1}, {}, {}, first_record()});
    REQUIRE_FALSE(voter.it.vote.blank);
    REQUIRE(voter.it.vote.silent_until == start_time + longest_lease);
}

TEST_CASE("a lease beyond the longest is refused", "[election]") {
    machine_under_test voter;
    voter.hear(b, renew{epoch{2}, life_b, milliseconds{10'001}, 1});
    REQUIRE(voter.sent_to<grant>(b).empty());
}

TEST_CASE("a shorter lease does not shorten what was granted before", "[election]") {
    machine_under_test voter;
    voter.hear(b, renew{epoch{2}, life_b, milliseconds{5000}, 1});
    voter.hear(b, renew{epoch{2}, life_b, lease, 2});
    REQUIRE(voter.it.vote.granted.expires == voter.now + milliseconds{5000});
}

TEST_CASE("a released epoch is not renewed, and another may be promised at once", "[election]") {
    machine_under_test voter;
    voter.hear(b, renew{epoch{2}, life_b, lease, 1});
    voter.hear(b, release{epoch{2}, life_b, c});
    voter.hear(b, renew{epoch{2}, life_b, lease, 2});
    REQUIRE(voter.sent_to<grant>(b).size() == 1);
    voter.hear(c, prepare{epoch{3}, life_c});
    REQUIRE(voter.sent_to<promise>(c).at(0).granted);
}

TEST_CASE("a record write of an older epoch is refused from the promise on", "[election]") {
    machine_under_test voter;
    voter.hear(c, prepare{epoch{5}, life_c});
    record old = first_record();
    old.written_under = epoch{4};
    voter.hear(b, write{life_b, old});
    REQUIRE(voter.sent_to<written>(b) ==
            std::vector{written{epoch{4}, record_version{1}, false, epoch{5}}});
    REQUIRE(voter.it.vote.memory.known == first_record());
}

TEST_CASE("a record write is confirmed only after it is on disk, and again if it is repeated",
          "[election]") {
    machine_under_test voter;
    voter.disk_holds = true;
    record fresh = first_record();
    fresh.written_under = epoch{4};
    voter.hear(b, write{life_b, fresh});
    voter.hear(b, write{life_b, fresh});
    REQUIRE(voter.sent_to<written>(b).empty());
    voter.feed(stored{1, store_outcome::stored});
    REQUIRE(voter.sent_to<written>(b).size() == 2);
    REQUIRE(voter.sent_to<written>(b).at(0).accepted);
}

TEST_CASE("the first record is taken only by a voter without any state", "[election]") {
    machine_under_test blank{voter_start{}};
    machine_under_test knowing;
    record other = first_record();
    other.master = c;
    blank.hear(b, bootstrap{other, life_a});
    knowing.hear(b, bootstrap{other, life_a});
    REQUIRE(blank.it.vote.memory.known.master == c);
    REQUIRE_FALSE(knowing.it.vote.memory.known.master == c);
}

TEST_CASE("a bootstrap meant for an earlier life of a voter is not taken", "[election]") {
    machine_under_test blank{voter_start{}};
    blank.hear(b, bootstrap{first_record(), incarnation{10}});
    CHECK(blank.it.vote.blank);
    CHECK(blank.sent_to<written>(b).empty());
    blank.hear(b, bootstrap{first_record(), life_a});
    CHECK_FALSE(blank.it.vote.blank);
    CHECK(blank.sent_to<written>(b) ==
          std::vector{written{epoch{1}, record_version{1}, true, epoch{1}}});
}

namespace {

/// Says everything to a voter that would make it vote, and lists what it gave.
std::string votes_of(machine_under_test& voter) {
    voter.hear(b, renew{epoch{2}, life_b, lease, 1});
    voter.hear(b, prevote{epoch{3}, life_b});
    voter.hear(b, prepare{epoch{3}, life_b});
    record fresh = first_record();
    fresh.written_under = epoch{3};
    voter.hear(b, write{life_b, fresh});
    std::string out;
    if (!voter.sent_to<grant>(b).empty())
        out += " grant";
    if (voter.sent_to<prevote_reply>(b).at(0).granted)
        out += " prevote";
    if (voter.sent_to<promise>(b).at(0).granted)
        out += " promise";
    auto const answers = voter.sent_to<written>(b);
    if (!answers.empty() && answers.at(0).accepted)
        out += " written";
    return out;
}

} // namespace

TEST_CASE("a voter that may not vote gives nothing of what a voter gives", "[election]") {
    machine_under_test healthy;
    CHECK(votes_of(healthy) == " grant prevote promise written");

    machine_under_test blank{voter_start{}};
    blank.wait(longest_lease);
    CHECK(votes_of(blank).empty());

    machine_under_test poisoned;
    poisoned.feed(stored{99, store_outcome::poisoned});
    CHECK(votes_of(poisoned).empty());

    auto begin = remembering();
    begin.stamped.reset();
    machine_under_test silent{begin};
    CHECK(votes_of(silent) == " written"); // a record needs no clock and no memory of grants

    auto elsewhere = remembering();
    elsewhere.remembered->voters = voter_set_of({a, b, c, node_named("d"), node_named("e")});
    machine_under_test misplaced{elsewhere};
    CHECK(votes_of(misplaced).empty());
    misplaced.hear(b, recall{life_b});
    CHECK(misplaced.sent_to<recalled>(b).empty());
    misplaced.feed(suitability{true, duration::zero()});
    misplaced.wait(std::chrono::minutes{1});
    CHECK(misplaced.it.now_role == role::standby);

    machine_under_test drifting;
    drifting.feed(clock_checked{false});
    CHECK(votes_of(drifting) == " written");
    machine_under_test repaired;
    repaired.feed(clock_checked{false});
    repaired.feed(clock_checked{true});
    CHECK(votes_of(repaired) == " grant prevote promise written");
}

TEST_CASE("a set of voters has one name, whatever the order", "[election]") {
    CHECK(voter_set_of({a, b, c}) == voter_set_of({c, a, b}));
    CHECK(voter_set_of({a, b, c}) != voter_set_of({a, b}));
    CHECK(voter_set_of({}).id.is_set());
}

TEST_CASE("a state of the older form is refused with a reason", "[election]") {
    byte_writer older;
    older.u64(7); // it began with the promised epoch
    older.u32(0);
    older.u64(0);
    encode(first_record(), older);
    auto const back = decode_durable_state(older.view());
    REQUIRE_FALSE(back.has_value());
    CHECK(back.error().text.find("older version") != std::string::npos);
}

} // namespace tasuki::election
