#include "lookers.hpp"

#include "doubles/walk.hpp"
#include "model/options.hpp"
#include "runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tasuki::sim {

namespace {

constexpr std::uint64_t repeats_apart = 100'000;
constexpr std::uint64_t partner_patience = 10;

using finder = std::optional<death> (*)(mutant const&, std::uint64_t first, std::uint64_t most);

/// With the rule in its place. Of the canary, whatever is found is a death.
void restore(mutant const& it) {
    remove_rules(it.which == bug::canary ? bug::canary : bug::none, it.with);
}

bool passes_restored(mutant const& it, std::uint64_t seed) {
    if (it.which == bug::canary)
        return true;
    restore(it);
    auto const broken = world{{seed, run_plan{}.length, {}, false}}.run();
    remove_rules(it.which, it.with);
    return !broken;
}

/// Those in which the rule can matter.
bool (*wanted_for(mutant const& it))(shape const&) {
    if (it.which == bug::no_jitter || it.which == bug::places_ignored)
        return [](shape const& each) { return each.even_delay > 0; };
    if (it.which == bug::mac_not_compared || it.room == "keys")
        return [](shape const& each) { return each.sealed; };
    if (it.room == "voters")
        return [](shape const& each) { return each.changes_voters; };
    if (it.room == "fence")
        return [](shape const& each) { return each.common.fence.has_value(); };
    if (it.which == bug::deaf_master_degrades) // else its lease ends before it could
        return [](shape const& each) {
            return each.data && !each.common.fence && each.common.terms.lease >= milliseconds{2500};
        };
    if (it.which == bug::unprotected_only_closed)
        return [](shape const& each) {
            return each.data && each.common.groups[*each.data].mysql->promote_degraded;
        };
    if (it.room == "mysql" || it.room == "agent")
        return [](shape const& each) { return each.data.has_value(); };
    return [](shape const&) { return true; };
}

std::optional<death> find_in_worlds(mutant const& it, std::uint64_t first, std::uint64_t most) {
    run_plan plan;
    auto const wanted = wanted_for(it);
    plan.wanted = wanted;
    plan.first = first;
    for (std::uint64_t const end = first + most; plan.first < end;) {
        plan.seeds = end - plan.first;
        auto const found = run_seeds(plan);
        if (found.failures.empty())
            return std::nullopt;
        auto const& earliest = found.failures.front();
        plan.first = earliest.seed + 1;
        if (!passes_restored(it, earliest.seed))
            continue; // of no use as a witness
        std::uint64_t tried = 0;
        for (std::uint64_t seed = first; seed <= earliest.seed; ++seed)
            tried += wanted(make_shape(seed)) ? 1U : 0U;
        return death{"sim " + earliest.what.check, earliest.seed, tried, earliest.what.text};
    }
    return std::nullopt;
}

struct walk_kind {
    std::string_view name;
    mysql::walk::options with;
};
constexpr walk_kind walk_kinds[] = {
    {"plain", {3, true, 0.01}},
    {"blocking", {4, false, 0.01}},
    {"lossy", {2, true, 0.05}},
    {"forgetful", {3, false, 0.01, false}},
    {"late", {.late = 0.05, .journal_most = 150, .another = 0.4}},
    {"founding", {.loss = 0, .founding = true}},
    {"errant", {.errant = 1}},
    {"restless", {.restless = true}},
    {"careless", {.loss = 0, .hand_overs = 0.9, .careless = 0.5}},
};

/// "walk" means one after the other, "walk errant" that one alone.
walk_kind const& kind_of_walk(mutant const& it, std::uint64_t seed) {
    auto const* const named =
        std::find_if(std::begin(walk_kinds), std::end(walk_kinds),
                     [&](auto const& each) { return it.looker.ends_with(each.name); });
    return named != std::end(walk_kinds) ? *named : walk_kinds[seed % std::size(walk_kinds)];
}

std::string walk_once(mutant const& it, std::uint64_t seed) {
    constexpr int eras = 6;
    mysql::walk::world one{seed, kind_of_walk(it, seed).with};
    one.run(eras);
    return one.violation;
}

std::optional<death> find_in_walks(mutant const& it, std::uint64_t first, std::uint64_t most) {
    for (std::uint64_t seed = first; seed < first + most; ++seed) {
        auto const broken = walk_once(it, seed);
        if (broken.empty())
            continue;
        // With many messages lost, all tries of a walk can fail without any bug.
        restore(it);
        bool const same = it.which != bug::canary && !walk_once(it, seed).empty();
        remove_rules(it.which, it.with);
        if (!same)
            return death{fmt::format("walk {}", kind_of_walk(it, seed).name), seed,
                         seed - first + 1, broken};
    }
    return std::nullopt;
}

std::optional<death> find_in_played(mutant const& it, std::uint64_t, std::uint64_t) {
    auto const options = played_world(it);
    auto const broken = world{options}.run();
    restore(it);
    bool const passes = it.which == bug::canary || !world{options}.run();
    remove_rules(it.which, it.with);
    if (!broken || !passes)
        return std::nullopt;
    return death{"played " + broken->check, options.seed, 1, broken->text};
}

std::optional<death> find_in_exploration(mutant const& it, std::string_view words) {
    auto const explore = [&] {
        auto const given = model::parse(model::split_words(words));
        model::catalogue known{given.world};
        return model::search{known, given.how, {}}.run();
    };
    auto const found = explore();
    if (found.violation == nullptr)
        return std::nullopt;
    restore(it);
    bool const passes = it.which == bug::canary || explore().violation == nullptr;
    remove_rules(it.which, it.with);
    if (!passes)
        return std::nullopt;
    std::string text;
    for (auto const& line : found.trace)
        text += "\n" + line;
    return death{std::string{"model: "} + found.violation, 0, found.states, text};
}

/// Whether the partner alone is found nearly as soon: then it would be that which was seen.
bool partner_is_found(mutant const& it, finder find, std::uint64_t first, std::uint64_t tried) {
    if (it.with == bug::none)
        return false;
    remove_rules(it.with);
    mutant alone = it;
    alone.which = it.with;
    alone.with = bug::none;
    bool const found = find(alone, first, tried * partner_patience).has_value();
    remove_rules(it.which, it.with);
    return found;
}

std::optional<death> find_apart(mutant const& it, finder find, std::uint64_t first,
                                std::uint64_t most) {
    auto const found = find(it, first, most);
    bool const counts = found && !partner_is_found(it, find, first, found->seed - first + 1);
    return counts ? found : std::nullopt;
}

std::optional<death> look_for_canary(mutant const& it, patience const& with, std::uint64_t first) {
    if (auto found = find_in_walks(it, first, with.walks))
        return found;
    if (auto found = find_in_exploration(it, it.looker))
        return found;
    return find_in_worlds(it, first, with.seeds);
}

} // namespace

world_options played_world(mutant const& it) {
    auto const path = fmt::format("{}/{}.txt", TASUKI_PLAYED_FOLDER, it.name);
    std::ifstream file{path};
    if (!file)
        throw std::runtime_error("cannot read " + path);
    std::stringstream text;
    text << file.rdbuf();
    return parse_replay(text.str());
}

bool explores(mutant const& it) {
    return it.looker.starts_with("--") && it.which != bug::canary;
}

std::optional<death> look(mutant const& it, patience const& with, std::uint64_t repeat) {
    remove_rules(it.which, it.with);
    std::uint64_t const first = 1 + repeat * repeats_apart;
    if (it.which == bug::canary)
        return look_for_canary(it, with, first);
    if (it.looker.starts_with(walks))
        return find_apart(it, find_in_walks, first, with.walks);
    if (it.looker == played)
        return find_apart(it, find_in_played, first, 1);
    if (it.looker == worlds)
        return find_apart(it, find_in_worlds, first, with.seeds);
    return find_in_exploration(it, it.looker);
}

} // namespace tasuki::sim
