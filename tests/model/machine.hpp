#pragma once
// One machine of the explored cluster: the real election core with its disk, its page of stamped
// grants and its address, and everything that can happen to it.
//
// Time is relative: the machine's own clock always shows `present`, and when time passes, all its
// instants move towards the past instead. An instant that is over becomes `long_ago`: only whether
// it is over can matter then. So two histories that leave the same future behind are one state.

#include "tasuki/election/machine.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::model {

inline constexpr instant present = instant{std::chrono::hours{1}};
/// Renewals are numbered from the newest: it always has this number. One `renewals_known` older is
/// longer ago than a lease, so its grant counts no more.
inline constexpr std::uint64_t newest_renewal = 63;
inline constexpr std::uint64_t renewals_known = 3;
inline constexpr std::size_t nodes_max = 5;

/// Kinds of faults, one bit each.
enum class fault : std::uint8_t {
    lose,
    delay,
    again, ///< a datagram arrives, and comes again later
    pause,
    mute,
    deaf,
    cut,
    kill,
    reboot,
    forget, ///< a reboot that loses the state
    slow_disk,
    slow_close,
    full_disk,
    broken_disk,
    clock, ///< one runs at a quarter of its rate, and its agent learns of it
};
inline constexpr std::string_view fault_names[] = {
    "lose",   "delay",  "again",     "pause",      "mute",      "deaf",        "cut",  "kill",
    "reboot", "forget", "slow-disk", "slow-close", "full-disk", "broken-disk", "clock"};
[[nodiscard]] constexpr std::uint32_t bit_of(fault it) {
    return 1U << static_cast<unsigned>(it);
}
inline constexpr std::uint32_t usual_faults = bit_of(fault::full_disk) - 1;

/// How the world is cut into few steps, and where it ends.
struct bounds {
    std::size_t nodes = 3;
    std::size_t observers = 0;  ///< the first so many have no vote
    std::size_t candidates = 2; ///< the others only vote
    election::lease_terms terms{milliseconds{10'000}, milliseconds{500}, 0.2};
    duration interval = milliseconds{3'000};
    duration slow_step = milliseconds{3'334}; ///< what a slow clock counts in one step of time
    duration fast_step = milliseconds{5'000};
    std::uint64_t last_epoch = 3;
    unsigned restarts = 2; ///< of all machines together
    unsigned writes = 1;   ///< wishes of the operator to change the record
    unsigned hand_overs = 1;
    bool any_order = false;              ///< what is due at one instant happens in every order
    unsigned faults = 2;                 ///< deviations from a run in which everything works
    std::uint32_t faulty = usual_faults; ///< which kinds: few of them allow a deep search
    bool unfounded = false;              ///< it may begin where nobody has any state
    bool apart = false;             ///< what is said at one instant travels in several datagrams
    std::optional<unsigned> clocks; ///< one bit a machine whose clock is fast; else every choice
};

[[nodiscard]] inline node_id node_of(std::size_t index) {
    return node_id{static_cast<std::uint32_t>(index) + 1};
}
[[nodiscard]] inline std::size_t index_of(node_id node) {
    return node.value() - 1;
}
[[nodiscard]] inline std::string name_of(std::size_t index) {
    return std::string(1, static_cast<char>('A' + index));
}
[[nodiscard]] inline incarnation life_of(std::size_t index, unsigned life) {
    return incarnation{(index + 1) * 100 + life};
}
/// The wish of the operator that a record has obeyed last; they are numbered.
[[nodiscard]] inline std::uint64_t wish_in(election::record const& it) {
    return it.operation.value();
}

struct pending_write {
    std::vector<std::uint64_t> tickets;
    election::durable_state content;
};

struct machine {
    bool up = false;
    unsigned life = 0;
    election::state elect;
    std::optional<election::durable_state> disk;
    std::vector<pending_write> writes; ///< the first is on its way, the second waits
    bool slow_disk = false;
    std::optional<election::live_grant> stamp;
    bool stamp_known = false; ///< the page holds every grant of this boot
    instant vouch_at = never;
    instant address_until = long_ago; ///< this machine answers for the address until then
    epoch closing;                    ///< asked to stop serving, and has not yet
    bool slow_close = false;
    bool clock_off = false;
    instant wake = never;

    [[nodiscard]] bool answers() const { return address_until > present; }
};

struct datagram {
    std::size_t from = 0;
    std::size_t to = 0;
    std::vector<election::message> entries;
};

enum class deed : std::uint8_t {
    wake,       ///< a timer that is due is noticed
    hear,       ///< a datagram
    disk_done,  ///< the write on its way is on disk
    disk_fails, ///< it is not; `argument` = 1: the disk is broken, not full
    clock_off,
    found_cluster, ///< the operator says so, where nobody has any state
    close_done,    ///< the address is gone
    write,         ///< the operator changes the record; `argument` numbers his wish
    hand_over,     ///< the operator asks for another holder; `argument` is its index
    kill,          ///< the agent dies; `argument` & 1: the write on its way is on disk
    reboot,        ///< the machine dies; & 1 as above, & 2: and its state is lost
    boot,
    slow_disk,
    slow_close,
    elapse, ///< `argument` = 1: on a fast clock
};

/// What the checks of the whole world need to know of one deed.
struct findings {
    bool renewed = false; ///< a renewal has left: all older ones are one further in the past
    epoch claimed;        ///< a majority has promised this epoch
    epoch served;         ///< the address was opened or prolonged under this epoch
    bool opened = false;
    bool claims = false; ///< an attempt that uses up an epoch has begun, and nobody named us
    std::uint64_t served_wish = 0;
    struct commit {
        std::pair<epoch, record_version> order;
        std::uint64_t wish = 0;
    };
    std::vector<commit> commits;
    epoch released;
    epoch given_back; ///< a promise of this epoch, to this node, by its own claimant
    node_id given_back_by;
    char const* violation = nullptr; ///< of what one machine alone must never do
};

/// What one deed at one machine leads to.
struct reaction {
    machine after;
    std::vector<datagram> letters;
    findings found;
};

[[nodiscard]] reaction react(machine const&, std::size_t index, deed, std::uint64_t argument,
                             datagram const* heard, bounds const&);

/// Forgets what cannot influence the future, and orders what has no order.
void normalise(machine&, bounds const&);
[[nodiscard]] byte_string encode(machine const&);
[[nodiscard]] byte_string encode(datagram const&);
/// False if it is the grant of a renewal that left so long ago that it is over.
[[nodiscard]] bool has_effect(election::message const&);

} // namespace tasuki::model
