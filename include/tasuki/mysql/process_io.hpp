#pragma once
// The mysqld process behind a Unix socket: who it is, whether it lives, and its end.
//
// A life of a server is (boot id, process id, start time): a number that the kernel hands out again
// never passes for the old process. Death is seen on a pidfd, which becomes readable once the
// process is gone; a closed connection alone proves nothing. Reference: pidfd_open(2), unix(7).

#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tasuki::mysql {

/// A pidfd for others to keep: it names one process for ever, also after its end.
using process_handle = std::shared_ptr<unique_fd const>;

class server_process {
  public:
    /// The process that listens on `socket_path`, even if it is stopped and answers nothing.
    /// `failure::absent` if nobody listens there.
    [[nodiscard]] static result<server_process> behind(std::string const& socket_path);

    /// The process at the other end of a connected Unix socket.
    [[nodiscard]] static result<server_process> at_end_of(int descriptor);

    [[nodiscard]] pid_t id() const { return id_; }
    [[nodiscard]] server_incarnation life() const { return life_; }
    /// Readable once the process is gone.
    [[nodiscard]] int descriptor() const { return handle_.get(); }
    [[nodiscard]] bool is_gone() const;
    /// SIGKILL, then waits until the process is gone.
    [[nodiscard]] result<void> kill(milliseconds limit) const;

  private:
    pid_t id_ = 0;
    server_incarnation life_;
    unique_fd handle_;
};

} // namespace tasuki::mysql
