#pragma once
// Reads how the kernel corrects this machine's clock (adjtimex(2)); sets nothing.

#include <optional>

namespace tasuki::agent {

/// In parts per million; nothing where this process may not ask.
[[nodiscard]] std::optional<double> read_clock_correction();

} // namespace tasuki::agent
