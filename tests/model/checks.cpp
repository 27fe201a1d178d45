// What must hold in every world, the worlds that an exploration begins with, and whether service
// comes back.
#include "world.hpp"

#include <algorithm>

namespace tasuki::model {

namespace {

constexpr unsigned calm_steps_max = 40;

std::uint8_t small(std::uint64_t value) {
    return static_cast<std::uint8_t>(value);
}

} // namespace

void physics::check_claims(outcome& out, std::size_t index, findings const& found) const {
    auto& it = out.after;
    if (found.claimed.is_set() && found.claimed.value() - 2 < epochs_max) {
        auto& holder = it.holder_of[found.claimed.value() - 2];
        auto const who = small(1 + index * 16 + at(it, index).state.life);
        if (holder != 0 && holder != who)
            out.violation = "one epoch was promised to two by majorities";
        holder = who;
    }
    if (found.claims && (it.long_unheard >> index & 1U) != 0)
        out.violation = "a machine that hears nobody uses up an epoch";
    for (std::size_t each = 0; each < nodes_ && found.given_back.is_set(); ++each) {
        auto const& disk = at(it, each).state.disk;
        if (disk && disk->known.written_under == found.given_back &&
            disk->known.active == found.given_back_by)
            out.violation = "a promise was given back after a record was written under it";
    }
    if (found.released.is_set())
        it.released |= small(1U << found.released.value());
    if (!found.served.is_set())
        return;
    if ((it.released >> found.served.value() & 1U) != 0)
        out.violation = "a released epoch is served";
    if (!found.opened)
        return;
    if (found.served.value() < it.served_epoch)
        out.violation = "an epoch begins to serve after a newer one did";
    if (found.served_wish < it.committed_wish)
        out.violation = "a holder serves without a record that a majority has had";
    it.served_epoch = std::max(it.served_epoch, small(found.served.value()));
    it.served_wish = small(found.served_wish);
}

/// Whether the voter has granted the holder this epoch, or is silent for as long as it may have.
bool physics::is_bound(world const& it, std::size_t voter, std::size_t holder, epoch under) const {
    auto const& here = at(it, voter).state;
    auto const granted = [&](election::live_grant const& to) {
        return to.under == under && to.holder == node_of(holder) && to.expires > present;
    };
    if (!here.up)
        return !here.stamp_known || (here.stamp && granted(*here.stamp));
    return here.elect.vote.silent_until > present || granted(here.elect.vote.granted);
}

void physics::check_records(outcome& out, findings const& found) const {
    auto& it = out.after;
    for (auto const& commit : found.commits) {
        auto const under = small(commit.order.first.value());
        auto const version = small(commit.order.second.value());
        for (std::size_t each = known_.world().observers; each < nodes_; ++each) {
            auto const& disk = at(it, each).state.disk;
            if (disk && disk->known.order() > commit.order && wish_in(disk->known) < commit.wish)
                out.violation = "a record counts as committed that a newer one lacks";
        }
        if (under < it.served_epoch && commit.wish > it.served_wish)
            out.violation = "a record counts as committed that the next holder has not read";
        if (std::pair{under, version} > std::pair{it.committed_epoch, it.committed_version}) {
            it.committed_epoch = under;
            it.committed_version = version;
        }
        it.committed_wish = std::max(it.committed_wish, small(commit.wish));
    }
}

/// As long as somebody answers, those who have let him do so must be too many for another election.
void physics::check_bound(outcome& out) const {
    auto const voters = nodes_ - known_.world().observers;
    for (std::size_t index = 0; index < nodes_; ++index) {
        auto const& here = at(out.after, index);
        if (!here.up || !here.answers)
            continue;
        std::size_t bound = 0;
        for (std::size_t voter = known_.world().observers; voter < nodes_; ++voter)
            bound += is_bound(out.after, voter, index, here.state.elect.under) ? 1U : 0U;
        if (voters - bound >= election::majority_of(voters))
            out.violation = "a majority is free to elect another while one answers";
    }
}

void physics::check_world(outcome& out) const {
    auto const& it = out.after;
    std::size_t answering = 0;
    std::size_t lacking = 0;
    std::pair const committed{epoch{it.committed_epoch}, record_version{it.committed_version}};
    for (std::size_t index = 0; index < nodes_; ++index) {
        auto const& here = at(it, index);
        answering += here.answers ? 1U : 0U;
        bool const votes = index >= known_.world().observers;
        lacking += votes && here.has_disk && here.on_disk < committed ? 1U : 0U;
        for (std::size_t other = 0; other < index; ++other) {
            auto const& there = at(it, other);
            if (here.has_disk && there.has_disk && here.on_disk == there.on_disk &&
                here.content != there.content)
                out.violation = "two records have one epoch and version";
        }
    }
    if (answering > 1)
        out.violation = "two machines answer for the address";
    else
        check_bound(out);
    if (lacking >= election::majority_of(nodes_ - known_.world().observers))
        out.violation = "a majority that does not know a committed record could elect a holder";
}

world physics::beginning(std::uint8_t fast) {
    election::record first;
    first.written_under = epoch{1};
    first.version = record_version{1};
    std::vector<node_id> voters;
    for (std::size_t index = known_.world().observers; index < nodes_; ++index)
        voters.push_back(node_of(index));
    machine one;
    one.disk = election::durable_state{epoch{1}, {}, {}, first, election::voter_set_of(voters)};
    one.stamp_known = true;
    normalise(one, known_.world());
    machine observer = one;
    observer.disk.reset();
    world out;
    out.fast = fast;
    for (std::size_t index = 0; index < nodes_; ++index)
        out.machines[index] = known_.number_of(index < known_.world().observers ? observer : one);
    for (std::size_t index = 0; index < nodes_; ++index)
        out = apply(out, {kind::local, deed::boot, small(index), 0}).after;
    return out;
}

world physics::held(std::uint8_t fast) {
    auto out = beginning(fast);
    // B begins a moment later, so that it is A who stands first.
    auto const late = out.machines[1];
    out = apply(out, {kind::local, deed::kill, 1, 0}).after;
    out = settle(out, true);
    auto const life_before = known_.at(late).state.life;
    auto fresh = known_.at(out.machines[1]).state;
    fresh.life = life_before - 1;
    out.machines[1] = known_.number_of(fresh);
    out = apply(out, {kind::local, deed::boot, 1, 0}).after;
    out.restarts = 0;
    return settle(out, false);
}

world physics::unfounded(std::uint8_t fast) {
    machine empty;
    empty.stamp_known = true;
    normalise(empty, known_.world());
    world out;
    out.fast = fast;
    for (std::size_t index = 0; index < nodes_; ++index)
        out.machines[index] = known_.number_of(empty);
    for (std::size_t index = 0; index < nodes_; ++index)
        out = apply(out, {kind::local, deed::boot, small(index), 0}).after;
    return out;
}

std::optional<action> physics::urgent(world const& it) const {
    std::vector<action> all;
    all_urgent(it, all);
    return all.empty() ? std::nullopt : std::optional{all.front()};
}

/// Everything works: until somebody answers, or until one step of time later.
world physics::settle(world it, bool until_held) {
    for (unsigned steps = 0; steps < calm_steps_max;) {
        auto const next = urgent(it);
        if (!next && until_held && answers(it, 0))
            break;
        if (!next && !until_held && steps == 1)
            break;
        steps += next ? 0U : 1U;
        it = apply(it, next.value_or(action{kind::time})).after;
    }
    return it;
}

std::optional<unsigned> physics::calm(world it) {
    it.mute = it.deaf = it.paused = 0;
    it.cut = 0;
    for (std::size_t place = it.letter_count; place-- > 0;)
        if ((it.letters[place] & late_mark) != 0)
            take_letter(it, place);
    for (std::uint8_t index = 0; index < nodes_; ++index)
        if (!at(it, index).up)
            it = apply(it, {kind::local, deed::boot, index, 0}).after;
    for (unsigned steps = 0; steps < calm_steps_max;) {
        auto next = urgent(it);
        // What was slow is slow no more.
        for (std::uint8_t index = 0; !next && index < nodes_; ++index) {
            if (at(it, index).writing)
                next = action{kind::local, deed::disk_done, index, 0};
            else if (at(it, index).closing)
                next = action{kind::local, deed::close_done, index, 0};
        }
        for (std::size_t index = 0; !next && index < nodes_; ++index)
            if (answers(it, index) && at(it, index).active)
                return steps;
        steps += next ? 0U : 1U;
        it = apply(it, next.value_or(action{kind::time})).after;
    }
    return std::nullopt;
}

} // namespace tasuki::model
