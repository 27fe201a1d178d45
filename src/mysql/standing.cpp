#include "tasuki/mysql/standing.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::mysql {

namespace {

bool holds_node(std::vector<acker> const& set, node_id node) {
    return std::any_of(set.begin(), set.end(),
                       [&](acker const& each) { return each.node == node; });
}

bool holds(std::vector<acker> const& set, acker const& who) {
    return std::find(set.begin(), set.end(), who) != set.end();
}

freeze_count count_one(std::vector<acker> const& set, std::size_t required,
                       std::vector<acker> const& frozen) {
    freeze_count count;
    count.ackers = set.size();
    count.frozen =
        static_cast<std::size_t>(std::count_if(set.begin(), set.end(), [&](acker const& each) {
            return planted(bug::freeze_of_any_life) ? holds_node(frozen, each.node)
                                                    : holds(frozen, each);
        }));
    if (required > 0 && set.size() >= required)
        count.needed = set.size() - required + 1;
    return count;
}

std::string names(std::vector<acker> const& set, std::vector<member> const& members) {
    std::string text;
    for (acker const& each : set)
        text += (text.empty() ? "" : ", ") + name_of(members, each.node);
    return text.empty() ? "nobody" : text;
}

std::string in_words(freeze_count const& count) {
    if (count.needed == 0)
        return "only " + std::to_string(count.ackers) + " ackers recorded, so none can be proven";
    return std::to_string(count.frozen) + " of " + std::to_string(count.ackers) +
           " ackers frozen, " + std::to_string(count.needed) + " needed";
}

} // namespace

member const* find(std::vector<member> const& members, node_id node) {
    auto const place = std::find_if(members.begin(), members.end(),
                                    [&](member const& each) { return each.node == node; });
    return place == members.end() ? nullptr : &*place;
}

std::string name_of(std::vector<member> const& members, node_id node) {
    member const* const known = find(members, node);
    return known != nullptr && !known->name.empty() ? known->name : std::to_string(node.value());
}

std::string to_string(standing const& now, std::vector<member> const& members) {
    std::string text = "master " + name_of(members, now.master) + ", k " +
                       std::to_string(now.required) + ", ackers " + names(now.ackers, members);
    if (!now.next_ackers.empty())
        text += ", changing to " + names(now.next_ackers, members);
    return now.degraded ? text + ", degraded" : text;
}

bool is_acker(standing const& now, node_id node) {
    return holds_node(now.ackers, node) || holds_node(now.next_ackers, node);
}

bool is_acker(standing const& now, acker const& who) {
    return holds(now.ackers, who) || holds(now.next_ackers, who);
}

freeze_verdict count_frozen(standing const& recorded, std::vector<acker> const& frozen) {
    freeze_verdict verdict;
    verdict.now = count_one(recorded.ackers, recorded.required, frozen);
    verdict.next = recorded.next_ackers.empty() || planted(bug::next_set_ignored)
                       ? verdict.now
                       : count_one(recorded.next_ackers, recorded.required, frozen);
    verdict.enough = !recorded.degraded && verdict.now.enough() && verdict.next.enough();
    return verdict;
}

std::string to_string(freeze_verdict const& verdict) {
    std::string now = in_words(verdict.now);
    if (verdict.next == verdict.now)
        return now;
    return now + "; of the set being changed to: " + in_words(verdict.next);
}

std::string_view to_string(milestone reached) {
    switch (reached) {
    case milestone::steady:
        return "steady";
    case milestone::fence:
        return "fence";
    case milestone::choose:
        return "choose";
    case milestone::closed:
        return "closed";
    case milestone::open:
        return "open";
    }
    return "steady";
}

} // namespace tasuki::mysql
