#pragma once
// The house rules that a program can check, each a function of one source.
//
// A rule returns what it found as "path:line: what; remedy", and nothing for a tidy source. What a
// place is allowed in spite of a rule stands in the one table of exceptions in rules.cpp.

#include "source_text.hpp"

#include <string>
#include <vector>

namespace tidy {

using findings = std::vector<std::string>;

/// Pure files (no _io, no main.cpp) include nothing of the world and no _io header.
[[nodiscard]] findings find_impure_includes(source const&);
/// A room includes only core and itself; agent includes all, balancer some.
[[nodiscard]] findings find_strange_rooms(source const&);
/// Clocks are read in _io files only.
[[nodiscard]] findings find_clock_reads(source const&);
/// No shell, no sleeping thread.
[[nodiscard]] findings find_banned_calls(source const&);
/// What g++ 12 miscompiles: braces without a constructor and capturing lambdas in co_await.
[[nodiscard]] findings find_fragile_awaits(source const&);
/// Files, headers, lines and functions of a size that can be read.
[[nodiscard]] findings find_large_pieces(source const&);
/// A header opens with #pragma once and a comment.
[[nodiscard]] findings find_missing_charter(source const&);
/// No notes to oneself, and nothing about one machine.
[[nodiscard]] findings find_leftovers(source const&);

} // namespace tidy
