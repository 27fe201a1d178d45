#include "fixture.hpp"

namespace tasuki::election {

TEST_CASE("deadlines count from the send time, with twice the drift taken off", "[election]") {
    machine_under_test it;
    it.make_recovering();
    instant const sent = it.now;
    it.wait(milliseconds{40});
    it.hear(b, grant{it.it.under, life_a, 1});
    auto const expected = deadlines_of(sent, it.rules.terms);
    REQUIRE(it.it.until == expected);
    REQUIRE(expected.hard == sent + milliseconds{792});
    REQUIRE(expected.soft == sent + milliseconds{692});
}

TEST_CASE("the deadline is that of the majority-th newest acknowledged send time", "[election]") {
    std::vector<instant> times{start_time, start_time + milliseconds{30},
                               start_time + milliseconds{20}};
    REQUIRE(majority_newest(times, 2) == start_time + milliseconds{20});
    REQUIRE(majority_newest(std::span{times}.first(1), 2) == long_ago);
}

TEST_CASE("a node becomes active only with a majority's lease and a majority's record",
          "[election]") {
    machine_under_test lease_only;
    lease_only.make_recovering();
    lease_only.hear(b, grant{lease_only.it.under, life_a, lease_only.it.sequence});
    REQUIRE(lease_only.it.now_role == role::recovering);
    machine_under_test record_only;
    record_only.make_recovering();
    record_only.hear(b, written{record_only.it.under, record_version{1}, true, epoch{2}});
    REQUIRE(record_only.it.now_role == role::recovering);
    record_only.hear(b, grant{record_only.it.under, life_a, record_only.it.sequence});
    REQUIRE(record_only.it.now_role == role::active);
    REQUIRE(record_only.count<start_serving>() == 1);
}

TEST_CASE("the newest record of a majority is written back under the new epoch", "[election]") {
    machine_under_test it;
    it.make_claiming();
    record newer = first_record();
    newer.version = record_version{4};
    newer.master = c;
    it.hear(b, promise{it.it.claim.under, life_a, true, it.it.claim.under, milliseconds{0}, newer});
    auto const written_back = it.sent_to<write>(b).at(0).content;
    REQUIRE(written_back.master == c);
    REQUIRE(written_back.written_under == it.it.under);
    REQUIRE(written_back.version == record_version{1});
    REQUIRE(written_back.active == a);
}

TEST_CASE("an active node that is not renewed stops at the soft deadline", "[election]") {
    machine_under_test it;
    it.make_active();
    instant const soft = it.it.until.soft;
    it.wait(soft - it.now - milliseconds{1});
    REQUIRE(it.it.now_role == role::active);
    it.wait(milliseconds{1});
    REQUIRE(it.it.now_role == role::stepping_down);
    REQUIRE(it.why == reason::lease_lost);
    REQUIRE(it.count<stop_serving>() == 1);
    REQUIRE_FALSE(may_serve(it.it, it.now));
}

TEST_CASE("the lease is released only after the node has closed", "[election]") {
    machine_under_test it;
    it.make_stepping_down();
    REQUIRE(it.sent_to<release>(b).empty());
    it.feed(closed{it.it.under});
    REQUIRE(it.sent_to<release>(b) == std::vector{release{it.it.under, life_a, b}});
    REQUIRE(it.it.now_role == role::standby);
}

TEST_CASE("a named successor claims at once, without PreVote", "[election]") {
    machine_under_test it;
    it.feed(suitability{true, milliseconds{500}});
    it.hear(b, renew{epoch{2}, incarnation{22}, milliseconds{800}, 1});
    it.wait(milliseconds{10});
    it.hear(b, release{epoch{2}, incarnation{22}, a});
    REQUIRE(it.it.now_role == role::claiming);
    REQUIRE(it.why == reason::named_successor);
}

TEST_CASE("others wait for the named successor for a lease", "[election]") {
    machine_under_test it;
    it.feed(suitability{true, duration::zero()});
    it.hear(b, renew{epoch{2}, incarnation{22}, milliseconds{800}, 1});
    it.hear(b, release{epoch{2}, incarnation{22}, c});
    it.wait(milliseconds{700});
    REQUIRE(it.it.now_role == role::standby);
    it.wait(milliseconds{101});
    REQUIRE(it.it.now_role == role::canvassing);
}

TEST_CASE("a late promise does not count once the claim is decided", "[election]") {
    machine_under_test it;
    it.make_recovering();
    auto const before = it.it;
    it.hear(c, promise{it.it.under, life_a, true, it.it.under, milliseconds{0}, first_record()});
    REQUIRE(it.it.now_role == before.now_role);
    REQUIRE(it.it.under == before.under);
}

TEST_CASE("a promise that comes after the attempt's deadline does not count, though no timer was "
          "noticed yet",
          "[election]") {
    machine_under_test it;
    it.make_claiming();
    epoch const under = it.it.claim.under;
    it.now = it.it.claim.deadline; // it stood still, and the promise is read first
    it.hear(b, promise{under, life_a, true, under, milliseconds{0}, first_record()});
    REQUIRE(it.it.now_role == role::standby);
    REQUIRE(it.why == reason::attempt_timed_out);
}

// A voter that has lost its state asks after the longest lease what it may have forgotten: what is
// counted with its lost answer has to be known by then.
TEST_CASE("a record that no majority writes for long is written anew, and old answers do not count",
          "[election]") {
    machine_under_test it;
    it.make_active();
    it.feed(write_record{it.it.latest});
    auto const first = it.it.writing.content.version;
    instant const began = it.now;
    while (it.it.writing.content.version == first && it.now < began + longest_lease) {
        it.wait(milliseconds{100});
        it.hear(b, grant{it.it.under, life_a, it.it.sequence});
    }
    REQUIRE(it.it.writing.content.version > first);
    REQUIRE(it.now < began + longest_lease);
    it.hear(b, written{it.it.under, first, true, it.it.under});
    REQUIRE(it.it.writing.under_way);
    it.hear(b, written{it.it.under, it.it.writing.content.version, true, it.it.under});
    REQUIRE_FALSE(it.it.writing.under_way);
}

TEST_CASE("an answer that comes when a record is written for too long does not count, though no "
          "timer was noticed yet",
          "[election]") {
    machine_under_test it;
    it.make_active();
    it.feed(write_record{it.it.latest});
    it.now += longest_lease; // it stood still, and the answer is read first
    auto const before = it.count<committed>();
    it.hear(b, written{it.it.under, it.it.writing.content.version, true, it.it.under});
    REQUIRE(it.count<committed>() == before);
}

TEST_CASE("a node that may not stand does not stand", "[election]") {
    machine_under_test it;
    it.wait(std::chrono::minutes{1});
    REQUIRE(it.it.now_role == role::standby);
    REQUIRE(it.sent_to<prevote>(b).empty());
}

TEST_CASE("a refused candidate waits as long as enough voters still refuse", "[election]") {
    machine_under_test it;
    it.make_canvassing();
    epoch const under = it.it.claim.under;
    it.hear(b, prevote_reply{under, life_a, false, epoch{1}, milliseconds{300}});
    it.hear(c, prevote_reply{under, life_a, false, epoch{1}, milliseconds{9000}});
    REQUIRE(it.it.now_role == role::standby);
    REQUIRE(it.it.stand_from >= it.now + milliseconds{300});
    REQUIRE(it.it.stand_from < it.now + milliseconds{400});
}

TEST_CASE("an attempt that nobody answers is given up, and tried again later", "[election]") {
    for (auto const from : {role::canvassing, role::claiming, role::recovering}) {
        machine_under_test it;
        it.make(from);
        epoch const under = it.it.claim.under;
        it.wait(it.it.claim.deadline - it.now);
        CHECK(it.it.now_role == role::standby);
        CHECK(it.why == reason::attempt_timed_out);
        CHECK(it.it.stand_from > it.now);
        CHECK(it.it.until == deadlines{});
        CHECK(it.it.writing.under_way == false);
        // A Prepare may have been promised somewhere: that epoch is used up. A PreVote binds
        // nobody.
        if (from == role::claiming)
            CHECK(it.it.highest_seen >= under);
        it.wait(std::chrono::seconds{2});
        CHECK(it.it.now_role == role::canvassing);
    }
}

TEST_CASE("only a grant of a renewal that is remembered extends the lease", "[election]") {
    machine_under_test it;
    it.make_recovering();
    it.hear(b, grant{it.it.under, life_a, it.it.sequence + 1});
    CHECK(it.it.until == deadlines{});
    while (it.it.sequence <= renewals_remembered) {
        it.it.claim.deadline = never; // as if nobody had answered the record yet
        it.wait(it.rules.interval);
    }
    it.hear(b, grant{it.it.under, life_a, it.it.sequence - renewals_remembered});
    CHECK(it.it.until == deadlines{});
    instant const oldest = it.now - it.rules.interval * (renewals_remembered - 1);
    it.hear(b, grant{it.it.under, life_a, it.it.sequence - renewals_remembered + 1});
    CHECK(it.it.until == deadlines_of(oldest, it.rules.terms));
}

TEST_CASE("a second record waits until the first is committed", "[election]") {
    machine_under_test it;
    it.make_active();
    record first = it.it.latest;
    first.master = b;
    record second = it.it.latest;
    second.master = c;
    it.feed(write_record{first});
    it.feed(write_record{second});
    CHECK(it.it.writing.content.master == b);
    auto const version = it.it.writing.content.version;
    it.hear(b, written{it.it.under, version, true, it.it.under});
    CHECK(it.it.latest.master == b);
    it.feed(write_record{second});
    CHECK(it.it.writing.content.master == c);
    CHECK(it.it.writing.content.version == record_version{version.value() + 1});
}

TEST_CASE("whoever was away when a record was committed still gets it", "[election]") {
    machine_under_test on;
    on.make_active();
    auto const pass = [&] {
        on.said.clear();
        on.wait(milliseconds{100});
        on.hear(b, grant{on.it.under, life_a, on.it.sequence});
    };
    pass();
    pass();
    CHECK(on.sent_to<write>(b).empty());
    REQUIRE_FALSE(on.sent_to<write>(c).empty());
    on.hear(c, written{on.it.under, on.it.latest.version, true, on.it.under});
    pass();
    pass();
    CHECK(on.sent_to<write>(c).empty());
}

TEST_CASE("a named successor that comes before the release tries again at once", "[election]") {
    machine_under_test it;
    it.feed(suitability{true, milliseconds{500}});
    it.hear(b, renew{epoch{2}, incarnation{22}, milliseconds{800}, 1});
    it.hear(b, release{epoch{2}, incarnation{22}, a});
    REQUIRE(it.it.now_role == role::claiming);
    for (auto const voter : {b, c})
        it.hear(voter, promise{it.it.claim.under, life_a, false, epoch{2}, milliseconds{700}, {}});
    CHECK(it.it.now_role == role::standby);
    CHECK(it.it.named);
    it.wait(milliseconds{2});
    CHECK(it.it.now_role == role::standby);
    it.wait(milliseconds{1});
    CHECK(it.it.now_role == role::claiming);
    CHECK(it.why == reason::named_successor);
}

TEST_CASE("the release is said three times and then no more", "[election]") {
    machine_under_test it;
    it.make_stepping_down();
    epoch const under = it.it.under;
    it.feed(closed{under});
    for (int more = 0; more < 10; ++more)
        it.wait(it.rules.interval / 4);
    CHECK(it.sent_to<release>(c) == std::vector<release>(3, release{under, life_a, b}));
}

TEST_CASE("word that another epoch is closed releases nothing", "[election]") {
    machine_under_test it;
    it.make_stepping_down();
    it.feed(closed{epoch{it.it.under.value() - 1}});
    it.feed(closed{next(it.it.under)});
    CHECK(it.it.now_role == role::stepping_down);
    CHECK(it.sent_to<release>(b).empty());
}

TEST_CASE("a node that is no voter counts in no majority", "[election]") {
    node_id const observer = node_named("o");
    machine_under_test canvassing;
    canvassing.make_canvassing();
    epoch under = canvassing.it.claim.under;
    canvassing.hear(observer, prevote_reply{under, life_a, true, epoch{1}, milliseconds{0}});
    CHECK(canvassing.it.now_role == role::canvassing);

    machine_under_test claiming;
    claiming.make_claiming();
    under = claiming.it.claim.under;
    claiming.hear(observer, promise{under, life_a, true, under, milliseconds{0}, first_record()});
    CHECK(claiming.it.now_role == role::claiming);
    for (auto const node : {observer, b})
        claiming.hear(node, promise{under, life_a, false, under, milliseconds{50}, {}});
    CHECK(claiming.it.now_role == role::claiming); // c may still say yes

    machine_under_test recovering;
    recovering.make_recovering();
    recovering.hear(observer, grant{recovering.it.under, life_a, recovering.it.sequence});
    CHECK(recovering.it.until == deadlines{});
    recovering.hear(observer, written{recovering.it.under, recovering.it.writing.content.version,
                                      true, recovering.it.under});
    CHECK(recovering.count<committed>() == 0);
}

TEST_CASE("answers to another life of this node count for nothing", "[election]") {
    incarnation const earlier{10};
    machine_under_test it;
    it.make_canvassing();
    it.hear(b, prevote_reply{it.it.claim.under, earlier, true, epoch{1}, milliseconds{0}});
    CHECK(it.it.now_role == role::canvassing);
    it.hear(b, prevote_reply{it.it.claim.under, life_a, true, epoch{1}, milliseconds{0}});
    epoch const under = it.it.claim.under;
    it.hear(b, promise{under, earlier, true, under, milliseconds{0}, first_record()});
    CHECK(it.it.now_role == role::claiming);
    it.hear(b, promise{under, life_a, true, under, milliseconds{0}, first_record()});
    REQUIRE(it.it.now_role == role::recovering);
    it.hear(b, grant{it.it.under, earlier, it.it.sequence});
    CHECK(it.it.until == deadlines{});
}

TEST_CASE("a holder whose clock goes wrong hands over, and stands again when it goes right",
          "[election]") {
    machine_under_test it;
    it.make_active();
    it.feed(clock_checked{true});
    REQUIRE(it.it.now_role == role::active);
    it.feed(clock_checked{false});
    CHECK(it.it.now_role == role::stepping_down);
    CHECK(it.why == reason::clock_beyond_bound);
    it.feed(closed{it.it.under});
    CHECK(it.sent_to<release>(b).size() == 1);
    it.wait(std::chrono::minutes{1});
    CHECK(it.it.now_role == role::standby);
    it.feed(clock_checked{true});
    CHECK(it.it.now_role == role::canvassing);
}

TEST_CASE("the founder sends the first record until each blank voter has it", "[election]") {
    machine_under_test it{voter_start{}};
    incarnation const life_of_b{22};
    incarnation const life_of_c{33};
    it.hear(b, recalled{life_a, true, {}, {}, {}, {}, life_of_b});
    it.hear(c, recalled{life_a, true, {}, {}, {}, {}, life_of_c});
    it.feed(start_cluster{first_record()});
    CHECK_FALSE(it.it.vote.blank);
    CHECK(it.sent_to<bootstrap>(b) == std::vector{bootstrap{first_record(), life_of_b}});
    CHECK(it.count<founded>() == 0);

    it.hear(b, recall{life_of_b}); // it was lost
    CHECK(it.sent_to<bootstrap>(b).size() == 2);
    it.hear(c, recall{incarnation{34}}); // a later life: it may have voted and forgotten it since
    CHECK(it.sent_to<bootstrap>(c).size() == 1);

    it.hear(b, written{epoch{1}, record_version{1}, true, epoch{1}});
    CHECK(it.count<founded>() == 1);
    it.hear(c, written{epoch{1}, record_version{1}, true, epoch{1}});
    CHECK(it.count<founded>() == 1);
}

TEST_CASE("any word that only a voter with state can say shows that it has the first record",
          "[election]") {
    epoch const two{2};
    incarnation const life_of_b{22};
    std::vector<message> const telling{prevote{two, life_of_b}, prepare{two, life_of_b},
                                       prevote_reply{two, life_a, true, epoch{1}, milliseconds{0}},
                                       promise{two, life_a, true, two, milliseconds{0}, {}},
                                       renew{two, life_of_b, milliseconds{800}, 1}};
    std::vector<message> const idle{recall{life_of_b}, bootstrap{first_record(), life_a},
                                    recalled{life_a, true, {}, {}, {}, {}, life_of_b},
                                    prevote_reply{two, life_a, false, {}, milliseconds{500}},
                                    promise{two, life_a, false, {}, milliseconds{500}, {}}};
    auto const founders_view = [&](node_id from, message const& what) {
        machine_under_test it{voter_start{}};
        it.hear(b, recalled{life_a, true, {}, {}, {}, {}, life_of_b});
        it.feed(start_cluster{first_record()});
        it.hear(from, what);
        return it.count<founded>();
    };
    for (auto const& what : telling) {
        CHECK(founders_view(b, what) == 1);
        CHECK(founders_view(node_named("o"), what) == 0);
    }
    for (auto const& what : idle)
        CHECK(founders_view(b, what) == 0);
}

} // namespace tasuki::election
