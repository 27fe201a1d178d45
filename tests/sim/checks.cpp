// What must hold at every instant, and what must hold once the faults have stopped.
#include "world.hpp"

#include <algorithm>

namespace tasuki::sim {

bool world::answers(std::size_t index) const {
    auto const& at = machines_[index];
    return at.address && local(index, now_) < at.address_hard;
}

void world::check_address(std::size_t index) {
    if (!answers(index))
        return;
    for (std::size_t other = 0; other < machines_.size(); ++other)
        if (other != index && answers(other))
            violated("nodes " + std::to_string(index) + " (epoch " +
                     std::to_string(machines_[index].address_epoch.value()) + ") and " +
                     std::to_string(other) + " (epoch " +
                     std::to_string(machines_[other].address_epoch.value()) + ") both answer");
    auto const under = machines_[index].address_epoch;
    auto const [known, first] = opened_by_.emplace(under, index);
    if (!first && known->second != index)
        violated("epoch " + std::to_string(under.value()) + " has two holders");
    if (first && under < highest_opened_)
        violated("epoch " + std::to_string(under.value()) + " was opened after epoch " +
                 std::to_string(highest_opened_.value()));
    highest_opened_ = std::max(highest_opened_, under);
}

void world::check_records(std::size_t index) {
    auto& at = machines_[index];
    auto const& group = *at.agent->groups().at(group_);
    auto const& elect = group.election_state();
    if (elect.vote.memory.promised < at.seen_epoch && !elect.vote.blank)
        violated("node " + std::to_string(index) + " went back to epoch " +
                 std::to_string(elect.vote.memory.promised.value()));
    // Only what was durable counts across a crash: an unanswered promise may be forgotten.
    if (at.disk)
        at.seen_epoch = std::max(at.seen_epoch, at.disk->promised);
    else
        at.seen_epoch = {};
    if (elect.now_role != election::role::active)
        return;
    auto const& standby = elect.latest.standby;
    auto const newest = std::max_element(standby.begin(), standby.end());
    std::uint64_t const marker = newest == standby.end() ? 0 : newest->value() - marker_base;
    if (answers(index) && marker < committed_marker_)
        violated("node " + std::to_string(index) + " serves with record " + std::to_string(marker) +
                 " though " + std::to_string(committed_marker_) + " was committed");
    if (!answers(index) || marker <= committed_marker_)
        return;
    committed_marker_ = marker;
    say(std::to_string(index) + " has record " + std::to_string(marker) + " committed");
}

void world::check_end() {
    auto const serving = [&] {
        std::size_t count = 0;
        for (std::size_t each = 0; each < machines_.size(); ++each)
            count += answers(each) ? 1U : 0U;
        return count;
    };
    if (serving() == 1)
        return;
    only_late_ = true;
    violated("service did not return: " + std::to_string(serving()) + " nodes serve at the end");
}

void world::violated(std::string what) {
    if (violation_)
        return;
    say("VIOLATION " + what);
    violation_ = std::to_string(now_ / millisecond) + " ms: " + std::move(what);
}

} // namespace tasuki::sim
