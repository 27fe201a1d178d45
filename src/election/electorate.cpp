// Among whom a voter counts, and how it goes over from one set of voters to the next.
#include "tasuki/core/planted.hpp"
#include "tasuki/election/voter.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::election {

voter_set electorate::set() const {
    return voter_set_of(voters, version);
}

bool electorate::renews_alone() const {
    bool const nobody_else = before.empty() || before == std::vector{self};
    return voters.size() == 2 && has(self) &&
           ((nobody_else && next.empty()) || planted(bug::renewed_alone_always));
}

voter_set voter_set_of(std::vector<node_id> voters, std::uint32_t version) {
    std::sort(voters.begin(), voters.end());
    std::uint64_t hash = 14695981039346656037U; // FNV-1a
    for (auto const voter : voters)
        for (unsigned shift = 0; shift < 32; shift += 8) {
            hash ^= voter.value() >> shift & 0xffU;
            hash *= 1099511628211U;
        }
    return {version, voter_set_id{hash == 0 ? 1U : hash}};
}

voter start_voter(electorate const& all, voter_start const& start, instant now) {
    voter it;
    it.votes = all.has(all.self) || planted(bug::voiceless_votes);
    it.blank = !start.remembered.has_value() && !planted(bug::blank_votes);
    if (start.remembered)
        it.memory = *start.remembered;
    else
        it.memory.voters = all.set();
    // A state of an older set holds in those that follow it.
    bool const earlier = it.memory.voters.version < all.version;
    it.misplaced = !earlier && it.memory.voters != all.set() && !planted(bug::other_set_votes);
    if (earlier)
        it.memory.voters = all.set();
    if (start.stamped && !planted(bug::stamp_not_read))
        it.granted = *start.stamped;
    bool const knows_its_grants = start.stamped.has_value() && !it.blank;
    if (!knows_its_grants && !planted(bug::no_restart_silence))
        it.silent_until = now + longest_lease;
    return it;
}

void move_to(voter& it, electorate const& all, instant now, std::vector<command>& out) {
    bool const joins = !it.votes && all.has(all.self);
    it.votes = all.has(all.self);
    it.misplaced = it.memory.voters.version > all.version;
    if (!it.misplaced)
        it.memory.voters = all.set();
    it.recollections.clear(); // they were told to a voter of another set
    if (joins)
        it.silent_until = std::max(it.silent_until, now + longest_lease);
    // What it was told while it had no vote is in memory only.
    if (joins && !it.blank && !it.poisoned)
        out.emplace_back(store{++it.last_ticket, it.memory});
}

} // namespace tasuki::election
