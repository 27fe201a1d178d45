// What fails each time that it is tried does not fill the log.
#include "tasuki/agent/repeated_line.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;
using namespace std::chrono_literals;

namespace {

constexpr instant begin{1h};

std::string failure_after(int ms) {
    return "it ended with exit code 3 after " + std::to_string(ms) + " ms: no such instance";
}

/// Tried each two seconds.
std::size_t lines_within(duration span) {
    repeated_line subject;
    std::size_t out = 0;
    int took = 0;
    for (auto now = begin; now < begin + span; now += 2s)
        out += subject.admit(failure_after(++took), now) ? 1U : 0U;
    return out;
}

} // namespace

TEST_CASE("repeated line: what fails alike is told at growing intervals, with a count", "[agent]") {
    CHECK(lines_within(59s) == 1);
    CHECK(lines_within(1min + 1s) == 2);
    CHECK(lines_within(3min + 1s) == 3);
    CHECK(lines_within(7min + 1s) == 4);
    CHECK(lines_within(24h) < 40);
    CHECK(lines_within(24h) > 20); // never for ever
    repeated_line subject;
    CHECK(subject.admit(failure_after(1), begin) == failure_after(1));
    for (int count = 0; count < 7; ++count)
        CHECK_FALSE(subject.admit(failure_after(2), begin + 2s));
    CHECK(subject.admit(failure_after(9), begin + 1min) ==
          failure_after(9) + " (and 7 times since the last line)");
}

TEST_CASE("repeated line: what changes, or fails again after it went well, is told at once",
          "[agent]") {
    repeated_line subject;
    CHECK(subject.admit("one", begin));
    CHECK(subject.admit("another", begin + 1s));
    CHECK(subject.admit("one", begin + 2s));
    CHECK_FALSE(subject.admit("one", begin + 3s));
    subject.reset();
    CHECK(subject.admit("one", begin + 4s) == "one");
    CHECK(subject.admit("one after another ms", begin + 5s));
    CHECK(subject.admit("one after 12 minutes", begin + 6s));
    CHECK(subject.admit("one after 13 minutes", begin + 7s)); // not a time that it took
    CHECK(subject.admit("one after ", begin + 8s));
}
