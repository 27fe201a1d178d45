#pragma once
// What an agent leaves to the program that takes its place in the same process (execve(2)): its
// leases as values, and its connection to the guardian. The kernel keeps addresses, gate and mysqld
// as they are.

#include "tasuki/agent/inheritance.hpp"
#include "tasuki/core/program_io.hpp"

#include <cstddef>
#include <cstdint>
#include <map>

namespace tasuki::agent {

/// The connection to the guardian, for which nothing must end.
struct guard_place {
    int socket = -1; ///< -1: no guardian is there
    int page = -1;
    std::uint64_t serial = 0; ///< of the last orders
    std::map<group_id, std::size_t> slots;
    friend bool operator==(guard_place const&, guard_place const&) = default;
};

struct estate {
    inheritance left;
    guard_place guard;
};

/// As `tasuki::replace_program`.
[[nodiscard]] problem replace_program(program const&, estate const&);
/// What the program before this one has left in the descriptor, which is closed.
[[nodiscard]] result<estate> read_estate(int descriptor);

} // namespace tasuki::agent
