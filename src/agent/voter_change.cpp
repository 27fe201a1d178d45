#include "tasuki/agent/voter_change.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

// Two voters are each a majority's half: one lost would stop the cluster.
constexpr std::size_t fewest_voters = 3;

bool has(std::vector<node_id> const& list, node_id node) {
    return std::find(list.begin(), list.end(), node) != list.end();
}

/// Whoever can vote now has to be a majority of each set on the way.
std::optional<voter_refusal> why_no_majority(std::vector<node_id> const& now,
                                             ask_voters const& wish, voter_eyes const& eyes) {
    auto voters = now;
    std::vector<node_id> able;
    std::copy_if(now.begin(), now.end(), std::back_inserter(able), eyes.hears);
    bool const silent_first = wish.remove.is_set() && !has(able, wish.remove);
    for (;;) {
        auto following = next_voters(voters, wish, silent_first);
        if (following.empty())
            return std::nullopt;
        bool const shrinks = following.size() < voters.size();
        if (shrinks)
            std::erase(able, wish.remove);
        auto const needed = election::majority_of(following.size());
        if (able.size() < needed)
            return voter_refusal{
                "too_few_heard",
                fmt::format("of the {} voters that there would be, {} are needed, and {} of the "
                            "present ones can be heard: the cluster would stand still",
                            following.size(), needed, able.size()),
                shrinks ? "tasuki status" : "tasuki voter replace SILENT-VOTER NODE"};
        voters = std::move(following);
        // The one that was added votes before the next step: nothing is settled earlier.
        if (!shrinks)
            able.push_back(wish.add);
    }
}

} // namespace

std::vector<node_id> next_voters(std::vector<node_id> const& now, ask_voters const& wish,
                                 bool silent_goes_first) {
    bool const adds = wish.add.is_set() && !has(now, wish.add);
    bool const removes = wish.remove.is_set() && has(now, wish.remove);
    auto following = now;
    if (removes && (silent_goes_first || !adds))
        std::erase(following, wish.remove);
    else if (adds)
        following.push_back(wish.add);
    else
        following.clear();
    return following;
}

std::optional<voter_refusal> why_not(std::vector<node_id> const& now, ask_voters const& wish,
                                     voter_eyes const& eyes) {
    bool const adds = wish.add.is_set();
    bool const removes = wish.remove.is_set();
    if (wish.add == wish.remove)
        return voter_refusal{"no_change", "say which node is to vote, or not to vote any more",
                             "tasuki voter --help"};
    if (adds && has(now, wish.add))
        return voter_refusal{"already_voter", eyes.name(wish.add) + " is a voter already",
                             "tasuki status"};
    if (removes && !has(now, wish.remove))
        return voter_refusal{"not_a_voter", eyes.name(wish.remove) + " is no voter",
                             "tasuki status"};
    auto const after = now.size() + (adds ? 1U : 0U) - (removes ? 1U : 0U);
    if (removes && after < fewest_voters)
        return voter_refusal{
            "too_few",
            fmt::format("{} voters would be left: one lost would stop the cluster", after),
            "tasuki voter add NODE first"};
    if (after > election::record_voters_max)
        return voter_refusal{"too_many",
                             fmt::format("at most {} nodes vote", election::record_voters_max),
                             "tasuki voter replace OLD NEW"};
    if (adds && !eyes.hears(wish.add))
        return voter_refusal{"not_heard",
                             eyes.name(wish.add) + " is not heard: start its agent first",
                             "tasuki status"};
    auto concerned = now;
    concerned.push_back(wish.add);
    auto const other = std::find_if_not(concerned.begin(), concerned.end(), eyes.same_file);
    if (other != concerned.end())
        return voter_refusal{"other_files",
                             eyes.name(*other) + " runs with another configuration: make the files "
                                                 "the same first",
                             "tasuki status"};
    return why_no_majority(now, wish, eyes);
}

bool is_copied(std::map<node_id, voter_memory> const& told, election::electorate const& all) {
    std::size_t answers = 0;
    bool founded = false;
    std::pair<epoch, record_version> newest{};
    for (auto const& [node, memory] : told) {
        if (!all.has(node))
            continue;
        ++answers;
        founded = founded || !memory.blank;
        newest = std::max(newest, memory.newest);
    }
    auto const knows = [&](auto const& each) {
        return all.has(each.first) && !each.second.blank && each.second.newest == newest;
    };
    auto const knowing = static_cast<std::size_t>(std::count_if(told.begin(), told.end(), knows));
    return answers >= all.majority() && (!founded || knowing >= all.majority());
}

epoch newest_promised(std::map<node_id, voter_memory> const& told,
                      election::electorate const& all) {
    epoch newest;
    for (auto const& [node, memory] : told)
        if (all.has(node))
            newest = std::max(newest, memory.promised);
    return newest;
}

} // namespace tasuki::agent
