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

namespace {

/// One event of every kind and message, as another node would send it now.
std::vector<event> every_event(machine_under_test const& it) {
    epoch const under = std::max(it.it.under, it.it.claim.under);
    auto const from_b = [](message what) { return event{received{b, std::move(what)}}; };
    return {
        tick{},
        stored{99, store_outcome::stored},
        stored{99, store_outcome::failed},
        stored{99, store_outcome::poisoned},
        suitability{true, duration::zero()},
        suitability{false, duration::zero()},
        write_record{first_record()},
        hand_over{b},
        closed{under},
        start_cluster{first_record()},
        from_b(renew{next(under), incarnation{22}, milliseconds{800}, 1}),
        from_b(grant{under, life_a, it.it.sequence}),
        from_b(prevote{next(under), incarnation{22}}),
        from_b(prevote_reply{under, life_a, true, epoch{1}, milliseconds{0}}),
        from_b(prevote_reply{under, life_a, false, epoch{1}, milliseconds{100}}),
        from_b(prepare{next(under), incarnation{22}}),
        from_b(promise{under, life_a, true, under, milliseconds{0}, first_record()}),
        from_b(promise{under, life_a, false, next(under), milliseconds{100}, {}}),
        from_b(write{incarnation{22}, first_record()}),
        from_b(written{under, record_version{1}, true, under}),
        from_b(written{under, record_version{1}, false, next(under)}),
        from_b(release{next(under), incarnation{22}, a}),
        from_b(recall{incarnation{22}}),
        from_b(recalled{life_a, false, epoch{1}, {}, {}, first_record()}),
        from_b(bootstrap{first_record()}),
    };
}

/// Where each event leads from each role; a letter a role, in the order of `every_role`.
constexpr char letters[] = "SPCRAD"; // standby, Prevote, Claim, Recover, Active, Down

char letter_of(role it) {
    return letters[static_cast<std::size_t>(it)];
}

} // namespace

TEST_CASE("every event in every role has a decided outcome", "[election][table]") {
    // Rows: roles. Columns: the events of `every_event`, in their order.
    std::vector<std::string> const expected{
        "SSSSSSSSSSSSSSSSSSSSSCSSS", // standby
        "PPPPPSPPPPPPPCPPPPPPPPPPP", // canvassing
        "CCCCCSCCCCCCCCCCRCCCCCCCC", // claiming
        "RRRRRRRRRRRRRRRRRRRRRRRRR", // recovering
        "AAAAAAADAAAAAAAAAAAAAAAAA", // active
        "DDDDDDDDSDDDDDDDDDDDDDDDD", // stepping_down
    };
    for (auto const from : every_role) {
        machine_under_test probe;
        probe.make(from);
        std::string row;
        for (std::size_t index = 0; index < every_event(probe).size(); ++index) {
            machine_under_test it;
            it.make(from);
            it.feed(every_event(it)[index]);
            row += letter_of(it.it.now_role);
            CHECK((!may_serve(it.it, it.now) || it.it.now_role == role::active));
        }
        INFO("from " << to_string(from));
        CHECK(row == expected[static_cast<std::size_t>(from)]);
    }
}

} // namespace tasuki::election
