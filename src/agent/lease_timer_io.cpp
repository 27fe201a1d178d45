#include "tasuki/agent/lease_timer_io.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace tasuki::agent {

result<std::unique_ptr<boot_alarm>> boot_alarm::open(boost::asio::io_context& io,
                                                     std::function<void()> on_due) {
    unique_fd timer{::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (!timer)
        return problem_of_errno(errno, "cannot make a timer");
    return std::unique_ptr<boot_alarm>{new boot_alarm{io, std::move(timer), std::move(on_due)}};
}

boot_alarm::boot_alarm(boost::asio::io_context& io, unique_fd timer, std::function<void()> on_due)
    : on_due_(std::move(on_due))
    , readable_(io, std::move(timer), [this] { ring(); }) {}

void boot_alarm::set(instant when) {
    // All zero would switch the timer off instead of ringing.
    auto const due = std::max(when.time_since_epoch(), duration{1});
    auto const whole = std::chrono::floor<std::chrono::seconds>(due);
    itimerspec wanted{};
    wanted.it_value.tv_sec = whole.count();
    wanted.it_value.tv_nsec = (due - whole).count();
    ::timerfd_settime(readable_.descriptor(), TFD_TIMER_ABSTIME, &wanted, nullptr);
}

void boot_alarm::ring() {
    std::uint64_t times = 0;
    // Set anew between the ring and now: it has not rung for what is set.
    if (::read(readable_.descriptor(), &times, sizeof times) != sizeof times)
        return;
    on_due_();
}

} // namespace tasuki::agent
