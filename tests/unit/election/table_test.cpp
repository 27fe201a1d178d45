// Every role against every event: where it leads, and what it makes the node say.
#include "fixture.hpp"

#include "tasuki/core/overloaded.hpp"

#include <set>

namespace tasuki::election {

namespace {

node_id const observer = node_named("o");
incarnation const life_b{22};

struct column {
    std::string name;
    event what;
    duration later{}; ///< after the machine came into its role
};

std::vector<column> own_events(epoch under) {
    return {
        {"tick", tick{}},
        {"tick when due", tick{}, milliseconds{900}},
        {"stored", stored{99, store_outcome::stored}},
        {"store failed", stored{99, store_outcome::failed}},
        {"store poisoned", stored{99, store_outcome::poisoned}},
        {"eligible", suitability{true, duration::zero()}},
        {"not eligible", suitability{false, duration::zero()}},
        {"write_record", write_record{first_record()}},
        {"hand_over", hand_over{b}},
        {"hand_over to nobody", hand_over{}},
        {"closed", closed{under}},
        {"closed another epoch", closed{next(under)}},
        {"start_cluster", start_cluster{first_record()}},
        {"clock right", clock_checked{true}},
        {"clock wrong", clock_checked{false}},
    };
}

std::vector<column> requests(epoch under) {
    auto const from = [](node_id node, message what) { return received{node, std::move(what)}; };
    epoch const higher = next(under);
    return {
        {"renew, higher epoch", from(b, renew{higher, life_b, milliseconds{800}, 1})},
        {"renew, higher, due", from(b, renew{higher, life_b, milliseconds{800}, 1}),
         milliseconds{900}},
        {"renew, our epoch", from(b, renew{under, life_b, milliseconds{800}, 1})},
        {"prevote", from(b, prevote{higher, life_b})},
        {"prepare", from(b, prepare{higher, life_b})},
        {"prepare, our epoch", from(b, prepare{under, life_b})},
        {"write, first epoch", from(b, write{life_b, first_record()})},
        {"write, higher epoch", from(b, write{life_b, written_under(higher)})},
        {"release naming us", from(b, release{higher, life_b, a})},
        {"offer to us", from(b, offer{higher, life_b, a})},
        {"offer to another", from(b, offer{higher, life_b, c})},
        {"ready", from(b, ready{higher})},
        {"recall", from(b, recall{life_b})},
        {"bootstrap", from(b, bootstrap{first_record(), life_a})},
        {"withdraw of another", from(b, withdraw{under, life_b})},
        {"withdraw of ours", from(a, withdraw{under, life_a})},
    };
}

std::vector<column> answers(machine_under_test const& it, epoch under) {
    auto const from = [](node_id node, message what) { return received{node, std::move(what)}; };
    auto const sequence = it.it.sequence;
    milliseconds const now{0};
    incarnation const other{99};
    return {
        {"grant", from(b, grant{under, life_a, sequence})},
        {"grant of a non-voter", from(observer, grant{under, life_a, sequence})},
        {"grant to another life", from(b, grant{under, other, sequence})},
        {"prevote yes", from(b, prevote_reply{under, life_a, true, epoch{1}, now})},
        {"prevote no", from(b, prevote_reply{under, life_a, false, epoch{1}, milliseconds{100}})},
        {"prevote of a non-voter", from(observer, prevote_reply{under, life_a, true, {}, now})},
        {"prevote for another life", from(b, prevote_reply{under, other, true, {}, now})},
        {"promise yes", from(b, promise{under, life_a, true, under, now, first_record()})},
        {"promise no", from(b, promise{under, life_a, false, next(under), milliseconds{100}, {}})},
        {"promise of a non-voter", from(observer, promise{under, life_a, true, under, now, {}})},
        {"promise to another life", from(b, promise{under, other, true, under, now, {}})},
        {"written yes", from(b, written{under, record_version{1}, true, under})},
        {"written no", from(b, written{under, record_version{1}, false, next(under)})},
        {"written of a non-voter", from(observer, written{under, record_version{1}, true, under})},
        {"recalled", from(b, recalled{life_a, false, epoch{1}, {}, {}, first_record(), life_b})},
    };
}

std::vector<column> columns(machine_under_test const& it) {
    epoch const under = std::max({it.it.under, it.it.claim.under, it.it.vote.memory.promised});
    auto out = own_events(under);
    for (auto const& more : {requests(under), answers(it, under)})
        out.insert(out.end(), more.begin(), more.end());
    return out;
}

std::string name_of(message const& what) {
    constexpr char const* names[] = {
        "renew",  "grant",    "prevote",   "",         "prepare", "", "write", "",     "release",
        "recall", "recalled", "bootstrap", "withdraw", "",        "", "offer", "ready"};
    auto const answer = [](bool yes, std::string name) { return name + (yes ? "+" : "-"); };
    return std::visit(overloaded{
                          [&](prevote_reply const& it) { return answer(it.granted, "prevote"); },
                          [&](promise const& it) { return answer(it.granted, "promise"); },
                          [&](written const& it) { return answer(it.accepted, "written"); },
                          [&](auto const&) { return std::string{names[what.index()]}; },
                      },
                      what);
}

std::string name_of(command const& it) {
    return std::visit(overloaded{
                          [](send const& what) { return name_of(what.what); },
                          [](store const&) { return std::string{"STORE"}; },
                          [](stamp const&) { return std::string{"STAMP"}; },
                          [](start_serving const&) { return std::string{"SERVE"}; },
                          [](extend const&) { return std::string{"EXTEND"}; },
                          [](stop_serving const&) { return std::string{"STOP"}; },
                          [](committed const&) { return std::string{"COMMITTED"}; },
                          [](founded const&) { return std::string{"FOUNDED"}; },
                          [](wake_at const&) { return std::string{}; },
                      },
                      it);
}

/// A letter for a role, in the order of `every_role`.
constexpr char letters[] = "SPCRAD"; // standby, Prevote, Claim, Recover, Active, Down

/// The role afterwards, and the kinds of commands in the order in which each first came.
std::string cell(role from, std::size_t index) {
    machine_under_test it;
    it.make(from);
    it.wait(it.rules.interval); // a holder has renewed once more
    REQUIRE(it.it.now_role == from);
    auto const until = it.it.until;
    auto const happening = columns(it)[index];
    it.now += happening.later;
    it.said.clear();
    it.feed(happening.what);
    CHECK((!may_serve(it.it, it.now) || it.it.now_role == role::active));
    std::string out{letters[static_cast<std::size_t>(it.it.now_role)]};
    if (until != it.it.until)
        out += it.it.until == deadlines{} ? " no-lease" : " lease";
    std::set<std::string> seen;
    for (auto const& each : it.said)
        if (auto const name = name_of(each); !name.empty() && seen.insert(name).second)
            out += " " + name;
    return out;
}

struct row {
    char const* event;
    char const* standby;
    char const* canvassing;
    char const* claiming;
    char const* recovering;
    char const* active;
    char const* stepping_down;
};

constexpr row expected[] = {
    {"tick", "S", "P", "C", "R", "A", "D"},
    {"tick when due", "P prevote", "S", "S withdraw STORE", "S", "D STOP", "D"},
    {"stored", "S", "P", "C", "R", "A", "D"},
    {"store failed", "S", "P", "C", "R", "A", "D"},
    {"store poisoned", "S", "P", "C", "R", "A", "D"},
    {"eligible", "S", "P", "C", "R", "A", "D"},
    {"not eligible", "S", "S", "S withdraw STORE", "R", "A", "D"},
    {"write_record", "S", "P", "C", "R", "A write STORE", "D"},
    {"hand_over", "S", "P", "C", "R", "A offer", "D"},
    {"hand_over to nobody", "S", "P", "C", "R", "D STOP", "D"},
    {"closed", "S", "P", "C", "R", "A", "S no-lease release"},
    {"closed another epoch", "S", "P", "C", "R", "A", "D"},
    {"start_cluster", "S", "P", "C", "R", "A", "D"},
    {"clock right", "S", "P", "C", "R", "A", "D"},
    {"clock wrong", "S", "S", "S withdraw STORE", "S", "D STOP", "D"},
    {"renew, higher epoch", "S STORE STAMP grant", "P STORE STAMP grant", "C STORE STAMP grant",
     "R", "A", "D"},
    {"renew, higher, due", "S STORE STAMP grant", "S STORE STAMP grant",
     "S STORE STAMP grant withdraw", "S STORE STAMP grant", "D STORE STAMP grant STOP",
     "D STORE STAMP grant"},
    {"renew, our epoch", "S", "P STORE STAMP grant", "C", "R", "A", "D"},
    {"prevote", "S prevote+", "P prevote+", "C prevote+", "R prevote-", "A prevote-", "D prevote-"},
    {"prepare", "S STORE promise+", "P STORE promise+", "C STORE promise+", "R promise-",
     "A promise-", "D STORE promise+"}, // the one that it is offered to
    {"prepare, our epoch", "S promise-", "P STORE promise+", "C promise-", "R promise-",
     "A promise-", "D promise-"},
    {"write, first epoch", "S written-", "P written-", "C written-", "R written-", "A written-",
     "D written-"},
    {"write, higher epoch", "S STORE written+", "P STORE written+", "C STORE written+",
     "R STORE written+", "A STORE written+", "D STORE written+"},
    {"release naming us", "C prepare STORE", "P", "C", "R", "A", "D"},
    {"offer to us", "C prepare STORE", "P", "C", "R", "A", "D"},
    {"offer to another", "S", "P", "C", "R", "A", "D"},
    {"ready", "S", "P", "C", "R", "A", "D"},
    {"recall", "S recalled", "P recalled", "C recalled", "R recalled", "A recalled", "D recalled"},
    {"bootstrap", "S", "P", "C", "R", "A", "D"},
    {"withdraw of another", "S", "P", "C", "R", "A", "D"},
    {"withdraw of ours", "S", "P", "C STORE", "R STORE", "A STORE", "D STORE"},
    {"grant", "S", "P", "C", "R lease", "A lease EXTEND", "D"},
    {"grant of a non-voter", "S", "P", "C", "R", "A", "D"},
    {"grant to another life", "S", "P", "C", "R", "A", "D"},
    {"prevote yes", "S", "C prepare STORE", "C", "R", "A", "D"},
    {"prevote no", "S", "P", "C", "R", "A", "D"},
    {"prevote of a non-voter", "S", "P", "C", "R", "A", "D"},
    {"prevote for another life", "S", "P", "C", "R", "A", "D"},
    {"promise yes", "S withdraw", "P", "R write renew STORE STAMP", "R", "A", "D"},
    {"promise no", "S", "P", "C", "R", "A", "D"},
    {"promise of a non-voter", "S", "P", "C", "R", "A", "D"},
    {"promise to another life", "S", "P", "C", "R", "A", "D"},
    {"written yes", "S", "P", "C", "R COMMITTED", "A", "D"},
    {"written no", "S", "P", "C", "R", "A", "D"},
    {"written of a non-voter", "S", "P", "C", "R", "A", "D"},
    {"recalled", "S", "P", "C", "R", "A", "D"},
};

} // namespace

TEST_CASE("every event in every role has a decided outcome", "[election][table]") {
    auto const names = columns(machine_under_test{});
    REQUIRE(std::size(expected) == names.size());
    for (std::size_t index = 0; index < names.size(); ++index) {
        auto const& it = expected[index];
        char const* const cells[] = {it.standby,    it.canvassing, it.claiming,
                                     it.recovering, it.active,     it.stepping_down};
        REQUIRE(it.event == names[index].name);
        for (auto const from : every_role) {
            INFO(it.event << " in " << to_string(from));
            CHECK(cell(from, index) == cells[static_cast<std::size_t>(from)]);
        }
    }
}

} // namespace tasuki::election
