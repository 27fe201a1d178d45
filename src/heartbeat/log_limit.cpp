#include "tasuki/heartbeat/log_limit.hpp"

#include <utility>

namespace tasuki::heartbeat {

std::optional<std::uint64_t> log_limit::admit(instant now) {
    if (logged_at_ && now - *logged_at_ < period_) {
        ++suppressed_;
        return std::nullopt;
    }
    logged_at_ = now;
    return std::exchange(suppressed_, 0);
}

reject_log::reject_log(duration period)
    : limits_(reject_count, log_limit{period}) {}

std::optional<std::uint64_t> reject_log::admit(reject reason, instant now) {
    return limits_[static_cast<std::size_t>(reason)].admit(now);
}

} // namespace tasuki::heartbeat
