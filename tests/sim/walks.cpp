// The operations on MySQL servers against a model of them that loses, delays and crashes whatever
// it can. TASUKI_WALK_SEED=N walks one seed and no other, TASUKI_WALK_EVERY=N each Nth of them.
#include "doubles/walk.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

std::uint64_t wish(char const* variable) {
    char const* const value = std::getenv(variable);
    return value == nullptr ? 0 : std::strtoull(value, nullptr, 10);
}

bool walks_all() {
    return wish("TASUKI_WALK_SEED") == 0 && wish("TASUKI_WALK_EVERY") <= 1;
}

walk::tally walk_seeds(std::uint64_t first, std::uint64_t count, walk::options const& with) {
    walk::tally sum;
    if (auto const only = wish("TASUKI_WALK_SEED"); only != 0) {
        first = only;
        count = 1;
    }
    auto const every = std::max<std::uint64_t>(wish("TASUKI_WALK_EVERY"), 1);
    for (std::uint64_t seed = first; seed < first + count; seed += every) {
        walk::world one(seed, with);
        one.run(6);
        std::string told;
        if (!one.violation.empty())
            for (std::string const& line : one.history)
                told += line + "\n";
        INFO(told << one.describe());
        INFO("seed " << seed);
        REQUIRE(one.violation == "");
        sum += one.seen;
    }
    return sum;
}

} // namespace

TEST_CASE("mysql walk: three servers lose no acknowledged commit, whatever fails", "[walk]") {
    walk::tally const sum = walk_seeds(1, 150, {3, true, 0.01});
    if (!walks_all())
        return;
    // The walk must have been where it matters, else it proves nothing.
    CHECK(sum.promotions > 100);
    CHECK(sum.refusals > 20);
    CHECK(sum.switchovers > 20);
    CHECK(sum.rejoins > 50);
    CHECK(sum.degradations > 10);
}

TEST_CASE("mysql walk: with a server that is never a master, and writes that block", "[walk]") {
    walk::tally const sum = walk_seeds(5000, 80, {4, false, 0.01});
    if (!walks_all())
        return;
    CHECK(sum.promotions > 30);
    CHECK(sum.degradations == 0);
}

TEST_CASE("mysql walk: two servers, and many lost messages", "[walk]") {
    walk::tally const sum = walk_seeds(9000, 80, {2, true, 0.05});
    if (!walks_all())
        return;
    CHECK(sum.promotions > 20);
}

TEST_CASE("mysql walk: servers that forget at a crash what they have answered", "[walk]") {
    walk::tally const sum = walk_seeds(12'000, 80, {3, false, 0.01, false});
    if (!walks_all())
        return;
    CHECK(sum.promotions > 30);
    CHECK(sum.refusals > 20);
}

TEST_CASE("mysql walk: late orders, slow records, and a second server lost with the master",
          "[walk]") {
    walk::options const with{.late = 0.05, .journal_most = 150, .another = 0.4};
    walk::tally const sum = walk_seeds(15'000, 80, with);
    if (!walks_all())
        return;
    CHECK(sum.promotions > 30);
    CHECK(sum.degradations > 5);
}

TEST_CASE("mysql walk: a cluster that is founded beside a second server with writes", "[walk]") {
    walk::options const with{.loss = 0, .founding = true};
    walk::tally const sum = walk_seeds(18'000, 60, with);
    if (!walks_all())
        return;
    CHECK(sum.refusals > 20);
    CHECK(sum.promotions > 20);
}

TEST_CASE("mysql walk: somebody writes on a replica", "[walk]") {
    walk::tally const sum = walk_seeds(21'000, 60, {.errant = 0.5});
    if (!walks_all())
        return;
    CHECK(sum.refusals > 20);
    CHECK(sum.quarantines > 5);
}

TEST_CASE("mysql walk: faults go on while a master is replaced", "[walk]") {
    walk::tally const sum = walk_seeds(24'000, 80, {.restless = true});
    if (!walks_all())
        return;
    CHECK(sum.promotions > 30);
    CHECK(sum.refusals > 20);
}
