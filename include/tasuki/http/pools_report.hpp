#pragma once
// What the load balancer of a node tells the agent beside it, and that agent the others: its pools,
// what was commanded, and what the balancers share, which only they read.
//
// As text it is JSON. Who reads it takes keys that are missing for their defaults, because balancer
// and agent may be of different versions, and bounds the rest: a text is taken whole or not at all.

#include "tasuki/core/result.hpp"
#include "tasuki/http/pools_view.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::http {

/// Of all pools of a node together. Those beyond are served, and not told.
inline constexpr std::size_t report_backends_max = 250;
inline constexpr std::size_t report_wishes_max = 40'000; ///< bytes
inline constexpr std::size_t report_bytes_max = 180'000; ///< of the text: agents pass it on

/// What an operator has done to a backend, for the history.
struct pool_deed {
    std::string pool;
    std::string backend;
    std::string what; ///< "drain", "weight 20", "add 10.77.0.24:8080", "remove"
    std::string by;
    std::int64_t wall_ms = 0; ///< when
    friend bool operator==(pool_deed const&, pool_deed const&) = default;
};

/// A master that is about to be closed: the balancer begins no more statements there.
struct held_master {
    std::string group;
    std::uint64_t epoch = 0;    ///< its own
    std::uint32_t sessions = 0; ///< that are still to leave it
    friend bool operator==(held_master const&, held_master const&) = default;
};

struct pools_report {
    std::string node; ///< whose; empty: of the node where it is told
    std::vector<pool_view> pools;
    std::vector<pool_deed> deeds; ///< since the last report
    std::vector<held_master> held;
    std::string wishes; ///< empty: too many to be shared, or none
    friend bool operator==(pools_report const&, pools_report const&) = default;
};

/// Leaves out what is over a bound, and says so in the trouble of the pools concerned: what it
/// returns can be told.
[[nodiscard]] pools_report bounded(pools_report);

[[nodiscard]] std::string to_json(pools_report const&);
[[nodiscard]] result<pools_report> parse_pools_report(std::string_view);

} // namespace tasuki::http
