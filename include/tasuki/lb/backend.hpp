#pragma once
// One backend at this moment: what the operator wants of it, what the checks say, and which share
// of the new connections it gets.
//
// The action on sessions depends on the reason. Dead, or not the master any more: they are cut.
// Wanted out of service, or lagging: they take the ladder (drain.hpp). Only then is one of the two
// `draining` set.

#include "tasuki/core/time.hpp"
#include "tasuki/lb/drain.hpp"
#include "tasuki/lb/follow.hpp"
#include "tasuki/lb/health.hpp"
#include "tasuki/lb/pool.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::lb {

/// `maintenance` is `drain` without health checks: what is down is not told.
enum class administration : std::uint8_t { ready, drain, maintenance };
[[nodiscard]] std::string_view to_string(administration);
[[nodiscard]] std::optional<administration> parse_administration(std::string_view);

struct backend_state {
    administration wanted = administration::ready;
    std::optional<unsigned> weight; ///< by command; else that of the file
    health_state health;
    std::optional<draining> leaving;   ///< by the operator's wish
    std::optional<server_seen> seen;   ///< as its last check that went well saw it
    placement where;                   ///< in the group that its pool follows, or by its own word
    std::optional<draining> displaced; ///< by its place there
    instant served_since = long_ago;   ///< it became usable: slow start counts from here
    template<class Archive>
    void members(Archive& it) {
        it(wanted, weight, health, leaving, seen, where, displaced, served_since);
    }
};

/// Not in service by the operator's wish.
[[nodiscard]] bool is_leaving(backend_state const&);
/// The drain that its sessions are in, if they are in one; of two, the earlier end.
[[nodiscard]] std::optional<draining> drain_of(backend_state const&);
/// New connections may go there.
[[nodiscard]] bool is_usable(backend_state const&);
/// Nobody answers there, or nobody should: its sessions are to be cut.
[[nodiscard]] bool is_dead(backend_state const&, bool own_fault);
[[nodiscard]] unsigned configured_weight(backend_settings const&, backend_state const&);

/// Why it gets no connections, or fewer: empty if it gets its share.
[[nodiscard]] std::string reason_of(backend_settings const&, backend_state const&);

/// The weights of a whole pool. If all seem dead at once (`own_fault`) it is more likely us, and
/// they are used as if they were up; the backups only if no other can be.
[[nodiscard]] std::vector<unsigned> effective_weights(pool_settings const&,
                                                      std::span<backend_state const>,
                                                      bool own_fault, instant now);

/// After a command. Ready again, it begins with its slow start.
void want(backend_state&, administration, instant deadline, instant now);
/// True if it is news. Whoever serves again begins with its slow start.
/// `writes`: sessions have nowhere else to go, and the sooner one is closed, the better.
bool put_in_place(backend_state&, placement, bool writes, duration drain_deadline, instant now);

} // namespace tasuki::lb
