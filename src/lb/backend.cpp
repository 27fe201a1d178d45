#include "tasuki/lb/backend.hpp"

#include <algorithm>

namespace tasuki::lb {

namespace {

constexpr std::string_view administration_names[] = {"ready", "drain", "maintenance"};

/// At least 1, so that it is seen to serve; in proportion to the time that has passed.
unsigned warmed(unsigned weight, duration passed, duration whole) {
    if (weight == 0 || whole <= duration::zero() || passed >= whole)
        return weight;
    auto const share = static_cast<unsigned>(weight * std::max(passed, duration::zero()) / whole);
    return std::max(share, 1U);
}

} // namespace

std::string_view to_string(protocol it) {
    return it == protocol::tcp ? "tcp" : "mysql";
}

std::string_view to_string(proxy_header it) {
    constexpr std::string_view names[] = {"none", "v1", "v2"};
    return names[static_cast<std::size_t>(it)];
}

std::string_view to_string(administration it) {
    return administration_names[static_cast<std::size_t>(it)];
}

std::optional<administration> parse_administration(std::string_view text) {
    auto const found =
        std::find(std::begin(administration_names), std::end(administration_names), text);
    if (found == std::end(administration_names))
        return std::nullopt;
    return static_cast<administration>(found - std::begin(administration_names));
}

bool is_leaving(backend_state const& it) {
    return it.wanted != administration::ready;
}

bool is_usable(backend_state const& it) {
    return !is_leaving(it) && it.health.now != health::down;
}

bool is_dead(backend_state const& it) {
    return it.wanted != administration::maintenance && it.health.now == health::down;
}

unsigned configured_weight(backend_settings const& settings, backend_state const& it) {
    return it.weight.value_or(settings.weight);
}

std::string reason_of(backend_settings const& settings, backend_state const& it) {
    if (it.wanted == administration::drain)
        return "drained by the operator";
    if (it.wanted == administration::maintenance)
        return "in maintenance";
    if (it.health.now == health::down)
        return it.health.why.empty() ? "down" : it.health.why;
    if (configured_weight(settings, it) == 0)
        return "weight 0";
    return it.health.now == health::unknown ? "not checked yet" : "";
}

std::vector<unsigned> effective_weights(pool_settings const& pool,
                                        std::span<backend_state const> states, bool own_fault,
                                        instant now) {
    std::vector<unsigned> out(states.size(), 0);
    bool served = false;
    for (std::size_t index = 0; index < states.size(); ++index) {
        auto const& it = states[index];
        bool const usable = own_fault ? !is_leaving(it) : is_usable(it);
        if (usable)
            out[index] = warmed(configured_weight(pool.backends[index], it), now - it.served_since,
                                pool.slow_start);
        served = served || (out[index] > 0 && !pool.backends[index].is_backup);
    }
    for (std::size_t index = 0; index < states.size(); ++index)
        if (served && pool.backends[index].is_backup)
            out[index] = 0;
    return out;
}

void want(backend_state& it, administration wanted, instant deadline, instant now) {
    bool const was_leaving = is_leaving(it);
    it.wanted = wanted;
    if (!is_leaving(it)) {
        it.leaving.reset();
        if (was_leaving)
            it.served_since = now;
        return;
    }
    it.leaving = draining{was_leaving && it.leaving ? it.leaving->began : now, deadline};
}

} // namespace tasuki::lb
