#pragma once
// The signals that the agent takes while it runs. SIGINT and SIGTERM ask it to end, once; SIGHUP,
// which service managers and people send for "read your configuration again", never ends it.
// Reference: signal(7), systemd.kill(5).

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <functional>

namespace tasuki::agent {

class front_signals {
  public:
    using on_signal = std::function<void(int)>;

    /// Both are called on the io_context's thread: `end` at most once, `reload` each time.
    front_signals(boost::asio::io_context&, on_signal end, on_signal reload);

  private:
    void wait();

    boost::asio::signal_set set_;
    on_signal end_;
    on_signal reload_;
};

} // namespace tasuki::agent
