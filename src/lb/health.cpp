#include "tasuki/lb/health.hpp"

#include "tasuki/lb/schedule.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::lb {

std::string_view to_string(health it) {
    constexpr std::string_view names[] = {"unknown", "up", "down"};
    return names[static_cast<std::size_t>(it)];
}

health_state begin_checks(health_rules const& rules, std::string_view name, instant now) {
    health_state out;
    auto const interval = static_cast<std::uint64_t>(rules.interval.count());
    out.check_at = now + duration{static_cast<duration::rep>(hash_of(name) % interval)};
    return out;
}

bool checked(health_state& it, health_rules const& rules, check_result result, instant now) {
    it.failed_connects = 0;
    bool const agrees = result.good ? it.now == health::up : it.now == health::down;
    it.in_a_row = agrees ? 0 : it.in_a_row + 1;
    if (!result.good)
        it.why = std::move(result.why);
    unsigned const needed = result.good ? (it.now == health::unknown ? 1 : rules.rise) : rules.fall;
    bool const changes = !agrees && it.in_a_row >= needed;
    if (changes) {
        it.now = result.good ? health::up : health::down;
        it.in_a_row = 0;
        it.changed_at = now;
    }
    it.check_at = now + (it.in_a_row > 0 ? rules.fast_interval : rules.interval);
    return changes;
}

void connected(health_state& it, health_rules const& rules, bool good, instant now) {
    it.failed_connects = good ? 0 : it.failed_connects + 1;
    if (it.failed_connects >= rules.failed_connects)
        it.check_at = std::min(it.check_at, now);
}

bool is_own_fault(std::size_t up, std::size_t all, std::size_t before) {
    return up == 0 && all > 1 && before == all;
}

} // namespace tasuki::lb
