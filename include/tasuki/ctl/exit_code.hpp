#pragma once
// What the command ends with. Scripts rely on these numbers: they never change.

#include <string_view>

namespace tasuki::ctl {

enum class exit_code : int {
    done = 0,
    failed = 1,        ///< something was changed, or may have been, and it did not end well
    usage = 2,         ///< the command line is wrong
    refused = 3,       ///< refused, nothing was changed
    aborted = 4,       ///< "no" at the prompt
    still_running = 5, ///< timed out; the operation goes on
    unreachable = 6,   ///< no agent, or no quorum
    invalid_configuration = 7,
    needs_yes = 8, ///< would have to ask, but nobody is there
    degraded = 10, ///< of `status` only
    down = 11,     ///< of `status` only
};

/// For a refusal of the API: its HTTP status and its code word. A change that was not
/// answered in time may go on; a question has not been answered.
[[nodiscard]] exit_code exit_for_refusal(unsigned status, std::string_view code, bool changes);
/// For an operation that has ended: done, failed, refused, interrupted.
[[nodiscard]] exit_code exit_for_operation(std::string_view state);
/// For the health word of the status document.
[[nodiscard]] exit_code exit_for_health(std::string_view word);

} // namespace tasuki::ctl
