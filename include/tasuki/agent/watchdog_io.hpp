#pragma once
// The machine's watchdog device: the last resort beneath everything else that ends a lease.
//
// It resets the machine if nobody feeds it for some seconds: its kernel hangs, or the agent is gone
// and nobody has started it again. Armed before anything is served; fed by the lease thread while
// that is well; disarmed by the "magic" letter at a good end only, so that a killed agent leaves it
// armed, as one does that another program replaces: that one opens it again. Drivers that count in
// other steps choose a time near the one wished for. Linux: watchdog/watchdog-api.

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>

namespace tasuki::agent {

/// Longer than a service manager takes to start an agent again.
inline constexpr std::chrono::seconds watchdog_limit{10};

/// ioctl(2): zero, or an errno. Tests have no device.
using device_control = std::function<int(int descriptor, unsigned long request, void* argument)>;
[[nodiscard]] int control_device(int descriptor, unsigned long request, void* argument);

class watchdog {
  public:
    /// Armed on return, and fed as long as the io_context runs and `is_well`. The problem says what
    /// is wrong with the device.
    [[nodiscard]] static result<std::unique_ptr<watchdog>>
    open(boost::asio::io_context&, std::string const& path, std::function<bool()> is_well,
         device_control const& = control_device);

    /// A problem if the device goes on all the same: the machine is reset then.
    [[nodiscard]] result<void> disarm();
    [[nodiscard]] std::chrono::seconds limit() const { return limit_; }

  private:
    watchdog(boost::asio::io_context&, std::string path, unique_fd, std::chrono::seconds limit,
             bool stoppable, std::function<bool()> is_well);
    void feed();

    std::string path_;
    unique_fd device_;
    std::chrono::seconds limit_;
    bool stoppable_;
    std::function<bool()> is_well_;
    boost::asio::steady_timer timer_;
};

} // namespace tasuki::agent
