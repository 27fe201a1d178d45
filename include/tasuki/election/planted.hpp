#pragma once
// Planted bugs: classic mistakes that the simulator must find, compiled in by a test switch only.
// A build of the product has `planted_bug == bug::none`, and the compiler drops every branch.

namespace tasuki::election {

enum class bug {
    none,
    lease_from_reply,
    no_restart_silence,
    promise_not_durable,
    old_write_accepted,
};

#ifdef TASUKI_PLANTED_BUG
inline constexpr bug planted_bug = static_cast<bug>(TASUKI_PLANTED_BUG);
#else
inline constexpr bug planted_bug = bug::none;
#endif

} // namespace tasuki::election
