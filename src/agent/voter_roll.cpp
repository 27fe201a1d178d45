#include "tasuki/agent/voter_roll.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

election::record first_record(std::vector<node_id> const& voters) {
    election::record first;
    first.written_under = epoch{1};
    first.version = record_version{1};
    first.kind = election::operation_kind::start;
    first.voters = election::roll{0, voters, {}, {}};
    return first;
}

election::durable_state never_changed(std::vector<node_id> const& voters, voter_set made_in) {
    return {epoch{1}, {}, {}, first_record(voters), made_in};
}

} // namespace

election::voter_start roll_of(election::voter_start found, bool absent,
                              std::map<group_id, election::voter_start> const& groups,
                              std::vector<node_id> const& voters) {
    if (absent)
        for (auto const& [id, group] : groups)
            if (group.remembered && group.remembered->voters.version == 0)
                found.remembered = never_changed(voters, group.remembered->voters);
    return found;
}

election::policy policy_of(node_settings const& settings, incarnation life) {
    election::policy rules;
    rules.cluster = {settings.self, life, settings.voters};
    rules.cluster.version = settings.voters_version;
    for (auto const& peer : settings.peers)
        rules.others.push_back(peer.id);
    // Who counts in an older set may be no voter of this one.
    rules.cluster.everybody_votes =
        settings.voters_version == 0 && rules.cluster.has(settings.self) &&
        std::all_of(rules.others.begin(), rules.others.end(),
                    [&](node_id node) { return rules.cluster.has(node); });
    rules.terms = settings.terms;
    rules.interval = settings.interval;
    return rules;
}

voter_roll::voter_roll(node_settings const& node, incarnation life,
                       std::optional<election::voter_start> begin, std::uint64_t seed, instant now)
    : node_(node)
    , rules_(policy_of(node, life)) {
    auto start = begin.value_or(election::voter_start{});
    if (!begin) {
        start.remembered = never_changed(node.voters, rules_.cluster.set());
        start.stamped = election::live_grant{};
    }
    if (start.remembered && start.remembered->known.voters) {
        auto const& last = *start.remembered->known.voters;
        bool const changed = last.version > 0;
        rules_.cluster.before = last.before;
        rules_.cluster.next = last.next;
        if (changed) {
            rules_.cluster.voters = last.voters;
            rules_.cluster.version = last.version;
            rules_.cluster.everybody_votes = false;
        }
    }
    elect_ = election::start(rules_, start, seed, now);
}

void voter_roll::receive(work& job, node_id from, election::message what) {
    // Who else has to be asked stands in the answer itself.
    if (auto const* told = std::get_if<election::recalled>(&what); told && told->known.exists())
        act(job, election::received{from, election::inform{told->known}});
    act(job, election::received{from, std::move(what)});
}

void voter_roll::stored(work& job, election::stored const& what) {
    act(job, what);
}

void voter_roll::clock(work& job, bool within_bound) {
    act(job, election::clock_checked{within_bound});
}

void voter_roll::woke(work& job) {
    if (wished_ && job.at.now >= wished_->deadline)
        end_wish(job, "failed",
                 "a majority has not confirmed it in time; what was begun is finished once the "
                 "voters can be heard");
    update_fitness(job);
    act(job, election::tick{});
}

instant voter_roll::next_wake() const {
    return std::min({wake_election_, proceeds_at(), wished_ ? wished_->deadline : never});
}

/// One event, and whatever follows from it.
void voter_roll::act(work& job, election::event happened) {
    step(job, std::move(happened));
    obey_record(job);
    proceed(job);
    update_fitness(job);
}

void voter_roll::step(work& job, election::event happened) {
    inbox_.push_back(std::move(happened));
    if (inbox_.size() > 1)
        return; // whoever is at work goes on with it
    while (!inbox_.empty()) {
        auto const before = elect_.now_role;
        auto const why = election::advance(elect_, inbox_.front(), job.at.now, rules_, commands_);
        if (elect_.now_role != before)
            note_role(job, before, why);
        carry_out(job);
        inbox_.pop_front();
    }
}

void voter_roll::carry_out(work& job) {
    for (auto& command : commands_)
        std::visit(overloaded{
                       [&](election::send& it) {
                           job.letters.put(it.to, {voters_group, std::move(it.what)});
                       },
                       [&](election::store& it) {
                           job.effects.emplace_back(store_state{voters_group, std::move(it)});
                       },
                       [&](election::stamp& it) {
                           job.effects.emplace_back(stamp_grant{voters_group, it.content});
                       },
                       [](election::start_serving const&) {},
                       [](election::extend const&) {},
                       // Nothing is served: it has stopped already.
                       [&](election::stop_serving const& it) {
                           inbox_.push_back(election::closed{it.under});
                       },
                       [&](election::committed const&) { committed_at_ = job.at.now; },
                       [](election::founded const&) {},
                       [&](election::wake_at const& it) { wake_election_ = it.when; },
                   },
                   command);
}

void voter_roll::note_role(work& job, election::role before, election::reason why) {
    auto const now = elect_.now_role;
    bool const claims = now == election::role::canvassing || now == election::role::claiming;
    if (now == election::role::active) {
        memories_.clear();
        ask_again_at_ = long_ago;
        holds_since_ = job.at.now;
        mark_ =
            incarnation{elect_.under.value() * 0x9e3779b97f4a7c15ULL ^ rules_.cluster.life.value()};
    }
    job.effects.emplace_back(transition{voters_group,
                                        fmt::format("{} -> {}", to_string(before), to_string(now)),
                                        std::string{to_string(why)},
                                        claims ? elect_.claim.under : elect_.under,
                                        {}});
}

election::roll const* voter_roll::known() const {
    auto const& voters = known_record(elect_).voters;
    return voters ? &*voters : nullptr;
}

/// Whatever a record says of the present voters, a majority of those before has agreed to.
void voter_roll::obey_record(work& job) {
    auto const* const last = known();
    if (last == nullptr)
        return;
    auto const& now = rules_.cluster;
    bool const newer = last->version > now.version;
    bool const same = last->version == now.version;
    bool const others = last->before != now.before || last->next != now.next;
    if (newer || (same && others))
        count_in(job, *last);
}

void voter_roll::count_in(work& job, election::roll const& last) {
    auto& now = rules_.cluster;
    bool const other = last.version != now.version;
    now.before = last.before;
    now.next = last.next;
    ++revision_;
    if (other) {
        now.voters = last.voters;
        now.version = last.version;
        now.everybody_votes = false;
        job.effects.emplace_back(transition{voters_group, fmt::format("voters {}", last.version),
                                            "voters_changed", elect_.under,
                                            "the voters are " + names(last.voters)});
    }
    step(job, election::voters_changed{});
}

void voter_roll::inform(work& job, node_id to) {
    if (!known_record(elect_).exists())
        return;
    auto& last = informed_.try_emplace(to, long_ago).first->second;
    if (job.at.now < last + rules_.interval)
        return;
    last = job.at.now;
    job.letters.put(to, {voters_group, election::inform{known_record(elect_)}});
}

void voter_roll::found(work& job) {
    auto const& vote = elect_.vote;
    if (!is_blank() || elect_.first.under_way || vote.memory.known.exists())
        return;
    auto const says_blank = [&](node_id node) {
        return node == node_.self ||
               std::any_of(vote.recollections.begin(), vote.recollections.end(),
                           [&](auto const& each) { return each.node == node && each.what.blank; });
    };
    auto const& voters = rules_.cluster.voters;
    if (std::all_of(voters.begin(), voters.end(), says_blank))
        act(job, election::start_cluster{first_record(voters)});
}

election::electorate voter_roll::current() const {
    auto out = rules_.cluster;
    out.is_known = is_known();
    if (auto const* const last = known())
        out.floor = last->floor; // for groups: each set has written its own record of the voters
    out.absent = {};             // groups go on without it in the next set, once that is on disk
    return out;
}

bool voter_roll::is_about_to_be_alone() const {
    return rules_.cluster.voters == std::vector{node_.self} && !is_known() &&
           !planted(bug::alone_before_recorded);
}

bool voter_roll::is_known() const {
    auto const& vote = elect_.vote;
    return !is_blank() && vote.stored_ticket >= vote.last_ticket;
}

void voter_roll::retire(work& job) {
    retiring_ = true;
    end_wish(job, "failed", "this agent is stopped; the other voters finish what was begun");
    update_fitness(job);
    act(job, election::hand_over{});
}

bool voter_roll::is_idle() const {
    auto const& vote = elect_.vote;
    return elect_.now_role == election::role::standby && elect_.releases_left == 0 && !wished_ &&
           vote.stored_ticket >= vote.last_ticket;
}

} // namespace tasuki::agent
