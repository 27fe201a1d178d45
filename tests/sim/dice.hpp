#pragma once
// Chance, reproducible everywhere: splitmix64, and world time.

#include <cstdint>

namespace tasuki::sim {

/// True time of the world, in nanoseconds from its beginning. No node sees it.
using world_time = std::int64_t;
inline constexpr world_time second = 1'000'000'000;
inline constexpr world_time millisecond = 1'000'000;

class dice {
  public:
    explicit dice(std::uint64_t seed)
        : state_(seed) {}
    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
        return mixed ^ (mixed >> 31U);
    }
    /// Uniform in [0, bound).
    std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
    bool chance(double probability) {
        return static_cast<double>(next() >> 11U) * 0x1.0p-53 < probability;
    }
    world_time between(world_time least, world_time most) {
        return least + static_cast<world_time>(below(static_cast<std::uint64_t>(most - least + 1)));
    }

  private:
    std::uint64_t state_;
};

} // namespace tasuki::sim
