#include "tasuki/vip/lifetime.hpp"

#include <algorithm>

namespace tasuki::vip {

std::string_view to_string(enforcement rung) {
    switch (rung) {
    case enforcement::agent:
        return "agent";
    case enforcement::lifetime:
        return "lifetime";
    case enforcement::nftables:
        return "nftables";
    case enforcement::ebpf:
        return "ebpf";
    }
    return "agent";
}

enforcement enforcement_for(duration lease) {
    return lease >= shortest_lease_with_lifetime ? enforcement::lifetime : enforcement::agent;
}

std::uint32_t valid_seconds(enforcement rung, instant deadline, instant now) {
    if (deadline == never)
        return forever_s;
    bool const agent_enforces = rung != enforcement::lifetime;
    if (deadline - now <= (agent_enforces ? duration::zero() : kernel_lateness))
        return 0;
    auto const room =
        agent_enforces ? std::chrono::ceil<std::chrono::seconds>(deadline - now + kernel_earliness)
                       : std::chrono::floor<std::chrono::seconds>(deadline - now - kernel_lateness);
    // A month is far beyond any lease and keeps the kernel's arithmetic on jiffies from wrapping.
    constexpr std::chrono::seconds::rep longest_s = 30LL * 24 * 3600;
    return static_cast<std::uint32_t>(std::min(room.count(), longest_s));
}

bool refresh_due(enforcement rung, told_lifetime const& told, std::uint32_t valid_s,
                 instant deadline, instant now) {
    if (valid_s == 0 || valid_s == forever_s)
        return false;
    if (rung != enforcement::lifetime) // the kernel must not be faster than the lease
        return told.until < deadline + kernel_earliness;
    return now - told.at >= refresh_spacing && now + std::chrono::seconds{valid_s} > told.until;
}

} // namespace tasuki::vip
