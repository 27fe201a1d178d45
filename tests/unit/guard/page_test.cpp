#include "tasuki/guard/page.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <thread>

using namespace tasuki;
using namespace tasuki::guard;

namespace {

constexpr instant late{std::chrono::seconds{100}};
constexpr instant later{std::chrono::seconds{101}};

} // namespace

TEST_CASE("guard: a page of zeros serves nothing", "[guard]") {
    auto const page = std::make_unique<deadline_page>();
    CHECK(next_due(*page) == never);
    CHECK_FALSE(seize_all(*page));
    CHECK(page->slots[0].look() == slot_word{});
}

TEST_CASE("guard: a slot is due a little before its deadline, and moves with it", "[guard]") {
    slot one;
    REQUIRE(one.open(epoch{3}, late));
    CHECK(one.due() == late - head_start);
    REQUIRE(one.extend(epoch{3}, later));
    CHECK(one.due() == later - head_start);
    REQUIRE(one.extend(epoch{3}, never));
    CHECK(one.due() == never);
    one.close(epoch{3});
    CHECK(one.due() == never);
    CHECK(one.look() == slot_word{standing::idle, epoch{3}});
}

TEST_CASE("guard: what was seized is never served again, and a newer epoch is", "[guard]") {
    slot one;
    REQUIRE(one.open(epoch{3}, late));
    REQUIRE(one.seize());
    CHECK_FALSE(one.seize());
    CHECK(one.due() == never);
    CHECK_FALSE(one.extend(epoch{3}, later));
    CHECK_FALSE(one.open(epoch{3}, later));
    CHECK_FALSE(one.open(epoch{2}, later));
    one.close(epoch{3});
    CHECK(one.look() == slot_word{standing::seized, epoch{3}});
    CHECK(one.open(epoch{4}, later));
    CHECK(one.due() == later - head_start);
}

TEST_CASE("guard: an older epoch neither extends nor closes the present one", "[guard]") {
    slot one;
    REQUIRE(one.open(epoch{3}, late));
    REQUIRE(one.open(epoch{4}, late));
    CHECK_FALSE(one.extend(epoch{3}, later));
    one.close(epoch{3});
    CHECK(one.due() == late - head_start);
}

TEST_CASE("guard: all slots are seized when one is late", "[guard]") {
    auto const page = std::make_unique<deadline_page>();
    REQUIRE(page->slots[2].open(epoch{1}, late));
    REQUIRE(page->slots[slots_max - 1].open(epoch{9}, later));
    CHECK(next_due(*page) == late - head_start);
    CHECK(seize_all(*page));
    CHECK(next_due(*page) == never);
    CHECK(page->slots[slots_max - 1].look().at == standing::seized);
    CHECK(page->slots[0].look().at == standing::idle);
}

TEST_CASE("guard: a word says what was put into it, and an unknown one serves nothing", "[guard]") {
    for (auto const at : {standing::idle, standing::open, standing::seized})
        for (std::uint64_t const number : {0ULL, 1ULL, 1ULL << 61U})
            CHECK(decode(encode({at, epoch{number}})) == slot_word{at, epoch{number}});
    CHECK(decode(3).at == standing::seized);
}

TEST_CASE("guard: whoever renews after a seizure is told so, however close it was", "[guard]") {
    for (int round = 0; round < 200; ++round) {
        slot one;
        REQUIRE(one.open(epoch{3}, late));
        std::atomic<bool> seized{false};
        std::thread guardian{[&] {
            one.seize();
            seized = true;
        }};
        bool told_well_after_seizure = false;
        for (bool over = false; !over;) {
            over = seized;
            told_well_after_seizure = one.extend(epoch{3}, later) && over;
        }
        guardian.join();
        REQUIRE_FALSE(told_well_after_seizure);
    }
}
