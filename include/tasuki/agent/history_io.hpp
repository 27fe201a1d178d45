#pragma once
// The history's file in the state folder: history.jsonl, one operation a line, appended at each
// change of one. At its bound it becomes history.old.jsonl and a new one begins. On the front
// thread only.
//
// It is told, not trusted: nothing is decided from it, so it is not fsynced, a line that cannot be
// read is skipped and counted, and a failure is reported and never fatal.

#include "tasuki/agent/history.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <cstddef>
#include <string>

namespace tasuki::agent {

struct loaded_history {
    history operations;
    std::size_t lines_skipped = 0;
};

class history_file {
  public:
    /// `folder` is the state folder; the file is made at the first append.
    [[nodiscard]] static result<history_file> open(std::string folder,
                                                   std::size_t bytes_max = 4UL * 1024 * 1024);

    /// At start: both files, the older first.
    [[nodiscard]] result<loaded_history> load() const;
    [[nodiscard]] result<void> append(operation const& changed);

  private:
    history_file(unique_fd folder, std::string path, std::size_t bytes_max);
    [[nodiscard]] result<void> open_file();
    [[nodiscard]] result<void> rotate();
    [[nodiscard]] result<void> write(std::string_view text);

    unique_fd folder_;
    std::string path_;
    std::size_t bytes_max_;
    unique_fd file_;
    std::size_t bytes_ = 0;  ///< of the file, while it is open
    bool cut_short_ = false; ///< it does not end with a line's end
};

} // namespace tasuki::agent
