#pragma once
// The file with what operators have changed by command, in a folder that is ours alone. A change is
// durable before it is answered; a file that cannot be read is put aside, never overwritten.

#include "tasuki/balancer/shared_wishes.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <string>

namespace tasuki::balancer {

class wishes_store {
  public:
    /// Makes the folder if there is none, and takes it for this process's life.
    [[nodiscard]] static result<wishes_store> open(std::string const& folder);

    struct loaded {
        shared_wishes all;
        std::string trouble; ///< why nothing was read, and where the file is now
    };
    [[nodiscard]] result<loaded> load();
    [[nodiscard]] result<void> save(shared_wishes const&);

  private:
    wishes_store(std::string path, unique_fd folder, unique_fd lock);
    std::string path_;
    unique_fd folder_;
    unique_fd lock_;
};

} // namespace tasuki::balancer
