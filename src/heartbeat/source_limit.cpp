#include "tasuki/heartbeat/source_limit.hpp"
#include "tasuki/core/require.hpp"

#include <algorithm>

namespace tasuki::heartbeat {

source_limit::source_limit(std::span<ip_address const> known, source_rate rate) {
    TASUKI_REQUIRE(rate.per_second > 0 && rate.burst > 0);
    per_datagram_ = duration{std::chrono::seconds{1}} / rate.per_second;
    depth_ = per_datagram_ * rate.burst;
    for (auto const& source : known)
        known_.push_back({source, instant{}});
    std::sort(known_.begin(), known_.end(),
              [](bucket const& a, bucket const& b) { return a.source < b.source; });
}

bool source_limit::admit(ip_address const& source, instant now) {
    auto const found = std::lower_bound(
        known_.begin(), known_.end(), source,
        [](bucket const& each, ip_address const& key) { return each.source < key; });
    bool const is_known = found != known_.end() && found->source == source;
    return take(is_known ? *found : strangers_, now);
}

bool source_limit::take(bucket& from, instant now) const {
    auto const full_at = std::max(from.full_at, now) + per_datagram_;
    if (full_at - now > depth_)
        return false;
    from.full_at = full_at;
    return true;
}

} // namespace tasuki::heartbeat
