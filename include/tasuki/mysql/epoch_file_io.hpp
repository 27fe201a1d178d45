#pragma once
// The highest epoch that the agent has obeyed for its mysqld, on disk before it obeys.
//
// One decimal number in one file, replaced by rename; file and folder are fsynced. After a failed
// fsync the file is never believed or written again in this life, and every order is refused.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"

#include <string>

namespace tasuki::mysql {

class epoch_file {
  public:
    /// Reads what is there; an absent file is epoch zero, a malformed one is a failure.
    [[nodiscard]] static result<epoch_file> open(std::string path);

    [[nodiscard]] epoch highest() const { return highest_; }
    /// Refuses an older epoch; writes a newer one and returns once it is durable.
    [[nodiscard]] result<void> obey(epoch value);

  private:
    std::string path_;
    epoch highest_;
    bool failed_ = false;
};

} // namespace tasuki::mysql
