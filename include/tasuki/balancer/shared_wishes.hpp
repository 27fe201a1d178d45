#pragma once
// What operators want of the backends, by command, on all balancers of a cluster: pure.
//
// Of each backend three things may have been said: whether it serves, its weight, and that it was
// added or removed. Each is a register whose last writer wins: it carries a stamp, and everywhere
// the value with the greatest stamp counts, in whatever order they arrive and however often. The
// stamp is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): the time of
// day in milliseconds, or one more than all that is known if that is later; then the node's name.
// So what was wanted while a balancer was away reaches it when it is back, a backend that was
// removed is not brought back by who was away, and a new weight does not undo a drain.
//
// As text it is JSON with a number for its form, the same in the file and on the way; whoever reads
// another form refuses it. A text is read whole or not at all.

#include "tasuki/lb/roster.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::balancer {

struct stamp {
    std::uint64_t revision = 0; ///< 0: nothing was ever said
    std::string node;           ///< where the command was given
    friend auto operator<=>(stamp const&, stamp const&) = default;
};
template<class Value>
struct stamped {
    stamp at;
    Value value{};
    friend bool operator==(stamped const&, stamped const&) = default;
};

struct service_wish {
    lb::administration wanted = lb::administration::ready;
    std::optional<duration> deadline; ///< of a drain, from when it is heard of
    friend bool operator==(service_wish const&, service_wish const&) = default;
};
struct backend_words {
    stamped<service_wish> service;
    stamped<std::optional<unsigned>> weight;
    stamped<std::optional<lb::backend_settings>> added; ///< by command; nothing: removed
    friend bool operator==(backend_words const&, backend_words const&) = default;
};
using pool_words = std::map<std::string, backend_words>; ///< by backend
using shared_wishes = std::map<std::string, pool_words>; ///< by pool

/// Removals are remembered for those who were away; of a pool, the last so many.
inline constexpr std::size_t removals_max = 50;

/// The stamp of a command that is given now.
[[nodiscard]] stamp next_stamp(shared_wishes const&, std::string node, std::uint64_t wall_ms);

/// Takes over what is newer, and makes the roster equal to it; returns what was, for the log:
/// "app1: drain, by command on lb1".
std::vector<std::string> merge(pool_words&, pool_words const& told, lb::roster& here, instant now);

/// After another file: what it has no more is wanted no more, what it has itself was not added, and
/// what is new in it is as it was wanted.
void settle(pool_words&, lb::roster& here, instant now);

[[nodiscard]] lb::pool_wishes wishes_in(pool_words const&);

[[nodiscard]] std::string to_text(shared_wishes const&);
[[nodiscard]] result<shared_wishes> parse_shared_wishes(std::string_view text);

} // namespace tasuki::balancer
