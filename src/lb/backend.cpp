#include "tasuki/lb/backend.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::string_view administration_names[] = {"ready", "drain", "maintenance"};

/// New connections may go there if it lives.
bool has_place(backend_state const& it) {
    return !is_leaving(it) && it.where.is != place::leaves && it.where.is != place::lost;
}

constexpr int last_turn = 2;

/// Who is used only while nobody of an earlier turn can be.
int turn_of(backend_settings const& settings, backend_state const& it) {
    if (it.where.is == place::last)
        return last_turn;
    return settings.is_backup || it.where.is == place::spare ? 1 : 0;
}

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

std::optional<draining> drain_of(backend_state const& it) {
    if (!it.leaving || !it.displaced)
        return it.leaving ? it.leaving : it.displaced;
    auto out = it.displaced->is_urgent ? it.displaced : it.leaving;
    out->deadline = std::min(it.leaving->deadline, it.displaced->deadline);
    return out;
}

bool is_usable(backend_state const& it) {
    return has_place(it) && it.health.now != health::down;
}

bool is_dead(backend_state const& it, bool own_fault) {
    bool const is_down = it.wanted != administration::maintenance && it.health.now == health::down;
    return it.where.is == place::lost || (is_down && !own_fault);
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
    if (!it.where.why.empty())
        return it.where.why;
    return it.health.now == health::unknown ? "not checked yet" : "";
}

std::vector<unsigned> effective_weights(pool_settings const& pool,
                                        std::span<backend_state const> states, bool own_fault,
                                        instant now) {
    std::vector<unsigned> out(states.size(), 0);
    auto best = last_turn;
    for (std::size_t index = 0; index < states.size(); ++index) {
        auto const& it = states[index];
        bool const usable = own_fault ? has_place(it) : is_usable(it);
        if (usable)
            out[index] = warmed(configured_weight(pool.backends[index], it), now - it.served_since,
                                pool.slow_start);
        if (out[index] > 0)
            best = std::min(best, turn_of(pool.backends[index], it));
    }
    for (std::size_t index = 0; index < states.size(); ++index)
        if (turn_of(pool.backends[index], states[index]) > best)
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

bool put_in_place(backend_state& it, placement where, bool writes, duration drain_deadline,
                  instant now) {
    if (it.where == where)
        return false;
    bool const was_out = it.where.is == place::leaves || it.where.is == place::lost;
    it.where = std::move(where);
    if (it.where.is == place::leaves) {
        if (!it.displaced)
            it.displaced = draining{now, now + drain_deadline, writes};
        return true;
    }
    it.displaced.reset();
    if (was_out)
        it.served_since = now;
    return true;
}

} // namespace tasuki::lb
