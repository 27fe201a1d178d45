#pragma once
// The program that runs, and another one in its place: execve(2) in the same process.
//
// The process keeps its id, so that a service manager sees no end, and what the kernel keeps for it
// stays. All descriptors are closed but those that are handed on, and a memory without a name with
// what the new program inherits (memfd_create(2)).

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/result.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki {

/// The option that the new program gets, with the number of a descriptor.
inline constexpr std::string_view inherit_option = "--inherit";
/// The option with which it only says what it would be.
inline constexpr std::string_view check_option = "--check";

struct program {
    std::string path; ///< where the file lies, also after it was replaced
    std::vector<std::string> arguments;
};
/// What runs now; `arguments` as given to main, an `--inherit` among them left out.
[[nodiscard]] result<program> this_program(int count, char const* const* arguments);

/// Returns only if it could not be done; nothing has changed then. The calling thread becomes the
/// new program's first, with ordinary priority and no signal blocked. `kept` are the descriptors
/// that stay open; negative ones are none.
[[nodiscard]] problem replace_program(program const&, byte_view estate, std::span<int const> kept);
/// What the program before this one has left in the descriptor, which is closed.
[[nodiscard]] result<byte_string> read_estate_bytes(int descriptor);
/// Of what was handed on: it is not to reach any other program.
void keep_private(std::span<int const> descriptors);

/// Runs it with `--check`, for at most five seconds, and returns what it printed. A problem has the
/// text of its error. Blocks.
[[nodiscard]] result<std::string> check_program(program const&);

} // namespace tasuki
