#pragma once
// One alarm on CLOCK_BOOTTIME, the clock of the deadlines (timerfd_create(2)).
//
// Timers of the io_context count CLOCK_MONOTONIC, which stands still while a machine is suspended:
// a lease that ran out meanwhile would be noticed only when the rest of the wait had passed, too.
// This one is due as soon as the machine goes on. One io_context, one thread.

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/readable_io.hpp"

#include <functional>
#include <memory>

namespace tasuki::agent {

class boot_alarm {
  public:
    [[nodiscard]] static result<std::unique_ptr<boot_alarm>> open(boost::asio::io_context&,
                                                                  std::function<void()> on_due);
    boot_alarm(boot_alarm const&) = delete;
    boot_alarm& operator=(boot_alarm const&) = delete;

    /// Replaces what was set before; what has passed already is due at once.
    void set(instant when);

  private:
    boot_alarm(boost::asio::io_context&, unique_fd, std::function<void()> on_due);
    void ring();

    std::function<void()> on_due_;
    vip::readable readable_;
};

} // namespace tasuki::agent
