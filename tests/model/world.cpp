#include "world.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tasuki::model {

namespace {

std::uint8_t bit(std::size_t index) {
    return static_cast<std::uint8_t>(1U << index);
}

/// Three voters have three pairs, five have ten.
constexpr unsigned pair_numbers[nodes_max][nodes_max] = {
    {0, 0, 1, 2, 3}, {0, 0, 4, 5, 6}, {1, 4, 0, 7, 8}, {2, 5, 7, 0, 9}, {3, 6, 8, 9, 0}};

} // namespace

std::uint64_t key_of(world const& it) {
    std::array<std::uint32_t, sizeof(world) / 4> words{};
    std::memcpy(words.data(), &it, sizeof it);
    std::uint64_t hash = 0;
    for (std::size_t each = 0; each < words.size(); ++each)
        if (words[each] != 0)
            hash = mix(hash ^ (std::uint64_t{words[each]} << 8U | (each + 1)));
    return hash;
}

std::optional<fault> action::kind_of_fault() const {
    switch (what) {
    case kind::local:
        break;
    case kind::deliver_once:
        return fault::again;
    case kind::lose:
        return fault::lose;
    case kind::delay:
        return fault::delay;
    case kind::pause:
        return fault::pause;
    case kind::silence:
        return fault::mute;
    case kind::deafen:
        return fault::deaf;
    case kind::cut:
        return fault::cut;
    case kind::deliver:
    case kind::resume:
    case kind::heal:
    case kind::time:
        return std::nullopt;
    }
    switch (how) {
    case deed::kill:
        return fault::kill;
    case deed::reboot:
        return argument == 2 ? fault::forget : fault::reboot;
    case deed::slow_disk:
        return fault::slow_disk;
    case deed::slow_close:
        return fault::slow_close;
    case deed::disk_fails:
        return argument == 1 ? fault::broken_disk : fault::full_disk;
    case deed::clock_off:
        return fault::clock;
    default:
        return std::nullopt;
    }
}

unsigned physics::pair_bit(std::size_t one, std::size_t other) const {
    return 1U << pair_numbers[one][other];
}

bool physics::passes(world const& it, std::size_t from, std::size_t to) const {
    return (it.mute >> from & 1U) == 0 && (it.deaf >> to & 1U) == 0 &&
           (it.cut & pair_bit(from, to)) == 0 && at(it, to).up;
}

// --- what can happen ----------------------------------------------------------------------------

void physics::possible(world const& it, unsigned faults_left, std::vector<action>& out) const {
    out.clear();
    bool const faults = faults_left > 0;
    all_urgent(it, out);
    bool const quiet = out.empty();
    bool const any_order = known_.world().any_order;
    if (quiet)
        out.push_back({kind::time});
    else if (!any_order)
        out.erase(out.begin() + 1, out.end());
    if (quiet || any_order) {
        for (std::size_t index = 0; index < nodes_; ++index)
            wishes_and_returns(it, index, out);
        network_returns(it, out);
    }
    if (!faults)
        return;
    for (std::size_t index = 0; index < nodes_; ++index)
        local_faults(it, index, out);
    network_faults(it, out);
    std::erase_if(out, [&](action const& each) {
        auto const of = each.kind_of_fault();
        return of && (known_.world().faulty & bit_of(*of)) == 0;
    });
}

/// What the operator wants, and what was slow or down.
void physics::wishes_and_returns(world const& it, std::size_t index,
                                 std::vector<action>& out) const {
    auto const& here = at(it, index);
    auto const place = static_cast<std::uint8_t>(index);
    auto const local = [&](deed what, std::uint8_t argument = 0) {
        out.push_back({kind::local, what, place, argument});
    };
    auto const& limits = known_.world();
    if (!here.up)
        return local(deed::boot);
    if (!runs(it, index))
        return out.push_back({kind::resume, deed::wake, place});
    if (here.writing && here.state.slow_disk)
        local(deed::disk_done);
    if (here.closing && here.state.slow_close)
        local(deed::close_done);
    if (index == 0 && here.state.elect.vote.votes && here.state.elect.vote.blank &&
        limits.unfounded && it.forgotten == 0 && !here.state.elect.first.under_way)
        local(deed::found_cluster);
    if (here.free_to_write && it.wishes < limits.writes)
        local(deed::write, static_cast<std::uint8_t>(it.wishes + 1));
    if (here.active && it.hand_overs < limits.hand_overs)
        for (std::size_t to = 0; to < limits.candidates; ++to)
            if (to != index)
                local(deed::hand_over, static_cast<std::uint8_t>(to));
}

void physics::local_faults(world const& it, std::size_t index, std::vector<action>& out) const {
    auto const& here = at(it, index);
    auto const place = static_cast<std::uint8_t>(index);
    if (!here.up)
        return;
    if (it.restarts < known_.world().restarts)
        crashes(it, index, out);
    if (!runs(it, index))
        return;
    out.push_back({kind::pause, deed::wake, place});
    if (here.writing && !here.state.slow_disk)
        out.push_back({kind::local, deed::slow_disk, place});
    if (here.closing && !here.state.slow_close)
        out.push_back({kind::local, deed::slow_close, place});
    if (here.writing) {
        out.push_back({kind::local, deed::disk_fails, place, 0});
        out.push_back({kind::local, deed::disk_fails, place, 1});
    }
    if (!here.state.clock_off)
        out.push_back({kind::local, deed::clock_off, place});
}

void physics::crashes(world const& it, std::size_t index, std::vector<action>& out) const {
    auto const& here = at(it, index);
    auto const place = static_cast<std::uint8_t>(index);
    if (it.forgotten == 0 && here.has_disk)
        out.push_back({kind::local, deed::reboot, place, 2});
    for (deed const how : {deed::kill, deed::reboot}) {
        out.push_back({kind::local, how, place, 0});
        if (here.writing)
            out.push_back({kind::local, how, place, 1});
    }
}

void physics::network_returns(world const& it, std::vector<action>& out) const {
    for (std::uint8_t place = 0; place < it.letter_count; ++place) {
        auto const to = known_.letter(it.letters[place] & ~late_mark).to;
        if ((it.letters[place] & late_mark) != 0 && runs(it, to))
            out.push_back({kind::deliver, deed::hear, static_cast<std::uint8_t>(to), place});
    }
    for (std::uint8_t one = 0; one < nodes_; ++one) {
        if ((it.mute & bit(one)) != 0)
            out.push_back({kind::heal, deed::wake, one, 0});
        if ((it.deaf & bit(one)) != 0)
            out.push_back({kind::heal, deed::wake, one, 1});
        for (auto other = static_cast<std::uint8_t>(one + 1); other < nodes_; ++other)
            if ((it.cut & pair_bit(one, other)) != 0)
                out.push_back({kind::heal, deed::wake, one, static_cast<std::uint8_t>(2 + other)});
    }
}

void physics::network_faults(world const& it, std::vector<action>& out) const {
    for (std::uint8_t place = 0; place < it.letter_count; ++place) {
        auto const to = known_.letter(it.letters[place] & ~late_mark).to;
        auto const index = static_cast<std::uint8_t>(to);
        if (runs(it, to))
            out.push_back({kind::deliver_once, deed::hear, index, place});
        if ((it.letters[place] & late_mark) != 0)
            continue;
        out.push_back({kind::lose, deed::hear, index, place});
        out.push_back({kind::delay, deed::hear, index, place});
    }
    for (std::uint8_t one = 0; one < nodes_; ++one) {
        if ((it.mute & bit(one)) == 0)
            out.push_back({kind::silence, deed::wake, one});
        if ((it.deaf & bit(one)) == 0)
            out.push_back({kind::deafen, deed::wake, one});
        for (auto other = static_cast<std::uint8_t>(one + 1); other < nodes_; ++other)
            if ((it.cut & pair_bit(one, other)) == 0)
                out.push_back({kind::cut, deed::wake, one, other});
    }
}

/// What has to happen before time goes on: datagrams, then disks, addresses and timers.
void physics::all_urgent(world const& it, std::vector<action>& out) const {
    for (std::uint8_t place = 0; place < it.letter_count; ++place) {
        auto const to = known_.letter(it.letters[place] & ~late_mark).to;
        if ((it.letters[place] & late_mark) == 0 && runs(it, to))
            out.push_back({kind::deliver, deed::hear, static_cast<std::uint8_t>(to), place});
    }
    for (std::uint8_t index = 0; index < nodes_; ++index) {
        auto const& here = at(it, index);
        if (!runs(it, index))
            continue;
        if (here.writing && !here.state.slow_disk)
            out.push_back({kind::local, deed::disk_done, index, 0});
        if (here.closing && !here.state.slow_close)
            out.push_back({kind::local, deed::close_done, index, 0});
        if (here.due)
            out.push_back({kind::local, deed::wake, index, 0});
    }
}

// --- what it leads to ---------------------------------------------------------------------------

outcome physics::apply(world const& before, action what) {
    outcome out{before, nullptr, false};
    auto& it = out.after;
    std::size_t const index = what.machine;
    switch (what.what) {
    case kind::local:
        it.wishes = static_cast<std::uint8_t>(it.wishes + (what.how == deed::write ? 1 : 0));
        it.hand_overs =
            static_cast<std::uint8_t>(it.hand_overs + (what.how == deed::hand_over ? 1 : 0));
        if (what.how == deed::kill || what.how == deed::reboot) {
            ++it.restarts;
            it.paused = static_cast<std::uint8_t>(it.paused & ~bit(index));
            if (what.argument == 2)
                it.forgotten = 1;
        }
        happen(out, index, what.how, what.argument, 0);
        break;
    case kind::deliver:
    case kind::deliver_once: {
        auto const letter = it.letters[what.argument] & ~late_mark;
        take_letter(it, what.argument);
        if (what.what == kind::deliver_once)
            put_letter(it, letter | late_mark);
        note_hearing(it, index);
        happen(out, index, deed::hear, 0, letter);
        break;
    }
    case kind::lose:
        take_letter(it, what.argument);
        break;
    case kind::delay:
        make_late(it, what.argument);
        break;
    case kind::pause:
        it.paused |= bit(index);
        break;
    case kind::resume:
        it.paused = static_cast<std::uint8_t>(it.paused & ~bit(index));
        break;
    case kind::silence:
        it.mute |= bit(index);
        break;
    case kind::deafen:
        it.deaf |= bit(index);
        break;
    case kind::cut:
        it.cut = static_cast<std::uint16_t>(it.cut | pair_bit(index, what.argument));
        break;
    case kind::heal:
        heal(it, index, what.argument);
        break;
    case kind::time:
        elapse(out);
        break;
    }
    check_world(out);
    return out;
}

void physics::make_late(world& it, std::size_t place) const {
    auto const letter = it.letters[place];
    take_letter(it, place);
    put_letter(it, letter | late_mark);
}

void physics::note_hearing(world& it, std::size_t index) {
    it.unheard = static_cast<std::uint8_t>(it.unheard & ~bit(index));
    it.long_unheard = static_cast<std::uint8_t>(it.long_unheard & ~bit(index));
}

void physics::heal(world& it, std::size_t index, std::uint8_t what) const {
    if (what == 1)
        note_hearing(it, index);
    if (what == 0)
        it.mute = static_cast<std::uint8_t>(it.mute & ~bit(index));
    else if (what == 1)
        it.deaf = static_cast<std::uint8_t>(it.deaf & ~bit(index));
    else
        it.cut = static_cast<std::uint16_t>(it.cut & ~pair_bit(index, what - 2U));
}

void physics::happen(outcome& out, std::size_t index, deed what, std::uint64_t argument,
                     datagram_number heard) {
    auto& it = out.after;
    auto const& follows = known_.react(it.machines[index], index, what, argument, heard);
    it.machines[index] = follows.after;
    if (follows.found.renewed)
        age_renewals(it, index, at(it, index).state.life);
    if (!at(it, index).up)
        drop_lost(it, index);
    for (auto const letter : follows.letters) {
        auto const to = known_.letter(letter).to;
        if (passes(it, index, to))
            put_letter(it, letter);
    }
    if (follows.found.violation != nullptr)
        out.violation = follows.found.violation;
    check_claims(out, index, follows.found);
    check_records(out, follows.found);
    out.beyond = at(it, index).claim_under > known_.world().last_epoch;
}

void physics::elapse(outcome& out) {
    out.after.long_unheard = static_cast<std::uint8_t>(out.after.unheard & out.after.deaf);
    out.after.unheard = out.after.deaf;
    for (std::size_t index = 0; index < nodes_; ++index) {
        std::uint64_t const fast = out.after.fast >> index & 1U;
        auto& machine = out.after.machines[index];
        machine = known_.react(machine, index, deed::elapse, fast, 0).after;
    }
}

void physics::put_letter(world& it, std::uint32_t letter) const {
    auto const begin = it.letters.begin();
    auto const place = std::lower_bound(begin, begin + it.letter_count, letter);
    bool const there = place != begin + it.letter_count && *place == letter;
    if (there || it.letter_count == letters_max)
        return; // twice the same at once is as once; what is too much is lost
    std::copy_backward(place, begin + it.letter_count, begin + it.letter_count + 1);
    *place = letter;
    ++it.letter_count;
}

void physics::take_letter(world& it, std::size_t place) {
    auto const begin = it.letters.begin();
    auto const at = begin + static_cast<std::ptrdiff_t>(place);
    std::copy(at + 1, begin + it.letter_count, at);
    it.letters[--it.letter_count] = 0;
}

/// What was about to arrive at a machine that has just died is lost; what comes late may find it
/// running again.
void physics::drop_lost(world& it, std::size_t machine) const {
    for (std::size_t place = it.letter_count; place-- > 0;)
        if ((it.letters[place] & late_mark) == 0 && known_.letter(it.letters[place]).to == machine)
            take_letter(it, place);
}

void physics::age_renewals(world& it, std::size_t holder, unsigned life) {
    auto const letters = it.letters;
    auto const count = it.letter_count;
    it.letters = {};
    it.letter_count = 0;
    for (std::size_t place = 0; place < count; ++place) {
        auto const letter = letters[place] & ~late_mark;
        put_letter(it,
                   known_.one_renewal_later(letter, holder, life) | (letters[place] & late_mark));
    }
}

} // namespace tasuki::model
