#pragma once
// The page that an agent shares with its guardian: until when each group may be served here.
//
// Two processes read and write it without locks, so it is made of 64-bit atomics only. The agent
// opens a slot before the address is there, moves its deadline with each renewal, and makes it idle
// when the address is gone. The guardian, when a deadline is near or the agent is gone, seizes the
// slot by compare-and-swap, and only then acts. Whoever comes second sees that it is too late: a
// seized epoch is never served again. Deadlines are CLOCK_BOOTTIME.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/time.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tasuki::guard {

inline constexpr std::size_t slots_max = 64; ///< groups of one node
/// The guardian acts this long before the lease is over: what it does takes time.
inline constexpr duration head_start = milliseconds{5};

enum class standing : std::uint8_t {
    idle,   ///< not served here
    open,   ///< served until the deadline
    seized, ///< ended by the guardian
};

struct slot_word {
    standing at = standing::idle;
    epoch under;
    friend bool operator==(slot_word const&, slot_word const&) = default;
};
[[nodiscard]] std::uint64_t encode(slot_word);
[[nodiscard]] slot_word decode(std::uint64_t);

/// One group. A page of zeros has only idle slots.
class slot {
  public:
    // The agent's side. False: the guardian has seized this epoch.
    [[nodiscard]] bool open(epoch under, instant deadline);
    [[nodiscard]] bool extend(epoch under, instant deadline);
    void close(epoch under);

    // The guardian's side.
    /// When it has to act; `never` if the group is not served here.
    [[nodiscard]] instant due() const;
    /// Ends whatever is open now; false if nothing is.
    bool seize();

    [[nodiscard]] slot_word look() const;

  private:
    std::atomic<std::uint64_t> word_{0};
    std::atomic<std::int64_t> deadline_ns_{0};
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    static_assert(std::atomic<std::int64_t>::is_always_lock_free);
};

struct deadline_page {
    std::array<slot, slots_max> slots;
};

/// The earliest of all slots.
[[nodiscard]] instant next_due(deadline_page const&);
/// Seizes every open slot; true if there was one. One that is late is a sign that the agent does
/// not act, so that none of them can be left to it.
bool seize_all(deadline_page&);

} // namespace tasuki::guard
