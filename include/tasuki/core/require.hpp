#pragma once
// TASUKI_REQUIRE(condition): a broken invariant is a bug of ours. Always on; prints and aborts.
// An abort must be safe: the lease is not renewed, so the address and the right to write lapse.

namespace tasuki {

[[noreturn]] void requirement_broken(char const* condition, char const* file, int line);

} // namespace tasuki

#define TASUKI_REQUIRE(condition)                                                                  \
    (static_cast<bool>(condition) ? static_cast<void>(0)                                           \
                                  : ::tasuki::requirement_broken(#condition, __FILE__, __LINE__))
