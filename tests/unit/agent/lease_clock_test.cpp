// The correction of the clock: what the kernel says, in parts per million.
#include "tasuki/agent/lease_clock.hpp"
#include "tasuki/agent/lease_clock_io.hpp"

#include <catch2/catch.hpp>

using namespace tasuki::agent;

TEST_CASE("clock: the correction is the frequency and the tick together", "[agent]") {
    CHECK(clock_correction_ppm(0, 10'000, 100) == Approx(0.0));
    CHECK(clock_correction_ppm(65536, 10'000, 100) == Approx(1.0));
    CHECK(clock_correction_ppm(-32'768'000, 10'000, 100) == Approx(-500.0));
    CHECK(clock_correction_ppm(0, 10'001, 100) == Approx(100.0));
    CHECK(clock_correction_ppm(0, 9'000, 100) == Approx(-100'000.0));
    CHECK(clock_correction_ppm(-655'360, 10'001, 100) == Approx(90.0));
    CHECK(clock_correction_ppm(0, 1'001, 1000) == Approx(1000.0));
}

TEST_CASE("clock: one clock may be off by half of what two may differ by", "[agent]") {
    CHECK_FALSE(clock_is_too_fast_or_slow(2500.0, 0.005));
    CHECK(clock_is_too_fast_or_slow(2500.1, 0.005));
    CHECK(clock_is_too_fast_or_slow(-2500.1, 0.005));
    CHECK_FALSE(clock_is_too_fast_or_slow(0.0, 0.0));
    CHECK(clock_is_too_fast_or_slow(0.1, 0.0));
}

TEST_CASE("clock: the kernel tells its correction, within what it can do", "[agent]") {
    auto const correction = read_clock_correction();
    if (!correction) {
        WARN("adjtimex is not allowed here");
        return;
    }
    CHECK(*correction > -101'000.0);
    CHECK(*correction < 101'000.0);
}
