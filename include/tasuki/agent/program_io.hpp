#pragma once
// The program that runs, and another one in its place: execve(2) in the same process.
//
// The process keeps its id, so that the service manager and the guardian see no end; the kernel
// keeps addresses, gate and mysqld as they are. All descriptors are closed but those that are
// handed on: the guardian's socket and page, and a memory without a name with what is inherited
// (memfd_create(2)).

#include "tasuki/agent/inheritance.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::agent {

/// The option that the new program gets, with the number of a descriptor.
inline constexpr std::string_view inherit_option = "--inherit";
/// The option with which it only says what it would be: see `identity_of`.
inline constexpr std::string_view check_option = "--check";

struct program {
    std::string path; ///< where the file lies, also after it was replaced
    std::vector<std::string> arguments;
};
/// What runs now; `arguments` as given to main, an `--inherit` among them left out.
[[nodiscard]] result<program> this_program(int count, char const* const* arguments);

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

/// Returns only if it could not be done; nothing has changed then. The calling thread becomes the
/// new program's first, with ordinary priority and no signal blocked.
[[nodiscard]] problem replace_program(program const&, estate const&);
/// What the program before this one has left in the descriptor, which is closed.
[[nodiscard]] result<estate> read_estate(int descriptor);

/// Runs it with `--check`, for at most five seconds, and returns what it printed. A problem has the
/// text of its error. Blocks.
[[nodiscard]] result<std::string> check_program(program const&);

} // namespace tasuki::agent
