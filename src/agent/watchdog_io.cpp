#include "tasuki/agent/watchdog_io.hpp"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr int feedings = 5; // in the time after which it would bite
constexpr char food = '\0';
constexpr char farewell = 'V';

problem refused(int number, std::string const& path) {
    auto out = problem_of_errno(number, "the watchdog device " + path);
    if (number == EBUSY)
        out.text = "the watchdog device " + path +
                   " is used by another program (systemd with RuntimeWatchdogSec, or watchdogd)";
    if (number == ENOTTY)
        out.text = path + " is no watchdog device";
    if (number == ENOENT || number == ENXIO || number == ENODEV)
        out.text += ": load the driver of this machine's watchdog, or softdog; a unit with "
                    "PrivateDevices=yes sees no device";
    return out;
}

} // namespace

int control_device(int descriptor, unsigned long request, void* argument) {
    return ::ioctl(descriptor, request, argument) == 0 ? 0 : errno;
}

result<std::unique_ptr<watchdog>> watchdog::open(boost::asio::io_context& io,
                                                 std::string const& path,
                                                 std::function<bool()> is_well,
                                                 device_control const& control) {
    unique_fd device{::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
    if (!device)
        return refused(errno, path);
    // It runs from here on: whatever fails below ends by the farewell.
    auto const give_up = [&](int number) {
        [[maybe_unused]] auto const left = ::write(device.get(), &farewell, 1);
        return refused(number, path);
    };
    watchdog_info about{};
    if (int const error = control(device.get(), WDIOC_GETSUPPORT, &about); error != 0)
        return give_up(error);
    int seconds = static_cast<int>(watchdog_limit.count());
    bool const adjustable = (about.options & WDIOF_SETTIMEOUT) != 0;
    if (int const error =
            control(device.get(), adjustable ? WDIOC_SETTIMEOUT : WDIOC_GETTIMEOUT, &seconds);
        error != 0)
        return give_up(error);
    if (seconds <= 0)
        return give_up(EINVAL);
    std::unique_ptr<watchdog> out{
        new watchdog{io, path, std::move(device), std::chrono::seconds{seconds},
                     (about.options & WDIOF_MAGICCLOSE) != 0, std::move(is_well)}};
    out->feed();
    return out;
}

watchdog::watchdog(boost::asio::io_context& io, std::string path, unique_fd device,
                   std::chrono::seconds limit, bool stoppable, std::function<bool()> is_well)
    : path_(std::move(path))
    , device_(std::move(device))
    , limit_(limit)
    , stoppable_(stoppable)
    , is_well_(std::move(is_well))
    , timer_(io) {}

void watchdog::feed() {
    if (is_well_()) {
        [[maybe_unused]] auto const fed = ::write(device_.get(), &food, 1);
    }
    timer_.expires_after(std::chrono::milliseconds{limit_} / feedings);
    timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            feed();
    });
}

result<void> watchdog::disarm() {
    timer_.cancel();
    bool const said = ::write(device_.get(), &farewell, 1) == 1;
    device_.reset();
    if (said && stoppable_)
        return {};
    return problem{failure::refused,
                   "the watchdog " + path_ + " cannot be stopped: this machine is reset in " +
                       std::to_string(limit_.count()) + " s unless the agent is started again"};
}

} // namespace tasuki::agent
