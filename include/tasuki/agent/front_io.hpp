#pragma once
// The front thread: everything that may wait. HTTP API and control socket, the channel to the other
// agents, the history, the log, the keys, and the mail between the lease thread and the local
// mysqlds.
//
// One io_context, one thread. It decides nothing: it asks the lease thread and tells what it heard.

#include "tasuki/agent/config.hpp"
#include "tasuki/agent/estate_io.hpp"
#include "tasuki/agent/lease_loop_io.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/heartbeat/keys.hpp"

#include <memory>
#include <string>

namespace tasuki::agent {

struct front_options {
    configuration const& from;
    std::string node;
    std::string state_dir;
    std::string runtime_dir;
    heartbeat::keyring keys; ///< as in the key file
    std::string version;
    program self; ///< which takes this one's place at a reload
};

class front {
  public:
    [[nodiscard]] static result<std::unique_ptr<front>> open(front_options);
    front(front const&) = delete;
    front& operator=(front const&) = delete;
    ~front();

    /// What the lease thread sends; from its thread.
    void take(departure);
    /// Binds the lease thread, opens the servers and runs until a signal asks to end.
    [[nodiscard]] result<void> run(lease_loop&);

  private:
    class body;
    explicit front(std::unique_ptr<body>);
    std::unique_ptr<body> body_;
};

} // namespace tasuki::agent
