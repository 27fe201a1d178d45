#include "tasuki/lb/roster.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr int slow_start_steps = 20;

problem unknown(std::string_view pool, std::string_view backend) {
    return {failure::absent,
            "pool " + std::string{pool} + " has no backend \"" + std::string{backend} + "\""};
}

auto named(std::string_view name) {
    return [name](backend_settings const& it) { return it.name == name; };
}

} // namespace

roster::roster(pool_settings const& configured, pool_wishes const& before, instant now)
    : configured_(configured)
    , added_(before.added) {
    rebuild(now);
    for (auto& each : states_)
        each.served_since = long_ago; // of a process that has just begun, nobody is new
    for (auto const& [name, wish] : before.backends) {
        auto const index = find(name);
        if (!index)
            continue;
        states_[*index].weight = wish.weight;
        want(states_[*index], wish.wanted, now + settings_.drain_deadline, now);
    }
}

/// What was known of another group says nothing, and who does not follow any more has no place.
void roster::configure(pool_settings const& configured, instant now) {
    bool const same_places = configured.follows == configured_.follows &&
                             configured.check.role == configured_.check.role &&
                             configured.check.lag_max == configured_.check.lag_max;
    for (auto& each : states_)
        if (!same_places) {
            each.where = {};
            each.displaced.reset();
        }
    if (configured.follows.group != configured_.follows.group)
        standing_ = {};
    configured_ = configured;
    rebuild(now);
}

backend_state roster::new_state(backend_settings const& settings, instant now) const {
    backend_state out;
    out.health = begin_checks(configured_.health, settings.name, now);
    if (configured_.check.asks_for_state())
        out.health.check_at = now; // until then it is the last resort
    out.served_since = now;
    return out;
}

/// Who has another address is another backend.
void roster::rebuild(instant now) {
    auto const before = std::exchange(settings_.backends, {});
    auto const states = std::exchange(states_, {});
    auto const asked = std::exchange(asked_, {});
    auto all = configured_.backends;
    std::erase_if(added_, [&](backend_settings const& one) {
        return std::any_of(all.begin(), all.end(), named(one.name)); // the file has it now
    });
    all.insert(all.end(), added_.begin(), added_.end());
    settings_ = configured_;
    settings_.backends = std::move(all);
    for (auto const& one : settings_.backends) {
        auto const known = std::find_if(before.begin(), before.end(), named(one.name));
        auto const index = static_cast<std::size_t>(known - before.begin());
        bool const stays = known != before.end() && known->address == one.address;
        states_.push_back(stays ? states[index] : new_state(one, now));
        asked_.push_back(stays && asked[index]);
    }
    judge_all(now);
    place_all(now);
}

bool roster::stand(group_standing const& known, instant now) {
    if (known.group != settings_.follows.group)
        return false;
    bool const is_master = settings_.follows.role == group_role::master;
    bool const lasts = is_master && known.until != standing_.until;
    standing_ = known;
    return place_all(now) || lasts;
}

instant roster::usable_until(std::size_t index) const {
    bool const is_bound = settings_.follows.any() && settings_.follows.role == group_role::master &&
                          states_[index].where.is != place::lost;
    return is_bound ? standing_.until : never;
}

bool roster::pass(instant now) {
    return place_all(now);
}

bool roster::place_all(instant now) {
    auto const& check = settings_.check;
    bool const by_word = !settings_.follows.any() && check.asks_for_state();
    if (!settings_.follows.any() && !by_word)
        return false;
    std::vector<std::string> names;
    std::vector<placement> before;
    std::vector<std::optional<server_seen>> seen;
    std::vector<bool> able;
    for (std::size_t index = 0; index < states_.size(); ++index) {
        names.push_back(settings_.backends[index].name);
        before.push_back(states_[index].where);
        seen.push_back(states_[index].seen);
        able.push_back(!is_leaving(states_[index]) && states_[index].health.now != health::down);
    }
    auto after = by_word ? places_by_word(check.role, check.lag_max, names, seen, before, now, able)
                         : places(settings_.follows, standing_, names, before, now, able);
    bool const writes =
        by_word ? check.role == server_role::master : settings_.follows.role == group_role::master;
    bool changed = false;
    for (std::size_t index = 0; index < states_.size(); ++index)
        changed = put_in_place(states_[index], std::move(after[index]), writes,
                               settings_.drain_deadline, now) ||
                  changed;
    return changed;
}

std::optional<std::size_t> roster::find(std::string_view backend) const {
    auto const& all = settings_.backends;
    auto const found = std::find_if(all.begin(), all.end(), named(backend));
    if (found == all.end())
        return std::nullopt;
    return static_cast<std::size_t>(found - all.begin());
}

result<void> roster::change(std::string_view backend, backend_change const& what, instant now) {
    auto const index = find(backend);
    if (!index)
        return unknown(settings_.name, backend);
    auto& it = states_[*index];
    if (what.weight)
        it.weight = what.weight;
    if (what.wanted)
        want(it, *what.wanted, now + what.deadline.value_or(settings_.drain_deadline), now);
    place_all(now); // another one may be the last now
    return {};
}

result<void> roster::add(backend_settings const& one, instant now) {
    if (find(one.name))
        return problem{failure::conflict,
                       "pool " + settings_.name + " has a backend \"" + one.name + "\" already"};
    added_.push_back(one);
    rebuild(now);
    return {};
}

result<void> roster::remove(std::string_view backend) {
    auto const found = std::find_if(added_.begin(), added_.end(), named(backend));
    if (found == added_.end() && find(backend))
        return problem{failure::refused,
                       "backend \"" + std::string{backend} +
                           "\" is in the configuration file: remove it there and reload, or take "
                           "it out of service with: tasuki lb maintenance"};
    if (found == added_.end())
        return unknown(settings_.name, backend);
    auto const index = static_cast<std::ptrdiff_t>(*find(backend));
    added_.erase(found);
    settings_.backends.erase(settings_.backends.begin() + index);
    states_.erase(states_.begin() + index);
    asked_.erase(asked_.begin() + index);
    return {};
}

bool roster::checked(std::string_view backend, check_result what, instant now) {
    auto const index = find(backend);
    if (!index)
        return false;
    asked_[*index] = false;
    auto& it = states_[*index];
    bool const was_down = it.health.now == health::down;
    if (what.good)
        it.seen = what.seen;
    bool const changed = lb::checked(it.health, settings_.health, std::move(what), now);
    if (changed && was_down)
        it.served_since = now;
    bool const before = own_fault_;
    judge_all(now);
    (void)place_all(now);
    return changed || own_fault_ != before;
}

void roster::connected(std::string_view backend, bool good, instant now) {
    if (auto const index = find(backend))
        lb::connected(states_[*index].health, settings_.health, good, now);
}

/// As long as the checks need to call all of them down that fell at one moment.
void roster::judge_all(instant now) {
    auto const count = [&](health what) {
        return static_cast<std::size_t>(
            std::count_if(states_.begin(), states_.end(),
                          [&](backend_state const& it) { return it.health.now == what; }));
    };
    auto const up = states_.size() - count(health::down);
    if (up == states_.size())
        all_up_at_ = now;
    auto const& rules = settings_.health;
    auto const at_once =
        2 * rules.interval + (rules.fast_interval + settings_.check.timeout) * (rules.fall + 1);
    bool const fell_at_once = all_up_at_ != long_ago && now - all_up_at_ <= at_once;
    own_fault_ = lb::is_own_fault(up, states_.size(), fell_at_once ? states_.size() : 0) ||
                 (own_fault_ && up == 0);
}

bool roster::is_dead(std::size_t index) const {
    return lb::is_dead(states_[index], own_fault_);
}

std::vector<backend_settings> roster::take_due(instant now) {
    std::vector<backend_settings> out;
    for (std::size_t index = 0; index < states_.size(); ++index) {
        if (asked_[index] || states_[index].wanted == administration::maintenance ||
            states_[index].health.check_at > now)
            continue;
        asked_[index] = true;
        out.push_back(settings_.backends[index]);
    }
    return out;
}

instant roster::next(instant now) const {
    std::vector<placement> places;
    for (auto const& each : states_)
        places.push_back(each.where);
    instant out = places_change_at(settings_.follows, standing_, places, now);
    auto const step = settings_.slow_start / slow_start_steps;
    for (std::size_t index = 0; index < states_.size(); ++index) {
        auto const& it = states_[index];
        if (!asked_[index] && it.wanted != administration::maintenance)
            out = std::min(out, it.health.check_at);
        if (step > duration::zero() && now - it.served_since < settings_.slow_start)
            out = std::min(out, now + step);
    }
    return out;
}

std::vector<unsigned> roster::weights(instant now) const {
    return effective_weights(settings_, states_, own_fault_, now);
}

roster_estate roster::estate() const {
    roster_estate out{settings_.name, standing_, {}, all_up_at_, own_fault_};
    for (std::size_t index = 0; index < states_.size(); ++index)
        out.backends.push_back(
            {settings_.backends[index].name, settings_.backends[index].address, states_[index]});
    return out;
}

void roster::adopt(roster_estate from, instant now) {
    if (from.standing.group == settings_.follows.group)
        standing_ = std::move(from.standing);
    all_up_at_ = from.all_up_at;
    own_fault_ = from.own_fault;
    for (auto& one : from.backends) {
        auto const index = find(one.name);
        if (!index || settings_.backends[*index].address != one.address)
            continue;
        auto& it = states_[*index];
        auto const wish = std::pair{it.wanted, it.weight}; // on disk, so that counts
        auto const drain = it.leaving;
        it = std::move(one.state);
        if (it.wanted != wish.first)
            it.leaving = drain;
        std::tie(it.wanted, it.weight) = wish;
    }
    place_all(now);
}

pool_wishes roster::wishes() const {
    pool_wishes out{{}, added_};
    for (std::size_t index = 0; index < states_.size(); ++index) {
        backend_wish const wish{states_[index].wanted, states_[index].weight};
        if (wish != backend_wish{})
            out.backends.emplace(settings_.backends[index].name, wish);
    }
    return out;
}

} // namespace tasuki::lb
