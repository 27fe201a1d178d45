#include "tasuki/lb/schedule.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <numeric>

namespace tasuki::lb {

namespace {

using members = std::vector<schedule::member>;

members named(std::vector<unsigned> const& weights) {
    members out;
    for (auto const weight : weights)
        out.push_back({"app" + std::to_string(out.size()), weight});
    return out;
}

std::vector<candidate> idle(std::vector<unsigned> const& weights) {
    std::vector<candidate> out;
    for (auto const weight : weights)
        out.push_back({weight, 0, false});
    return out;
}

schedule of(balance how, std::vector<unsigned> const& weights) {
    return {how, named(weights), 7};
}

constexpr balance every_balance[] = {balance::round_robin, balance::least_connections,
                                     balance::random_two, balance::source};

} // namespace

TEST_CASE("nobody without a weight, and nobody who is full, is chosen", "[lb]") {
    for (auto const how : every_balance) {
        INFO(to_string(how));
        std::vector<candidate> all{{0, 0, false}, {100, 0, true}, {100, 0, false}};
        auto one = of(how, {100, 100, 100});
        for (std::uint64_t key = 0; key < 100; ++key)
            CHECK(one.choose(all, key) == 2U);
        all[2].is_full = true;
        CHECK_FALSE(one.choose(all, 1));
        CHECK_FALSE(of(how, {}).choose({}, 1));
    }
}

TEST_CASE("turns are in proportion to the weights, and smooth", "[lb]") {
    auto one = of(balance::round_robin, {50, 10, 10});
    auto const all = idle({50, 10, 10});
    std::string turns;
    for (int each = 0; each < 14; ++each)
        turns += static_cast<char>('a' + *one.choose(all, 0));
    CHECK(turns == "aabacaaaabacaa");
}

TEST_CASE("who has least to do for its weight gets the next one, and ties take turns", "[lb]") {
    auto one = of(balance::least_connections, {100, 100, 50});
    std::vector<candidate> all{{100, 5, false}, {100, 4, false}, {50, 1, false}};
    CHECK(one.choose(all, 0) == 2U); // 2/50 against 5/100: less
    all[2].sessions = 2;
    CHECK(one.choose(all, 0) == 1U);
    auto equal = of(balance::least_connections, {1, 1, 1});
    std::map<std::size_t, int> seen;
    for (int each = 0; each < 9; ++each)
        ++seen[*equal.choose(idle({1, 1, 1}), 0)];
    CHECK(seen == std::map<std::size_t, int>{{0, 3}, {1, 3}, {2, 3}});
}

TEST_CASE("of two draws the one with less to do is taken", "[lb]") {
    auto one = of(balance::random_two, {100, 100, 100, 300});
    std::vector<candidate> all{
        {100, 0, false}, {100, 0, false}, {100, 1000, false}, {300, 0, false}};
    std::map<std::size_t, int> seen;
    for (int each = 0; each < 6000; ++each)
        ++seen[*one.choose(all, 0)];
    CHECK(seen[2] < 300); // only if drawn twice: one in 36
    CHECK(seen[2] > 60);
    CHECK(seen[3] > 2500);
}

TEST_CASE("when one of n leaves, its clients move and no others", "[lb]") {
    auto one = of(balance::source, std::vector<unsigned>(10, 100));
    auto all = idle(std::vector<unsigned>(10, 100));
    constexpr std::uint64_t keys = 20'000;
    std::map<std::size_t, std::uint64_t> share;
    std::vector<std::size_t> before;
    for (std::uint64_t key = 0; key < keys; ++key) {
        before.push_back(*one.choose(all, key));
        ++share[before.back()];
    }
    for (auto const& [who, count] : share)
        CHECK(std::abs(static_cast<double>(count) / keys - 0.1) < 0.03);
    all[3].weight = 0;
    std::uint64_t moved = 0;
    for (std::uint64_t key = 0; key < keys; ++key) {
        auto const now = *one.choose(all, key);
        moved += now != before[key] ? 1 : 0;
        if (before[key] != 3)
            REQUIRE(now == before[key]);
    }
    CHECK(moved == share[3]);
}

TEST_CASE("the ring is the same on every balancer, and follows the weights", "[lb]") {
    auto const all = idle({100, 50, 50});
    auto one = schedule{balance::source, named({100, 50, 50}), 1};
    auto other = schedule{balance::source, named({100, 50, 50}), 2};
    std::map<std::size_t, double> share;
    for (std::uint64_t key = 0; key < 10'000; ++key) {
        auto const chosen = one.choose(all, hash_of("10.77.0." + std::to_string(key)));
        REQUIRE(chosen == other.choose(all, hash_of("10.77.0." + std::to_string(key))));
        share[*chosen] += 1e-4;
    }
    CHECK(std::abs(share[0] - 0.5) < 0.06);
    CHECK(std::abs(share[1] - 0.25) < 0.06);
}

} // namespace tasuki::lb
