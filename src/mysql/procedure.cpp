#include "tasuki/mysql/procedure.hpp"

#include "tasuki/mysql/candidate.hpp"

#include <algorithm>

namespace tasuki::mysql {

namespace {

/// For the way to a peer and back, on top of what the operation itself may take.
constexpr duration way_and_back = milliseconds{300};

} // namespace

std::string_view to_string(conclusion how) {
    switch (how) {
    case conclusion::done:
        return "done";
    case conclusion::refused:
        return "refused";
    case conclusion::aborted:
        return "aborted";
    case conclusion::hand_over:
        return "hand_over";
    case conclusion::quarantined:
        return "quarantined";
    }
    return "aborted";
}

ask question_book::put(node_id node, operation what, duration limit, epoch under, instant now) {
    std::uint64_t const ticket = next_ticket++;
    open.push_back({ticket, node, what, now + limit + way_and_back});
    return {node, {ticket, under, limit, std::move(what)}};
}

std::optional<question> question_book::close(std::uint64_t ticket) {
    auto const place = std::find_if(open.begin(), open.end(),
                                    [&](question const& each) { return each.ticket == ticket; });
    if (place == open.end())
        return std::nullopt;
    question found = std::move(*place);
    open.erase(place);
    return found;
}

std::vector<question> question_book::expire(instant now) {
    auto const late = std::stable_partition(open.begin(), open.end(),
                                            [&](question const& each) { return now < each.bound; });
    std::vector<question> expired(late, open.end());
    open.erase(late, open.end());
    return expired;
}

bool question_book::waits_for(node_id node) const {
    return std::any_of(open.begin(), open.end(),
                       [&](question const& each) { return each.node == node; });
}

instant question_book::next_bound() const {
    instant earliest = never;
    for (question const& each : open)
        earliest = std::min(earliest, each.bound);
    return earliest;
}

bool tells_state(answer const& got) {
    if (!got.facts.life.is_set() && got.facts.condition == health::unknown)
        return false;
    return got.facts_age == duration::zero() || !is_usable(got.facts.condition);
}

answer lost_answer(question const& asked) {
    answer lost;
    lost.ticket = asked.ticket;
    lost.kind = failure::timed_out;
    lost.detail = "no answer in time to " + std::string(name_of(asked.what));
    return lost;
}

} // namespace tasuki::mysql
