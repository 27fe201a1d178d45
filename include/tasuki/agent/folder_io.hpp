#pragma once
// A folder that belongs to this program alone: made with mode 0700 if it is absent, refused if
// somebody else could change what lies in it (a symbolic link, a foreign owner, a mode that lets
// others write, a parent that lets others rename it). See open(2), O_NOFOLLOW.
//
// It never repairs what it finds: a wrong owner or mode is the operator's to explain.

#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <string>

namespace tasuki::agent {

/// The open folder, for openat and its kin, so that a later rename does not lead elsewhere.
[[nodiscard]] result<unique_fd> open_private_folder(std::string const& path);

/// Takes FOLDER/NAME as a lock for this process's life; `conflict` names the process that has it.
/// Two programs that share a folder would each overwrite the other's promises.
[[nodiscard]] result<unique_fd> lock_folder(unique_fd const& folder, std::string const& path,
                                            std::string const& name);

/// `what PATH: reason`, and where there is one the remedy: space, mount, rights.
[[nodiscard]] problem disk_problem(int number, std::string const& what, std::string const& folder,
                                   std::string const& file);

} // namespace tasuki::agent
