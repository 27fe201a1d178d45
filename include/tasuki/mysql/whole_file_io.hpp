#pragma once
// A small file read as a whole, where reading may fail at any byte: /proc/PID/stat of a process
// that has just ended, or a folder that an option file includes as a file. Streams throw there
// (libstdc++, basic_filebuf::underflow), and an agent must not die of its server's death.

#include "tasuki/core/result.hpp"

#include <cstddef>
#include <string>

namespace tasuki::mysql {

/// More than any option file or file of /proc/PID that is read here.
inline constexpr std::size_t whole_file_max = 1024 * 1024;

/// The rest of an open file. `failure::exhausted` if it is longer than `whole_file_max`.
[[nodiscard]] result<std::string> read_rest(int descriptor, std::string const& name);

/// Never waits for the other end of a pipe. `failure::absent` if there is no such file.
[[nodiscard]] result<std::string> read_whole_file(std::string const& path);

} // namespace tasuki::mysql
