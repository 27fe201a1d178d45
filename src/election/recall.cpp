// A voter without any state must not vote before it knows what it may have forgotten.
#include "tasuki/core/planted.hpp"
#include "tasuki/election/voting.hpp"

#include <algorithm>

namespace tasuki::election {

namespace {

/// What is asked once the silence is over bears another mark. Until then somebody may still count a
/// vote of our former life, together with one that is cast after the answer to us: such an answer
/// knows of neither.
incarnation late_question(incarnation life) {
    return incarnation{~life.value()};
}

/// Whether those who remember have seen whatever a majority once knew, though we forgot our part.
bool know_enough(voter const& it, electorate const& all) {
    if (!all.is_known)
        return false;
    auto const knowing = [&](incarnation mark, std::vector<node_id> const& among) {
        return static_cast<std::size_t>(
            std::count_if(it.recollections.begin(), it.recollections.end(), [&](auto const& each) {
                return !each.what.blank && each.what.life == mark && holds(among, each.node);
            }));
    };
    // Who counts our lost vote has voted for himself before he asked for it, if he votes at all.
    if (all.everybody_votes && all.voters.size() > 1 &&
        knowing(all.life, all.voters) == all.voters.size() - 1)
        return true;
    auto const enough = [&](std::vector<node_id> const& among) {
        auto const late = knowing(late_question(all.life), among);
        return late > 0 && late >= among.size() - among.size() / 2;
    };
    // Our lost vote may have counted in the set before, or in the next, of which we have forgotten.
    bool const voted_before =
        holds(all.before, all.self) && !planted(bug::recalled_from_new_voters);
    bool const votes_next = !all.next.empty() && !planted(bug::recalled_from_former_voters);
    return enough(all.voters) && (!voted_before || enough(all.before)) &&
           (!votes_next || enough(all.next));
}

std::vector<node_id> everybody_to_ask(electorate const& all) {
    auto out = all.voters;
    for (auto const* others : {&all.before, &all.next})
        std::copy_if(others->begin(), others->end(), std::back_inserter(out),
                     [&](node_id node) { return !holds(out, node); });
    return out;
}

} // namespace

/// Only what is on disk is told: whoever asks counts on its staying known.
void on_recall(voter& it, electorate const& all, node_id from, recall const& what,
               std::vector<command>& out) {
    // One that was removed still knows what it voted for.
    bool const knows = it.votes || (holds(all.before, all.self) && !it.blank);
    if (!knows || it.poisoned || it.misplaced)
        return;
    reply_when_stored(it, from,
                      recalled{what.life, it.blank, it.memory.promised, it.memory.promised_to,
                               it.memory.promised_life, it.memory.known, all.life},
                      out);
}

void on_recalled(voter& it, electorate const& all, node_id from, recalled const& what,
                 std::vector<command>& out) {
    bool const counts = all.has(from) || holds(all.before, from) || holds(all.next, from);
    incarnation const late = late_question(all.life);
    if (!it.votes || !it.blank || (what.life != all.life && what.life != late) || !counts)
        return;
    std::erase_if(it.recollections, [&](auto const& each) {
        return each.node == from && each.what.life == what.life;
    });
    it.recollections.push_back({from, what});
    bool const anything = std::any_of(it.recollections.begin(), it.recollections.end(),
                                      [](auto const& each) { return !each.what.blank; });
    if (!know_enough(it, all) && !(anything && planted(bug::recall_of_one)))
        return;
    for (auto const& [node, memory] : it.recollections) {
        if (memory.promised > it.memory.promised) {
            it.memory.promised = memory.promised;
            it.memory.promised_to = memory.promised_to;
            it.memory.promised_life = memory.promised_life;
        }
        if (memory.known.order() > it.memory.known.order() && !planted(bug::record_not_recalled))
            it.memory.known = memory.known;
    }
    it.recollections.clear();
    it.blank = false;
    persist(it, out);
}

void on_bootstrap(voter& it, electorate const& all, node_id from, bootstrap const& what,
                  instant now, std::vector<command>& out) {
    if (!it.votes || !it.blank || it.poisoned || !all.is_known ||
        (what.for_life != all.life && !planted(bug::bootstrap_of_any_life)))
        return;
    it.blank = false;
    it.silent_until = now; // no voter has any state: nobody can hold a lease
    it.memory.known = what.content;
    it.memory.promised = what.content.written_under;
    persist(it, out);
    auto const& content = what.content;
    reply_when_stored(
        it, from, written{content.written_under, content.version, true, it.memory.promised}, out);
}

instant remind(voter& it, electorate const& all, duration interval, instant now,
               std::vector<command>& out) {
    if (!it.votes || !it.blank)
        return never;
    if (now >= it.recall_at) {
        for (auto const other : everybody_to_ask(all))
            if (other != all.self) {
                out.emplace_back(send{other, recall{all.life}}); // a founder answers to this one
                if (now >= it.silent_until)
                    out.emplace_back(send{other, recall{late_question(all.life)}});
            }
        it.recall_at = now + interval;
    }
    return it.recall_at;
}

} // namespace tasuki::election
