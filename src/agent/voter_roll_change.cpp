// The change of the voters itself: what the holder of their record does next.
#include "tasuki/agent/voter_roll.hpp"

#include "tasuki/core/planted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

// Whoever asks for a change goes on with it; the voters do if that one is gone, one after the
// other.
constexpr duration others_go_on_after = milliseconds{2000};
constexpr duration patience = milliseconds{60'000};
constexpr int able_intervals = 3;

/// A lease of the old set is over by then on every clock, as is what is counted together for one
/// write of a record.
duration settling_time(election::lease_terms const& terms) {
    auto const longest = static_cast<double>(election::longest_lease.count());
    return duration{static_cast<duration::rep>(longest * (1.0 + 2.0 * terms.clock_drift))};
}

} // namespace

void voter_roll::wish(work& job, operator_asked const& asked, ask_voters const& it) {
    auto const refuse = [&](voter_refusal why) {
        answer_operator reply{.request = asked.request};
        reply.code = std::move(why.code);
        reply.text = std::move(why.text);
        reply.next_command = std::move(why.next_command);
        job.effects.emplace_back(std::move(reply));
    };
    if (node_.fence)
        return refuse({"fenced",
                       "two voters with a fence: the one that is left removes the other, and adds "
                       "it again when it is back",
                       "without [fence] in the files voters are added by hand"});
    if (wished_ || is_unfinished())
        return refuse({"busy", "another change goes on: " + change(), "tasuki check"});
    if (known() == nullptr || elect_.vote.misplaced || retiring_)
        return refuse({"no_record", "this node has not learnt yet who votes: ask on a voter",
                       "tasuki status"});
    if (auto const why = why_not(rules_.cluster.voters, it, eyes(job)))
        return refuse(*why);
    wished_ = {it, asked.operation, job.at.now + patience};
    job.effects.emplace_back(
        answer_operator{.request = asked.request, .accepted = true, .text = "started"});
    update_fitness(job);
}

voter_eyes voter_roll::eyes(work& job) const {
    auto const heard = [this, &job](node_id node) { return node == node_.self || job.alive(node); };
    return {heard, [this](node_id node) { return node_.name_of(node); },
            [this, &job, heard](node_id node) {
                auto const* const peer = job.peers.find(node);
                return peer == nullptr || !heard(node) || peer->config_digest == node_.digest;
            }};
}

/// What is wished and not done yet.
ask_voters voter_roll::left_of(std::vector<node_id> const& now) const {
    auto const votes = [&](node_id node) {
        return std::find(now.begin(), now.end(), node) != now.end();
    };
    auto left = wished_->what;
    if (votes(left.add))
        left.add = {};
    if (!votes(left.remove))
        left.remove = {};
    return left;
}

void voter_roll::update_fitness(work& job) {
    auto const& voters = rules_.cluster.voters;
    auto const place = std::find(voters.begin(), voters.end(), node_.self) - voters.begin();
    election::suitability fit;
    fit.eligible = (wished_ || is_unfinished() || is_one_off()) && !retiring_;
    fit.delay = wished_ || is_one_off() ? duration::zero() : (1 + place) * others_go_on_after;
    if (fit == told_fit_)
        return;
    told_fit_ = fit;
    step(job, fit);
}

/// No lease that was granted before a majority had the newest record of the voters lives then.
instant voter_roll::leases_end_at() const {
    return planted(bug::settled_at_once) ? committed_at_
                                         : committed_at_ + settling_time(rules_.terms);
}

instant voter_roll::proceeds_at() const {
    bool const holds = elect_.now_role == election::role::active && !elect_.writing.under_way &&
                       elect_.latest.voters;
    bool const idle =
        holds && elect_.latest.voters->next.empty() && elect_.latest.voters->is_settled();
    if (!holds || idle)
        return never; // looked at with each renewal
    return std::max(leases_end_at(), ask_again_at_);
}

/// The holder takes the next step, if the one before is in the record of a majority.
void voter_roll::proceed(work& job) {
    if (elect_.now_role != election::role::active || elect_.writing.under_way ||
        !elect_.latest.voters)
        return;
    auto now = *elect_.latest.voters;
    if (now.version == 0 && rules_.cluster.version == 0)
        now.voters = rules_.cluster.voters; // the file has the word until the first change
    if (!now.next.empty()) {
        // Each of two voters may hold a lease by its own vote, granted before it agreed to this.
        bool const over = now.voters.size() != 2 || is_one_off() || job.at.now >= leases_end_at();
        if (over)
            enter_next(job, now);
        return;
    }
    std::vector const alone{node_.self};
    if (!now.is_settled() && is_one_off()) {
        // What it knows cannot be asked for. It has never counted in a settled set since this node
        // decided alone, so it has nothing to say about that going on.
        if (now.before == alone)
            enter_next(job, {now.version, now.voters, alone, {}, now.floor});
        return;
    }
    if (!now.is_settled())
        return settle(job, now);
    if (is_one_off())
        return begin_next(job, now, alone);
    if (wished_)
        return consider_next(job, now);
    step(job, election::hand_over{});
}

/// One step closer to what is wished here. Another wish may have been granted elsewhere meanwhile.
void voter_roll::consider_next(work& job, election::roll now) {
    auto following = following_voters(job, now.voters);
    if (following.empty()) {
        end_wish(job, "done", names(now.voters) + " vote");
        return step(job, election::hand_over{});
    }
    if (wished_->automatic && !job.alive(wished_->what.add))
        return end_wish(job, "failed", "it is gone again");
    if (!wished_->automatic)
        if (auto const refused = why_not(now.voters, left_of(now.voters), eyes(job)))
            return end_wish(job, "refused", refused->text);
    if (can_do_without_others(job.at.now, following))
        begin_next(job, now, std::move(following));
}

bool voter_roll::is_one_off() const {
    return rules_.cluster.is_one_of_two_absent() && rules_.cluster.has(node_.self);
}

void voter_roll::without(work& job, node_id absent) {
    if (rules_.cluster.absent != absent) {
        rules_.cluster.absent = absent;
        act(job, election::voters_changed{});
    }
    take_back(job);
}

/// The voter that was off is back, and knows that it has no vote.
void voter_roll::take_back(work& job) {
    auto const* const last = known();
    bool const alone =
        node_.fence && last != nullptr && rules_.cluster.voters == std::vector{node_.self};
    if (!alone || wished_ || is_unfinished() || retiring_)
        return;
    for (auto const voter : node_.fence->voters) {
        auto const* const peer = job.peers.find(voter);
        if (peer == nullptr || !job.alive(voter) || peer->voters != rules_.cluster.set())
            continue;
        ask_voters wish;
        wish.add = voter;
        wish.reason = "it is back";
        wished_ = {wish, operation_id{job.at.wall_ms}, job.at.now + patience, true};
        return update_fitness(job);
    }
}

/// Those who have granted the last renewals can vote now; the others may have lost their state, or
/// have just started, or are new.
bool voter_roll::can_do_without_others(instant now, std::vector<node_id> const& following) const {
    auto const recent = now - able_intervals * rules_.interval;
    if (holds_since_ > recent)
        return false;
    if (rules_.cluster.voters == std::vector{node_.self})
        return true; // whoever has decided alone renews alone until the other one can vote
    auto const able = std::count_if(following.begin(), following.end(), [&](node_id node) {
        return std::any_of(elect_.grants.begin(), elect_.grants.end(), [&](auto const& each) {
            return each.node == node && each.sent >= recent;
        });
    });
    return static_cast<std::size_t>(able) >= election::majority_of(following.size());
}

std::vector<node_id> voter_roll::following_voters(work& job,
                                                  std::vector<node_id> const& now) const {
    auto const gone = wished_->what.remove;
    bool const silent = gone.is_set() && gone != node_.self && !job.alive(gone);
    auto following = next_voters(now, wished_->what, silent);
    if (planted(bug::two_voters_at_once) && following.size() > 2 && gone.is_set())
        following.pop_back();
    return following;
}

void voter_roll::begin_next(work& job, election::roll now, std::vector<node_id> following) {
    now.next = std::move(following);
    if (planted(bug::next_voters_not_agreed))
        return enter_next(job, now);
    note(job, "agree", "the voters are to be " + names(now.next));
    write(job, std::move(now));
}

void voter_roll::enter_next(work& job, election::roll const& agreed) {
    election::roll following{agreed.version + 1, agreed.next, {}, agreed.voters, agreed.floor};
    memories_.clear();
    mark_ = incarnation{mark_.value() + 1}; // late answers are about the set before
    ask_again_at_ = long_ago;
    count_in(job, following);
    note(job, "count",
         "majorities are counted among them: set " + std::to_string(following.version));
    write(job, std::move(following));
}

void voter_roll::settle(work& job, election::roll now) {
    if (job.at.now < leases_end_at())
        return;
    if (job.at.now >= ask_again_at_)
        ask_memories(job);
    bool const copied =
        std::all_of(node_.groups.begin(), node_.groups.end(), [&](auto const& each) {
            return is_copied(memories_[each.id], rules_.cluster);
        });
    if (!copied && !planted(bug::settled_without_copies))
        return;
    note(job, "settle", "no lease of the former voters lives, and what they knew is copied");
    now.before.clear();
    for (auto const& [group, told] : memories_)
        now.floor = std::max(now.floor, newest_promised(told, rules_.cluster));
    write(job, std::move(now));
}

void voter_roll::ask_memories(work& job) {
    ask_again_at_ = job.at.now + rules_.interval;
    for (auto const& group : node_.groups)
        for (auto const voter : rules_.cluster.voters)
            if (voter != node_.self)
                job.letters.put(voter, {group.id, election::recall{mark_}});
}

std::optional<incarnation> voter_roll::asks() const {
    bool const settles = proceeds_at() != never && !elect_.latest.voters->is_settled();
    return settles && ask_again_at_ != long_ago ? std::optional{mark_} : std::nullopt;
}

void voter_roll::told(group_id group, node_id from, incarnation asked, voter_memory const& memory) {
    if (asks() == asked)
        memories_[group][from] = memory;
}

void voter_roll::write(work& job, election::roll voters) {
    auto content = elect_.latest;
    content.voters = std::move(voters);
    if (auto const fits = check_bounds(content); !fits)
        return end_wish(job, "failed", fits.error().text);
    step(job, election::write_record{std::move(content)});
}

void voter_roll::note(work& job, std::string step_name, std::string text, std::string result) {
    if (!wished_)
        return; // another node goes on with it, and the log has what it does
    auto const& what = wished_->what;
    job.effects.emplace_back(progress_note{wished_->operation, voters_group, "voters", what.remove,
                                           what.add, elect_.under, node_.self, std::move(step_name),
                                           std::move(text), std::move(result), what.reason,
                                           job.at.wall_ms, wished_->automatic});
}

void voter_roll::end_wish(work& job, std::string result, std::string text) {
    note(job, "end", std::move(text), std::move(result));
    wished_.reset();
}

std::string voter_roll::names(std::vector<node_id> const& voters) const {
    std::string out;
    for (auto const voter : voters)
        out += (out.empty() ? "" : ", ") + node_.name_of(voter);
    return out;
}

bool voter_roll::is_unfinished() const {
    auto const* const last = known();
    return last != nullptr && (!last->next.empty() || !last->is_settled());
}

std::string voter_roll::change() const {
    auto const* const last = known();
    if (is_unfinished() && last->next.empty())
        return names(last->voters) + " vote; what the former voters knew is being copied to them";
    if (is_unfinished())
        return names(last->next) + " are to vote";
    if (!wished_)
        return {};
    auto const& what = wished_->what;
    return (what.add.is_set() ? node_.name_of(what.add) + " is to vote" : std::string{}) +
           (what.add.is_set() && what.remove.is_set() ? ", " : "") +
           (what.remove.is_set() ? node_.name_of(what.remove) + " is to vote no more"
                                 : std::string{});
}

} // namespace tasuki::agent
