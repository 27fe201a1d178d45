#pragma once
// Which backend gets the next connection?
//
// Weights are relative, 0 to 256; who has none gets no new connection. `round_robin` is smooth
// (each choice adds the weights and takes the largest sum off, as nginx does), so that a heavy
// backend is not chosen many times in a row. `least_connections` and `random_two` (two draws by
// weight, the one with less to do; Mitzenmacher 2001) compare sessions per weight. `source` keeps a
// client on one backend by a ring (Karger 1997): when one of n leaves, its keys move and no others.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::lb {

enum class balance : std::uint8_t { round_robin, least_connections, random_two, source };
[[nodiscard]] std::string_view to_string(balance);

inline constexpr unsigned weight_max = 256;

/// What a choice needs to know of a backend at this moment.
struct candidate {
    unsigned weight = 0; ///< effective; 0: no new connections
    std::uint32_t sessions = 0;
    bool is_full = false;
};

class schedule {
  public:
    /// `seed` makes the draws; the names place the backends on the ring, in the order in which the
    /// candidates will come. Weights are those of the configuration.
    struct member {
        std::string name;
        unsigned weight = 0;
        friend bool operator==(member const&, member const&) = default;
    };
    schedule(balance how, std::vector<member> const& members, std::uint64_t seed);

    /// The index of the chosen one; nothing if nobody can take a connection. `key` is the hash of
    /// what `source` goes by.
    [[nodiscard]] std::optional<std::size_t> choose(std::span<candidate const>, std::uint64_t key);

  private:
    using choice = std::optional<std::size_t>;
    choice by_turns(std::span<candidate const>);
    choice by_load(std::span<candidate const>);
    choice by_two_draws(std::span<candidate const>);
    choice by_ring(std::span<candidate const>, std::uint64_t key) const;
    choice draw(std::span<candidate const>, std::uint64_t total);
    std::uint64_t random();

    struct point {
        std::uint64_t place;
        std::uint32_t member;
    };
    balance how_;
    std::vector<std::int64_t> sums_; ///< of smooth turns
    std::vector<point> ring_;
    std::size_t first_ = 0; ///< where the search for the least load begins: ties take turns
    std::uint64_t random_;
};

/// Of an address or a name; the same on every balancer.
[[nodiscard]] std::uint64_t hash_of(std::string_view bytes);

} // namespace tasuki::lb
