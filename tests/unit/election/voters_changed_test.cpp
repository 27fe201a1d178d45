// What a change of the voters does to a voter, a candidate and a holder.
#include "fixture.hpp"

namespace tasuki::election {

namespace {

node_id const d = node_named("d");
incarnation const life_b{22};
constexpr milliseconds lease{800};

policy with_voters(policy rules, std::vector<node_id> voters, std::uint32_t version,
                   std::vector<node_id> before = {}) {
    rules.cluster.voters = std::move(voters);
    rules.cluster.version = version;
    rules.cluster.before = std::move(before);
    rules.cluster.everybody_votes = false;
    return rules;
}

void change(machine_under_test& on, std::vector<node_id> voters, std::uint32_t version,
            std::vector<node_id> before = {}) {
    on.rules = with_voters(on.rules, std::move(voters), version, std::move(before));
    on.feed(voters_changed{});
}

state started(voter_start const& begin, policy const& rules) {
    return start(rules, begin, 7, start_time);
}

/// The answers to what a voter without state asks once its silence is over.
void tell(machine_under_test& on, std::vector<node_id> const& who) {
    auto const mark = on.sent_to<recall>(b).back().life;
    for (auto const node : who)
        on.hear(node, recalled{mark, false, epoch{2}, b, life_b, first_record()});
}

} // namespace

TEST_CASE("a state that was made among earlier voters holds among later ones", "[election]") {
    auto const later = with_voters(three_voters(), {a, b, d}, 2);
    auto const it = started(remembering(), later);
    CHECK_FALSE(it.vote.misplaced);
    CHECK(it.vote.memory.voters == voter_set_of({a, b, d}, 2));
}

TEST_CASE("a state of voters that the node knows nothing of does not vote until it does",
          "[election]") {
    auto begin = remembering();
    begin.remembered->voters = voter_set_of({a, b, d}, 2);
    machine_under_test voter{begin};
    CHECK(voter.it.vote.misplaced);
    change(voter, {a, b, c, d}, 1);
    CHECK(voter.it.vote.misplaced);
    change(voter, {a, b, d}, 2);
    CHECK_FALSE(voter.it.vote.misplaced);
}

TEST_CASE("a node that becomes a voter is silent first, and has to be told what the others know",
          "[election]") {
    machine_under_test voter{voter_start{}, d};
    CHECK_FALSE(voter.it.vote.votes);
    voter.wait(std::chrono::minutes{1});
    change(voter, {a, b, c, d}, 1, {a, b, c});
    CHECK(voter.it.vote.votes);
    CHECK(voter.it.vote.blank);
    CHECK(voter.it.vote.silent_until == voter.now + longest_lease);
    voter.wait(longest_lease);
    tell(voter, {a, b});
    CHECK_FALSE(voter.it.vote.blank);
    CHECK(voter.it.vote.memory.promised == epoch{2});
}

TEST_CASE("a removed voter grants nothing, and keeps what it has promised", "[election]") {
    machine_under_test voter;
    voter.hear(b, renew{epoch{2}, life_b, lease, 1});
    REQUIRE(voter.sent_to<grant>(b).size() == 1);
    change(voter, {b, c, d}, 1, {a, b, c, d});
    voter.hear(b, renew{epoch{2}, life_b, lease, 2});
    CHECK(voter.sent_to<grant>(b).size() == 1);
    CHECK(voter.it.vote.memory.promised == epoch{2});
}

TEST_CASE("a holder counts grants of present voters only, and keeps the lease it has",
          "[election]") {
    machine_under_test holder;
    holder.make_active();
    auto const until = holder.it.until.hard;
    change(holder, {a, c, d}, 1, {a, b, c, d});
    CHECK(holder.it.now_role == role::active);
    CHECK(holder.it.until.hard == until);
    holder.wait(milliseconds{200});
    holder.hear(b, grant{holder.it.under, life_a, holder.it.sequence});
    CHECK(holder.it.until.hard == until);
    holder.hear(d, grant{holder.it.under, life_a, holder.it.sequence});
    CHECK(holder.it.until.hard > until);
}

TEST_CASE("more voters need a larger majority at once", "[election]") {
    machine_under_test holder;
    holder.make_active();
    auto const until = holder.it.until.hard;
    change(holder, {a, b, c, d}, 1, {a, b, c});
    holder.wait(milliseconds{200});
    holder.hear(b, grant{holder.it.under, life_a, holder.it.sequence});
    CHECK(holder.it.until.hard == until);
    holder.hear(c, grant{holder.it.under, life_a, holder.it.sequence});
    CHECK(holder.it.until.hard > until);
}

TEST_CASE("what a removed voter granted last counts no more", "[election]") {
    machine_under_test holder;
    holder.make_active();
    change(holder, {a, b, c, d}, 1, {a, b, c});
    holder.wait(milliseconds{200});
    holder.hear(b, grant{holder.it.under, life_a, holder.it.sequence});
    auto const until = holder.it.until.hard; // two of four are no majority
    change(holder, {a, c, d}, 2, {a, b, c, d});
    holder.wait(milliseconds{200});
    CHECK(holder.it.until.hard == until);
}

TEST_CASE("a claim among other voters begins anew", "[election]") {
    for (auto const stage : {role::canvassing, role::claiming}) {
        machine_under_test candidate;
        candidate.make(stage);
        change(candidate, {a, b, c, d}, 1, {a, b, c});
        CHECK(candidate.it.now_role == role::standby);
        CHECK(candidate.why == reason::voters_changed);
    }
}

TEST_CASE("who lost its state while voters change asks those of both sets", "[election]") {
    machine_under_test voter{voter_start{}};
    change(voter, {a, b, c, d}, 1, {a, b, c});
    voter.wait(longest_lease);
    SECTION("the new voter and one of the former ones are not enough of those") {
        tell(voter, {b, d});
        CHECK(voter.it.vote.blank);
        tell(voter, {c});
        CHECK_FALSE(voter.it.vote.blank);
    }
    SECTION("once the change is settled they are") {
        change(voter, {a, b, c, d}, 1);
        voter.wait(milliseconds{100});
        tell(voter, {b, d});
        CHECK_FALSE(voter.it.vote.blank);
    }
}

TEST_CASE("who lost its state asks those of the next set, which may be in force already",
          "[election]") {
    machine_under_test voter{voter_start{}};
    change(voter, {a, b, c, d}, 1);
    voter.rules.cluster.next = {a, b, d};
    voter.feed(voters_changed{});
    voter.wait(longest_lease);
    tell(voter, {c, d});
    CHECK(voter.it.vote.blank);
    tell(voter, {b});
    CHECK_FALSE(voter.it.vote.blank);
}

TEST_CASE("a removed voter tells what it voted for until the change is settled", "[election]") {
    machine_under_test voter;
    change(voter, {b, c, d}, 1, {a, b, c, d});
    voter.hear(b, recall{incarnation{99}});
    CHECK(voter.sent_to<recalled>(b).size() == 1);
    change(voter, {b, c, d}, 1);
    voter.hear(b, recall{incarnation{99}});
    CHECK(voter.sent_to<recalled>(b).size() == 1);
    // And it is asked, though it votes no more.
    machine_under_test blank{voter_start{}};
    change(blank, {a, b, c}, 1, {a, b, c, d});
    blank.wait(longest_lease);
    CHECK_FALSE(blank.sent_to<recall>(d).empty());
}

TEST_CASE("no first record is taken while it is not known who votes", "[election]") {
    machine_under_test voter{voter_start{}};
    voter.rules.cluster.is_known = false;
    voter.hear(b, bootstrap{first_record(), life_a});
    CHECK(voter.it.vote.blank);
    voter.rules.cluster.is_known = true;
    voter.hear(b, bootstrap{first_record(), life_a});
    CHECK_FALSE(voter.it.vote.blank);
}

TEST_CASE("nobody is believed while it is not known who votes", "[election]") {
    machine_under_test voter{voter_start{}};
    voter.rules.cluster.is_known = false;
    voter.wait(longest_lease);
    tell(voter, {b, c});
    CHECK(voter.it.vote.blank);
    voter.rules.cluster.is_known = true;
    tell(voter, {c});
    CHECK_FALSE(voter.it.vote.blank);
}

TEST_CASE("what is known of a record spreads, and an older one does not", "[election]") {
    machine_under_test voter;
    voter.hear(b, inform{written_under(epoch{5})});
    CHECK(voter.it.vote.memory.known.written_under == epoch{5});
    CHECK(voter.count<store>() == 1);
    voter.hear(b, inform{written_under(epoch{4})});
    CHECK(voter.it.vote.memory.known.written_under == epoch{5});
    CHECK(voter.count<store>() == 1);
}

TEST_CASE("an epoch that former voters may have promised is promised no more", "[election]") {
    machine_under_test voter{remembering()};
    voter.rules.cluster.floor = epoch{9};
    voter.hear(b, prepare{epoch{9}, life_b});
    auto const refused = voter.sent_to<promise>(b).back();
    CHECK_FALSE(refused.granted);
    CHECK(refused.promised == epoch{9});
    voter.hear(b, prevote{epoch{9}, life_b});
    CHECK(voter.sent_to<prevote_reply>(b).back().promised == epoch{9});
    voter.hear(b, prepare{epoch{10}, life_b});
    CHECK(voter.sent_to<promise>(b).back().granted);

    voter.rules.cluster.floor = epoch{10};
    voter.hear(b, prepare{epoch{10}, life_b}); // the same claim, whose answer was lost
    CHECK(voter.sent_to<promise>(b).back().granted);
}

TEST_CASE("a candidate claims an epoch that no former voter can have promised", "[election]") {
    machine_under_test on{remembering()};
    on.rules.cluster.floor = epoch{9};
    on.make_canvassing();
    CHECK(on.it.claim.under == epoch{10});
}

TEST_CASE("a voter tells of its memory only once that is on disk", "[election]") {
    machine_under_test voter;
    voter.disk_holds = true;
    voter.hear(b, prepare{epoch{7}, life_b});
    voter.hear(c, recall{incarnation{99}});
    CHECK(voter.sent_to<recalled>(c).empty());
    voter.feed(stored{voter.it.vote.last_ticket, store_outcome::stored});
    REQUIRE(voter.sent_to<recalled>(c).size() == 1);
    CHECK(voter.sent_to<recalled>(c).front().promised == epoch{7});
}

} // namespace tasuki::election
