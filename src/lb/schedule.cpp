#include "tasuki/lb/schedule.hpp"

#include <algorithm>

namespace tasuki::lb {

namespace {

// For the usual weight of 100: the shares of the ring are then within some percent of the weights.
constexpr std::uint64_t points_of_weight_100 = 160;

bool can_take(candidate const& it) {
    return it.weight > 0 && !it.is_full;
}

/// splitmix64's finalizer: every bit of the input reaches every bit of the output.
std::uint64_t mixed(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31U);
}

/// One more session would be a smaller load for `one` than for `other`. Exact: no division.
bool is_lighter(candidate const& one, candidate const& other) {
    return (std::uint64_t{one.sessions} + 1) * other.weight <
           (std::uint64_t{other.sessions} + 1) * one.weight;
}

} // namespace

std::string_view to_string(balance how) {
    constexpr std::string_view names[] = {"round_robin", "least_connections", "random_two",
                                          "source"};
    return names[static_cast<std::size_t>(how)];
}

std::uint64_t hash_of(std::string_view bytes) {
    std::uint64_t hash = 14695981039346656037U; // FNV-1a
    for (char const each : bytes)
        hash = (hash ^ static_cast<unsigned char>(each)) * 1099511628211U;
    return mixed(hash);
}

schedule::schedule(balance how, std::vector<member> const& members, std::uint64_t seed)
    : how_(how)
    , sums_(members.size(), 0)
    , random_(seed) {
    if (how != balance::source)
        return;
    for (std::size_t index = 0; index < members.size(); ++index) {
        auto const start = hash_of(members[index].name);
        auto const points = (members[index].weight * points_of_weight_100 + 99) / 100;
        for (std::uint64_t each = 0; each < points; ++each)
            ring_.push_back(
                {mixed(start + each * 0x9e3779b97f4a7c15ULL), static_cast<std::uint32_t>(index)});
    }
    std::sort(ring_.begin(), ring_.end(), [](point const& one, point const& other) {
        return one.place != other.place ? one.place < other.place : one.member < other.member;
    });
}

std::optional<std::size_t> schedule::choose(std::span<candidate const> all, std::uint64_t key) {
    switch (how_) {
    case balance::round_robin:
        return by_turns(all);
    case balance::least_connections:
        return by_load(all);
    case balance::random_two:
        return by_two_draws(all);
    case balance::source:
        return by_ring(all, key);
    }
    return std::nullopt;
}

schedule::choice schedule::by_turns(std::span<candidate const> all) {
    choice best;
    std::int64_t total = 0;
    for (std::size_t index = 0; index < all.size(); ++index) {
        if (!can_take(all[index]))
            continue;
        sums_[index] += all[index].weight;
        total += all[index].weight;
        if (!best || sums_[index] > sums_[*best])
            best = index;
    }
    if (best)
        sums_[*best] -= total;
    return best;
}

schedule::choice schedule::by_load(std::span<candidate const> all) {
    choice best;
    for (std::size_t step = 0; step < all.size(); ++step) {
        auto const index = (first_ + step) % all.size();
        if (can_take(all[index]) && (!best || is_lighter(all[index], all[*best])))
            best = index;
    }
    if (best)
        first_ = *best + 1;
    return best;
}

schedule::choice schedule::by_two_draws(std::span<candidate const> all) {
    std::uint64_t total = 0;
    for (auto const& each : all)
        total += can_take(each) ? each.weight : 0;
    if (total == 0)
        return std::nullopt;
    auto const one = draw(all, total);
    auto const other = draw(all, total);
    return is_lighter(all[*other], all[*one]) ? other : one;
}

schedule::choice schedule::draw(std::span<candidate const> all, std::uint64_t total) {
    auto left = random() % total;
    for (std::size_t index = 0; index < all.size(); ++index) {
        if (!can_take(all[index]))
            continue;
        if (left < all[index].weight)
            return index;
        left -= all[index].weight;
    }
    return std::nullopt;
}

schedule::choice schedule::by_ring(std::span<candidate const> all, std::uint64_t key) const {
    auto const from =
        std::lower_bound(ring_.begin(), ring_.end(), mixed(key),
                         [](point const& each, std::uint64_t place) { return each.place < place; });
    auto const usable = [&](point const& each) { return can_take(all[each.member]); };
    auto const found = std::find_if(from, ring_.end(), usable);
    if (found != ring_.end())
        return found->member;
    auto const wrapped = std::find_if(ring_.begin(), from, usable);
    return wrapped != from ? choice{wrapped->member} : std::nullopt;
}

std::uint64_t schedule::random() {
    random_ += 0x9e3779b97f4a7c15ULL;
    return mixed(random_);
}

} // namespace tasuki::lb
