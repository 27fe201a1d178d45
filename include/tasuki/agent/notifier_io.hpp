#pragma once
// Tells the operator's program what happens: a few calls at a time, a short queue behind them, and
// what is beyond that is counted and left out. Nothing ever waits for it. On the front thread only.

#include "tasuki/agent/hook_events.hpp"
#include "tasuki/agent/hook_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace tasuki::agent {

class notifier {
  public:
    static constexpr std::size_t at_once_max = 4;
    static constexpr std::size_t waiting_max = 32;

    /// The configuration has [notify].
    notifier(boost::asio::io_context&, configuration const&, std::string node);

    /// Nothing is told of nothing.
    void tell(std::optional<hook_event>);
    /// Calls back when everything is told, or after a moment.
    void finish(std::function<void()> done);
    [[nodiscard]] std::size_t left_out() const { return left_out_; }

  private:
    void run_next();
    void ended(std::string const& name, hook_end const&);

    configuration const& from_;
    std::string node_;
    std::deque<hook_event> waiting_;
    std::size_t left_out_ = 0;
    bool leaving_out_ = false; ///< and the log says so already
    std::function<void()> done_;
    boost::asio::steady_timer patience_;
    hook_runner runner_;
};

} // namespace tasuki::agent
