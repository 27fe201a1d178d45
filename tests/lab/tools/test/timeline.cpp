#include "timeline.hpp"

#include <catch2/catch.hpp>

using namespace tasuki::lab;
using namespace std::chrono_literals;

namespace {

void answer_each_ms(timeline& line, std::string const& source, moment from, moment to) {
    for (auto at = from; at <= to; at += 1ms)
        line.answered(source, at);
}

} // namespace

TEST_CASE("the longest gap lies between the old holder's last answer and the new one's first") {
    timeline line{50ms};
    answer_each_ms(line, "a", 100ms, 200ms);
    answer_each_ms(line, "b", 250ms, 300ms);
    CHECK(line.longest_gap().from == 200ms);
    CHECK(line.longest_gap().to == 250ms);
    CHECK(line.dual_active() == 0ms);
    CHECK(line.overlaps().empty());
}

TEST_CASE("two that answer at once are counted for the time they share") {
    timeline line{50ms};
    answer_each_ms(line, "a", 0ms, 100ms);
    answer_each_ms(line, "b", 90ms, 200ms);
    CHECK(line.dual_active() == 10ms);
    REQUIRE(line.overlaps().size() == 1);
    CHECK(line.overlaps()[0].from == 90ms);
}

TEST_CASE("an old holder that answers once more counts with its whole remainder") {
    timeline line{50ms};
    answer_each_ms(line, "a", 0ms, 100ms);
    answer_each_ms(line, "b", 101ms, 200ms);
    line.answered("a", 130ms);
    CHECK(line.dual_active() == 29ms);
}

TEST_CASE("a single answer inside another's span is an overlap without length") {
    timeline line{50ms};
    answer_each_ms(line, "a", 0ms, 100ms);
    line.answered("b", 40ms);
    CHECK(line.overlaps().size() == 1);
    CHECK(line.dual_active() == 0ms);
}

TEST_CASE("a source that comes back later was not active in between") {
    timeline line{50ms};
    answer_each_ms(line, "a", 0ms, 100ms);
    answer_each_ms(line, "b", 120ms, 500ms);
    answer_each_ms(line, "a", 520ms, 600ms);
    CHECK(line.dual_active() == 0ms);
    CHECK(line.sources().at("a").size() == 2);
}

TEST_CASE("time that three share is counted once") {
    timeline line{50ms};
    for (auto const* source : {"a", "b", "c"})
        answer_each_ms(line, source, 10ms, 30ms);
    CHECK(line.dual_active() == 20ms);
}

TEST_CASE("answers slightly out of order make no negative gap") {
    timeline line{50ms};
    line.answered("a", 10ms);
    auto const news = line.answered("b", 9ms);
    CHECK_FALSE(news.gap);
    CHECK(line.last_answer() == 10ms);
    CHECK(line.longest_gap().length() == 0ms);
}

TEST_CASE("an answer tells whether it begins a span and which gap it ends") {
    timeline line{50ms};
    CHECK(line.answered("a", 10ms).begins);
    CHECK_FALSE(line.answered("a", 60ms).begins);
    auto const news = line.answered("a", 111ms);
    CHECK(news.begins);
    REQUIRE(news.gap);
    CHECK(news.gap->length() == 51ms);
}

TEST_CASE("a percentile is a value that occurred") {
    std::vector<moment> const values{5ms, 1ms, 2ms, 4ms, 3ms};
    CHECK(percentile(values, 0.5) == 3ms);
    CHECK(percentile(values, 0.99) == 5ms);
    CHECK(percentile(values, 0.0) == 1ms);
    CHECK(percentile({}, 0.5) == 0ms);
}
