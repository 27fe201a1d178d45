#pragma once
// The routing rule that makes a silent master unreachable at once.
//
// A replica that stops its receiver first tries to say goodbye to the master; if that one is silent
// this takes 2 to 24 s. With a rule `to MASTER ipproto tcp dport PORT unreachable` it takes 2 ms.
// The rule is ours by its priority and protocol number, so leftovers of a crash are found and
// removed at start, and rules of others are never touched. Reference: ip-rule(8), fib_rules.h.

#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tasuki::mysql {

inline constexpr std::uint32_t freeze_rule_priority = 77;
inline constexpr std::uint8_t freeze_rule_protocol = 177; ///< RTA_PROTO of `rt_protos`, unassigned

/// Idempotent: a rule for `master` that is already there stays.
[[nodiscard]] result<void> block_master(endpoint const& master);
/// Idempotent: no rule, no error.
[[nodiscard]] result<void> unblock_master(endpoint const& master);
/// What is blocked now.
[[nodiscard]] result<std::vector<endpoint>> blocked_masters();
/// Removes every rule of ours; returns how many.
[[nodiscard]] result<std::size_t> unblock_all();

} // namespace tasuki::mysql
