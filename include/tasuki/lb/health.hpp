#pragma once
// Is this backend fit for connections? Checks and sessions tell; this decides, and says when to
// look again.
//
// `rise` good checks in a row make it up, `fall` bad ones down; while the two disagree checks come
// at the fast interval. A backend that was never checked is unknown, and one good check makes it
// up. Failed connections of clients (passive) bring the next check forward, and never decide alone:
// a client may be at fault. Checks of many backends are spread over the interval by their names.

#include "tasuki/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::lb {

enum class health : std::uint8_t { unknown, up, down };
[[nodiscard]] std::string_view to_string(health);

struct health_rules {
    duration interval = milliseconds{1000};
    duration fast_interval = milliseconds{200}; ///< while what is seen is not what is believed
    unsigned rise = 2;
    unsigned fall = 3;
    unsigned failed_connects = 3; ///< of clients, in a row, that bring the next check forward
    friend bool operator==(health_rules const&, health_rules const&) = default;
};

struct health_state {
    health now = health::unknown;
    unsigned in_a_row = 0; ///< checks that contradict `now`
    unsigned failed_connects = 0;
    instant check_at = long_ago;
    instant changed_at = long_ago;
    std::string why; ///< of the last check that failed
    template<class Archive>
    void members(Archive& it) {
        it(now, in_a_row, failed_connects, check_at, changed_at, why);
    }
};

/// The first check of `name` comes within one interval, always at the same place in it.
[[nodiscard]] health_state begin_checks(health_rules const&, std::string_view name, instant now);

/// What a server of MySQL says of itself.
struct server_seen {
    bool read_only = false;
    bool applies = false; ///< receives and applies what another one writes
    std::optional<milliseconds> lag;
    std::string why; ///< it cannot be seen
    friend bool operator==(server_seen const&, server_seen const&) = default;
    template<class Archive>
    void members(Archive& it) {
        it(read_only, applies, lag, why);
    }
};
struct check_result {
    bool good = false;
    std::string why;                   ///< empty if good
    std::optional<server_seen> seen{}; ///< if it was asked for
};
/// True if the health has changed.
bool checked(health_state&, health_rules const&, check_result, instant now);
/// A client's connection to the backend succeeded, or did not.
void connected(health_state&, health_rules const&, bool good, instant now);

/// If everything seems to fail at once it is more likely the balancer: its link, its own limits.
/// Then all are used as before, and it is said. `up` of `all`; `before` were up one interval ago.
[[nodiscard]] bool is_own_fault(std::size_t up, std::size_t all, std::size_t before);

} // namespace tasuki::lb
