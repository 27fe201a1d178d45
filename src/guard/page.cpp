#include "tasuki/guard/page.hpp"

#include <algorithm>

namespace tasuki::guard {

namespace {

constexpr unsigned standing_bits = 2;
constexpr std::uint64_t standing_mask = (1U << standing_bits) - 1;

instant instant_of(std::int64_t nanoseconds) {
    return instant{duration{nanoseconds}};
}

} // namespace

std::uint64_t encode(slot_word what) {
    return what.under.value() << standing_bits | static_cast<std::uint64_t>(what.at);
}

slot_word decode(std::uint64_t word) {
    auto const at = word & standing_mask;
    // The fourth pattern is never written: it must not pass for "idle".
    return {at <= 2 ? static_cast<standing>(at) : standing::seized, epoch{word >> standing_bits}};
}

bool slot::open(epoch under, instant deadline) {
    auto seen = word_.load(std::memory_order_acquire);
    for (;;) {
        auto const now = decode(seen);
        if (now.at == standing::seized && under <= now.under)
            return false;
        // The deadline first: whoever sees the slot open sees this one or a later one.
        deadline_ns_.store(deadline.time_since_epoch().count(), std::memory_order_release);
        if (word_.compare_exchange_weak(seen, encode({standing::open, under}),
                                        std::memory_order_acq_rel))
            return true;
    }
}

bool slot::extend(epoch under, instant deadline) {
    slot_word const wanted{standing::open, under};
    if (look() != wanted)
        return false;
    deadline_ns_.store(deadline.time_since_epoch().count(), std::memory_order_seq_cst);
    return decode(word_.load(std::memory_order_seq_cst)) == wanted;
}

void slot::close(epoch under) {
    auto open_word = encode({standing::open, under});
    word_.compare_exchange_strong(open_word, encode({standing::idle, under}),
                                  std::memory_order_acq_rel);
}

instant slot::due() const {
    if (look().at != standing::open)
        return never;
    auto const deadline = deadline_ns_.load(std::memory_order_seq_cst);
    return deadline == never.time_since_epoch().count() ? never : instant_of(deadline) - head_start;
}

bool slot::seize() {
    auto seen = word_.load(std::memory_order_acquire);
    for (;;) {
        auto const now = decode(seen);
        if (now.at != standing::open)
            return false;
        if (word_.compare_exchange_weak(seen, encode({standing::seized, now.under}),
                                        std::memory_order_seq_cst))
            return true;
    }
}

slot_word slot::look() const {
    return decode(word_.load(std::memory_order_acquire));
}

instant next_due(deadline_page const& page) {
    instant when = never;
    for (auto const& each : page.slots)
        when = std::min(when, each.due());
    return when;
}

bool seize_all(deadline_page& page) {
    bool any = false;
    for (auto& each : page.slots)
        any = each.seize() || any;
    return any;
}

} // namespace tasuki::guard
