#include "script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace tasuki::sim {

namespace {

constexpr std::string_view words[] = {
    "crash",        "boot",        "restart",     "retire",      "pause",     "halt",
    "cut",          "part",        "isolate",     "mend",        "loss",      "delay",
    "damage",       "stall",       "replay",      "slow_disk",   "full_disk", "broken_disk",
    "no_removal",   "wrong_file",  "wrong_terms", "right_files", "clock",     "link",
    "server_crash", "server_boot", "move",        "commits",     "replace",   "rotate",
    "voters",       "heal"};

/// How often each is drawn; the last, `heal`, has its own times.
constexpr std::uint64_t weights[] = {4, 6, 3, 1, 5, 2, 5, 3, 4, 5, 2, 3, 1, 5, 2, 2,
                                     1, 1, 2, 1, 1, 1, 1, 1, 3, 2, 2, 2, 2, 6, 0};
constexpr std::size_t kinds = std::size(weights);
static_assert(std::size(words) == kinds + 1);

/// Faults between two changes of the voters, on average, in a cluster that has nodes to spare.
constexpr std::uint64_t faults_in_a_change = 8;
constexpr std::uint64_t faults_in_a_slow_change = 3;

constexpr world_time era = 600 * second;
constexpr world_time quiet = settle_limit + 30 * second;

using habits = std::array<std::uint64_t, kinds>;

/// What a node misses while voters change, and little else: long enough for several changes.
habits slow_habits() {
    habits out{};
    for (auto const& [kind, weight] : {std::pair{trouble::part, 6},
                                       {trouble::cut, 3},
                                       {trouble::isolate, 2},
                                       {trouble::mend, 3},
                                       {trouble::crash, 2},
                                       {trouble::boot, 3},
                                       {trouble::restart, 2},
                                       {trouble::move, 1}})
        out[static_cast<std::size_t>(kind)] = static_cast<std::uint64_t>(weight);
    return out;
}

/// Each seed leaves some kinds out: what one fault hides, another seed shows.
habits draw_habits(dice& die, shape const& of) {
    habits out{};
    for (std::size_t kind = 0; kind < kinds; ++kind)
        if (kind != static_cast<std::size_t>(trouble::voters) &&
            (of.sealed || kind != static_cast<std::size_t>(trouble::rotate)))
            out[kind] = die.chance(0.6) ? weights[kind] : 0;
    for (auto const always : {trouble::boot, trouble::mend, trouble::crash})
        out[static_cast<std::size_t>(always)] = weights[static_cast<std::size_t>(always)];
    if (!of.data)
        for (auto const never : {trouble::server_crash, trouble::server_boot, trouble::commits})
            out[static_cast<std::size_t>(never)] = 0;
    return out;
}

trouble draw_kind(dice& die, habits const& how_often) {
    std::uint64_t all = 0;
    for (auto const each : how_often)
        all += each;
    auto draw = die.below(all);
    std::size_t kind = 0;
    while (draw >= how_often[kind])
        draw -= how_often[kind++];
    return static_cast<trouble>(kind);
}

std::int64_t percent(dice& die, double off, std::int64_t most) {
    return die.chance(off) ? 0 : die.between(1, most);
}

/// Of what is measured in percent.
void draw_share(dice& die, fault& out) {
    auto& with = out.with;
    switch (out.what) {
    case trouble::loss:
        with = {percent(die, 0.5, 30), percent(die, 0.5, 30), 0};
        break;
    case trouble::delay:
        with = {die.between(millisecond, 150 * millisecond), percent(die, 0.5, 60), 0};
        break;
    case trouble::damage:
    case trouble::full_disk:
        with = {percent(die, 0.5, 50), 0, 0};
        break;
    case trouble::slow_disk:
        with = {percent(die, 0.5, 30), 0, 0};
        break;
    case trouble::broken_disk:
        with = {percent(die, 0.6, 8), 0, 0};
        break;
    case trouble::no_removal:
        with = {percent(die, 0.5, 70), 0, 0};
        break;
    default:
        break;
    }
}

fault draw_fault(dice& die, trouble what, shape const& of) {
    // Whoever holds something has the most to lose.
    auto const machine =
        die.chance(0.35) ? holder_of + static_cast<std::int64_t>(die.below(of.common.groups.size()))
                         : static_cast<std::int64_t>(die.below(of.nodes()));
    auto const other = static_cast<std::int64_t>(die.below(of.nodes()));
    fault out{0, what, {machine, other, 0}};
    auto& with = out.with;
    switch (what) {
    case trouble::crash:
    case trouble::restart: {
        std::int64_t const reboot = die.chance(0.5) ? 1 : 0;
        std::int64_t const forget = reboot == 1 && die.chance(0.4) ? 2 : 0;
        with[1] = reboot | forget | (die.chance(0.5) ? 4 : 0);
        break;
    }
    case trouble::pause:
        with[2] = die.between(10 * millisecond, (die.chance(0.5) ? 4 : 20) * second);
        break;
    case trouble::halt:
        with[2] = die.between(10 * millisecond, (die.chance(0.5) ? 4 : 20) * second);
        break;
    case trouble::replace:
        with[2] = die.between(millisecond, die.chance(0.7) ? second / 2 : 4 * second);
        break;
    case trouble::stall:
        with[2] = die.between(second / 2, 8 * second);
        break;
    case trouble::replay:
        with[1] = die.between(1, 60);
        break;
    case trouble::wrong_file:
        with[1] = die.between(1, (1 << of.voters) - 1);
        break;
    case trouble::wrong_terms:
        with[1] = die.between(400, 10'000);
        break;
    case trouble::clock:
        with[1] = die.chance(0.5) ? die.between(2000, 20'000) : -die.between(2000, 20'000);
        with[2] = die.between(second, 20 * second);
        break;
    case trouble::link:
        with[1] = die.chance(0.6) ? 1 : 0;
        break;
    case trouble::rotate:
        with[1] = die.between(1, static_cast<std::int64_t>(of.nodes()));
        break;
    case trouble::server_crash:
        with[1] = die.between(0, 3);
        with[2] = die.chance(0.3) ? 1 : 0;
        break;
    case trouble::move:
        with[0] = static_cast<std::int64_t>(die.below(of.common.groups.size()));
        break;
    default:
        draw_share(die, out);
        break;
    }
    return out;
}

/// One node, or two: whichever votes is to vote no more, and the other way round.
fault draw_change(dice& die, shape const& of) {
    auto const node = [&] { return static_cast<std::int64_t>(die.below(of.nodes())); };
    return {0, trouble::voters, {node(), node(), die.chance(0.5) ? node() : -1}};
}

/// Mostly one change at a time; now and then an operator in a hurry, within a lease.
void add_changes(dice& die, shape const& of, world_time& now, world_time ends, script& out) {
    for (auto left = die.chance(0.3) ? 1 + die.below(4) : 1; left > 0 && now < ends; --left) {
        out.push_back(draw_change(die, of));
        out.back().when = now;
        if (left > 1)
            now += die.between(20 * millisecond, second);
    }
}

/// Who dies once all is mended, if anybody. Where all datagrams take the same time it is who holds:
/// then all others learn of it at once.
std::int64_t draw_death(dice& die, shape const& of) {
    auto const one = static_cast<std::int64_t>(die.below(of.nodes()));
    bool const even = of.even_delay > 0;
    if (of.data || !(even || die.chance(0.3)))
        return 0;
    return 1 + (even || die.chance(0.5) ? holder_of : one);
}

} // namespace

bool names_machine(trouble what) {
    switch (what) {
    case trouble::boot:
    case trouble::mend:
    case trouble::loss:
    case trouble::delay:
    case trouble::damage:
    case trouble::slow_disk:
    case trouble::full_disk:
    case trouble::broken_disk:
    case trouble::no_removal:
    case trouble::right_files:
    case trouble::move:
    case trouble::commits:
    case trouble::heal:
        return false;
    default:
        return true;
    }
}

script make_script(std::uint64_t seed, shape const& of, world_time ends_at) {
    dice die{seed * 0x9e3779b97f4a7c15ULL + 77};
    auto how_often = draw_habits(die, of);
    dice changes{seed * 0x9e3779b97f4a7c15ULL + 78};
    bool const slow = of.changes_voters && changes.chance(0.5);
    if (slow)
        how_often = slow_habits();
    auto const between = slow ? faults_in_a_slow_change : faults_in_a_change;
    script out;
    world_time now = 5 * second;
    world_time heals = std::min(era, ends_at) - quiet;
    while (heals < ends_at) {
        // Mostly seconds apart; sometimes a burst within one lease.
        if (slow)
            now += changes.between(second, 8 * second);
        now += die.chance(0.4) ? die.between(millisecond, 400 * millisecond)
                               : die.between(second / 2, 10 * second);
        if (now < heals && of.changes_voters && changes.below(between) == 0) {
            add_changes(changes, of, now, heals, out);
            continue;
        }
        if (now < heals) {
            auto next = draw_fault(die, draw_kind(die, how_often), of);
            next.when = now;
            out.push_back(next);
            continue;
        }
        out.push_back({heals, trouble::heal, {draw_death(die, of), 0, 0}});
        now = heals + quiet;
        heals += era;
        if (!slow)
            how_often = draw_habits(die, of);
        if (heals + quiet > ends_at)
            break;
    }
    return out;
}

std::string to_text(script const& lines) {
    std::string out;
    for (auto const& each : lines)
        out += fmt::format("{}.{:06} {} {} {} {}\n", each.when / millisecond,
                           each.when % millisecond, words[static_cast<std::size_t>(each.what)],
                           each.with[0], each.with[1], each.with[2]);
    return out;
}

script parse_script(std::string_view text) {
    script out;
    std::istringstream in{std::string{text}};
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line.front() == '#')
            continue;
        std::istringstream parts{line};
        std::string word;
        std::int64_t whole = 0;
        std::int64_t fraction = 0;
        char point = 0;
        fault one;
        parts >> whole >> point >> fraction >> word >> one.with[0] >> one.with[1] >> one.with[2];
        auto const* const known = std::find(std::begin(words), std::end(words), word);
        if (!parts || point != '.' || known == std::end(words))
            throw std::invalid_argument("not a fault: " + line);
        one.when = whole * millisecond + fraction;
        one.what = static_cast<trouble>(known - std::begin(words));
        out.push_back(one);
    }
    return out;
}

} // namespace tasuki::sim
