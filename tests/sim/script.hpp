#pragma once
// What goes wrong, and when: a list drawn from the seed before anything happens, that can be
// written down, shortened and played again.
//
// One line a fault: `12345.678901 pause 1 0 2500000000`: milliseconds, the word, then numbers whose
// meaning is said at the word. An era of faults ends with `heal`: everything is mended, and service
// has to come back within `settle_limit` and stay.

#include "shape.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::sim {

enum class trouble : std::uint8_t {
    crash,        ///< machine; bits: 1 it reboots, 2 it forgets, 4 a write under way is on disk
    boot,         ///< every machine that is down
    restart,      ///< machine; bits as of crash: down and up again at once
    retire,       ///< machine: its agent is asked to end, and started anew
    pause,        ///< machine, -, ns: its agent is stopped, its clock goes on
    halt,         ///< machine, -, ns: all of it stops, the clock too
    cut,          ///< machine, machine: one way
    part,         ///< machine, machine: both ways
    isolate,      ///< machine
    mend,         ///< all links
    loss,         ///< percent lost, percent doubled
    delay,        ///< most in ns, percent that come up to five seconds late
    damage,       ///< percent of datagrams damaged
    stall,        ///< machine, -, ns: what it sends is queued, what is sent to it is lost
    replay,       ///< machine, datagrams: old ones come again
    slow_disk,    ///< percent of writes, and of servers that take long to be closed
    full_disk,    ///< percent of writes
    broken_disk,  ///< percent of writes
    no_removal,   ///< percent of removals of the address that fail
    wrong_file,   ///< machine, voters as bits: it is started with another list of voters
    wrong_terms,  ///< machine, lease in ms: it is started with another lease
    right_files,  ///< everywhere
    clock,        ///< machine, parts per million beyond the bound, ns
    link,         ///< machine, up
    server_crash, ///< machine, commits not on disk, 1: a master is up again before anybody sees it
    server_boot,  ///< machine
    move,         ///< group, machine: the operator's switchover
    commits,      ///< a burst of them
    replace,      ///< machine, -, ns: its agent's program, which takes that long to be there again
    rotate,       ///< machine, nodes: the next sweep of a key rotation, begun there, by so many
    voters,       ///< machine, node, node or -1: who votes is to vote no more, and the reverse
    heal,         ///< 0, or 1 + machine: all is mended, but this one dies soon and stays down
};

/// In the place of a machine: whoever answers for this group when the fault comes, from here on.
inline constexpr std::int64_t holder_of = 100;

struct fault {
    world_time when = 0;
    trouble what = trouble::mend;
    std::array<std::int64_t, 3> with{};
    friend bool operator==(fault const&, fault const&) = default;
};
using script = std::vector<fault>;
/// Whether the first number is a machine.
[[nodiscard]] bool names_machine(trouble);

/// Faults end, and service has to be back this much later.
inline constexpr world_time settle_limit = 60 * second;

[[nodiscard]] script make_script(std::uint64_t seed, shape const&, world_time ends_at);
[[nodiscard]] std::string to_text(script const&);
/// Lines that begin with # are skipped. Throws std::invalid_argument with the line.
[[nodiscard]] script parse_script(std::string_view text);

} // namespace tasuki::sim
