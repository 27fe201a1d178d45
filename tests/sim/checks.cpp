// What must hold at every instant, and what must hold once the faults have stopped.
#include "world.hpp"

#include <algorithm>

namespace tasuki::sim {

namespace {

constexpr std::uint64_t marker_base = 1000;
constexpr unsigned closed_limit = 25;
constexpr unsigned away_limit = 5;       ///< inspections, one each second
constexpr std::uint8_t release_kind = 8; ///< its place among the messages, which is its number

} // namespace

bool world::answers(std::size_t index, std::size_t group) const {
    auto const& at = machines_[index];
    auto const& side = at.groups[group];
    return side.address && !at.halted && at.local(now_) < side.address_hard;
}

/// An interval of answering begins where an address is opened or extended: there it is checked.
void world::check_address(std::size_t index, std::size_t group) {
    auto const trusted = [&](std::size_t each) {
        return machines_[each].local(now_) >= machines_[each].distrusted_until;
    };
    if (!answers(index, group) || !trusted(index) || now_ < clocks_distrusted_until_)
        return;
    auto const& name = shape_.common.groups[group].name;
    auto const under = machines_[index].groups[group].address_epoch;
    for (std::size_t other = 0; other < machines_.size(); ++other)
        if (other != index && answers(other, group) && trusted(other))
            violated("two_answer",
                     fmt::format("{}: nodes {} (epoch {}) and {} (epoch {}) both answer", name,
                                 index, under.value(), other,
                                 machines_[other].groups[group].address_epoch.value()));
    auto& known = known_[group];
    auto const [first, is_new] = known.opened_by.emplace(under, index);
    if (!is_new && first->second != index)
        violated("epoch_shared", fmt::format("{}: epoch {} has two holders", name, under.value()));
    if (is_new && under < known.highest_opened)
        violated("old_epoch", fmt::format("{}: epoch {} was opened after epoch {}", name,
                                          under.value(), known.highest_opened.value()));
    known.highest_opened = std::max(known.highest_opened, under);
}

/// Whoever gives the lease up has given the address up before; at its end it is over anyway.
void world::check_release(std::size_t index, byte_view payload) {
    byte_reader in{payload};
    while (in.left() > 0) {
        group_id const id{in.u32()};
        auto const kind = in.u8();
        byte_reader body{in.take(in.u16())};
        if (kind != release_kind)
            continue;
        epoch const under{body.u64()};
        auto const group = group_index(id);
        if (group == known_.size())
            continue; // nobody serves the voters
        auto const& side = machines_[index].groups[group];
        if (answers(index, group) && side.address_epoch == under)
            violated("release_early",
                     fmt::format("{} releases epoch {} and still answers", index, under.value()));
        bool const data = shape_.data && *shape_.data == group && has_server(index);
        if (data && machines_[index].local(now_) < side.address_hard &&
            side.address_epoch == under &&
            servers_->can_acknowledge(machines_[index].settings.self))
            violated("release_early", fmt::format("{} releases epoch {} and still takes writes",
                                                  index, under.value()));
    }
}

void world::check_disk(group_side const& side, stored_event const& next) {
    if (!side.disk)
        return;
    if (next.content.promised < side.disk->promised)
        violated("promise_back",
                 fmt::format("a voter that promised {} stores {}", side.disk->promised.value(),
                             next.content.promised.value()));
    if (next.content.known.order() < side.disk->known.order())
        violated("record_back", fmt::format("a voter stores an older record: {}.{}",
                                            next.content.known.written_under.value(),
                                            next.content.known.version.value()));
}

void world::check_records(std::size_t index) {
    auto& at = machines_[index];
    if (!at.agent)
        return;
    for (std::size_t group = 0; group < at.groups.size(); ++group)
        check_record_of(index, group);
}

/// A master that hears nobody cannot know that its ackers are lost.
void world::check_degraded(std::size_t index, group_side& side, election::state const& elect) {
    bool const degrades = elect.writing.under_way && elect.writing.content.degraded_since_ms != 0 &&
                          elect.latest.degraded_since_ms == 0;
    if (!degrades || side.degrading_since == 0)
        side.degrading_since = degrades ? now_ : 0;
    // Of two voters the one that is left decides alone, and nobody can take its place.
    if (!degrades || index != deaf_ || shape_.common.fence ||
        side.degrading_since < deaf_since_ + second / 4)
        return;
    for (auto const& each : elect.latest.ackers) {
        auto const heard = heard_before_.find(each.node);
        if (heard != heard_before_.end() && heard->second == machines_[index_of(each.node)].life &&
            runs(index_of(each.node)))
            violated("deaf_degrades",
                     fmt::format("{} hears nobody, and records that its acker {} is lost", index,
                                 index_of(each.node)));
    }
}

void world::check_record_of(std::size_t index, std::size_t group) {
    auto& side = machines_[index].groups[group];
    auto const& elect = side.runs->election_state();
    if (elect.vote.memory.promised < side.seen_epoch && !elect.vote.blank)
        violated("promise_back", fmt::format("node {} went back to epoch {}", index,
                                             elect.vote.memory.promised.value()));
    // Only what was durable counts across a crash: an unanswered promise may be forgotten.
    side.seen_epoch = side.disk ? std::max(side.seen_epoch, side.disk->promised) : epoch{};
    if (elect.writing.under_way || side.degrading_since != 0)
        check_degraded(index, side, elect);
    if (elect.now_role != election::role::active || elect.latest.order() == side.seen_record)
        return;
    if (elect.latest.order() < side.seen_record)
        violated("record_back",
                 fmt::format("the record of node {} went back to {}.{}", index,
                             elect.latest.written_under.value(), elect.latest.version.value()));
    if (!answers(index, group))
        return;
    side.seen_record = elect.latest.order();
    auto const& standby = elect.latest.standby;
    auto const newest = std::max_element(standby.begin(), standby.end());
    std::uint64_t const marker = newest == standby.end() ? 0 : newest->value() - marker_base;
    auto& committed = known_[group].committed_marker;
    bool const trusted = machines_[index].local(now_) >= machines_[index].distrusted_until;
    if (marker < committed && trusted)
        violated("record_lost", fmt::format("node {} serves with record {} though {} was committed",
                                            index, marker, committed));
    committed = std::max(committed, marker);
}

/// At most one server can tell clients that their commits are safe, and what it told is true. Where
/// an unprotected master may be replaced, its agent has to see to that; the guardian, which does it
/// for an agent that is dead or stands still, is not part of this world.
void world::check_masters() {
    bool const needs_agent = shape_.common.groups[*shape_.data].mysql->promote_degraded;
    std::size_t open = machines_.size();
    for (auto const index : server_nodes_) {
        auto& at = machines_[index];
        at.unwatched = at.unwatched && !servers_->at(at.settings.self).read_only;
        if (at.halted || (needs_agent && at.unwatched) ||
            !servers_->can_acknowledge(machines_[index].settings.self))
            continue;
        if (open != machines_.size())
            violated("two_masters",
                     fmt::format("the servers of {} and {} both acknowledge", open, index));
        open = index;
    }
    figures_.commits = servers_->acknowledged().size();
}

void world::check_opened(std::size_t index) {
    ++figures_.promotions;
    if (shape_.common.groups[*shape_.data].mysql->promote_degraded)
        return; // then a loss is what the operator has asked for
    auto const node = machines_[index].settings.self;
    for (auto const& promise : servers_->acknowledged())
        if (!servers_->has(node, promise.what))
            return violated("commit_lost",
                            fmt::format("the server of {} is opened without {}, which a client "
                                        "was told to be safe",
                                        index, mysql::gtid_list::of({promise.what}).to_string()));
}

/// Some time after the faults have stopped: exactly one node serves, and it stays the same.
void world::inspect() {
    if (!calm_)
        return;
    for (std::size_t group = 0; group < known_.size(); ++group) {
        auto const& settings = shape_.common.groups[group];
        auto const& name = settings.name;
        // Configured to wait for an acker, it may wait for an operator who builds one anew.
        if (settings.mysql && !settings.mysql->degrade_without_acker)
            continue;
        std::size_t serving = 0;
        std::size_t who = 0;
        for (std::size_t each = 0; each < machines_.size(); ++each)
            if (answers(each, group)) {
                ++serving;
                who = each;
            }
        auto& settled = known_[group].settled;
        if (serving != 1)
            violated(settled_         ? "flapping"
                     : settings.mysql ? late_database.data()
                                      : "not_back",
                     fmt::format("{}: {} nodes serve, {} s after the faults have stopped{}", name,
                                 serving, settle_limit / second, excuses(group)));
        else if (settled_ && settled && *settled != who)
            violated("flapping", fmt::format("{}: service moves from {} to {} without a reason",
                                             name, *settled, who));
        settled = who;
        if (serving == 1)
            check_voters(group, who);
        if (serving == 1 && settings.mysql && has_server(who))
            check_closed(group, who);
    }
    auto const roll = newest_roll();
    if (!roll.is_settled() || !roll.next.empty())
        violated("voters_unfinished", "a change of the voters is neither finished nor given up");
    for (auto const& each : machines_)
        if (each.agent && each.agent->settings().voters_version != roll.version)
            violated("voters_behind",
                     fmt::format("{} counts in set {} of the voters, not in {}",
                                 each.settings.name_of(each.settings.self),
                                 each.agent->settings().voters_version, roll.version));
    settled_ = true;
    schedule(now_ + second, due::kind::inspect);
}

/// Whoever serves a database opens it, or says why it cannot; every other server is closed.
void world::check_closed(std::size_t group, std::size_t holder) {
    auto& known = known_[group];
    auto const opens = [&](std::size_t index) {
        auto const& server = servers_->at(machines_[index].settings.self);
        return server.up && !server.read_only && !server.master;
    };
    bool const closed = servers_->at(machines_[holder].settings.self).up && !opens(holder);
    known.closed = closed ? known.closed + 1 : 0;
    if (known.closed > closed_limit)
        violated("left_closed",
                 fmt::format("the server of {}, which serves, stays closed", holder));
    bool const besides =
        std::any_of(server_nodes_.begin(), server_nodes_.end(), [&](std::size_t index) {
            return index != holder && machines_[index].agent && opens(index);
        });
    known.besides = besides ? known.besides + 1 : 0;
    if (known.besides > closed_limit)
        violated("left_open", fmt::format("a server besides that of {} stays open", holder));
}

/// Whether the node that the voter follows has the life in which it was promised.
bool world::lives(election::durable_state const& memory) const {
    auto const claimant = election::followed(memory);
    for (auto const& each : machines_)
        if (each.settings.self == claimant.to)
            return each.agent && each.agent->life() == claimant.life;
    return false;
}

/// No voter that can vote stays away from the one that serves: its majority would have none to
/// lose. Bound until the next election is only who promised to a node that died in the middle of
/// its claim, or learned a promise from others after it had lost its own.
void world::check_voters(std::size_t group, std::size_t holder) {
    auto const& served = group_of(holder, group).election_state();
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        auto& away = machines_[each].groups[group].away;
        auto const* const vote =
            runs(each) ? &group_of(each, group).election_state().vote : nullptr;
        bool const asked = vote != nullptr && vote->may_vote(machines_[each].local(now_)) &&
                           !vote->memory.before.empty() && lives(vote->memory);
        bool const follows = asked && vote->granted.under == served.under &&
                             vote->memory.known.order() >= served.latest.order();
        away = asked && !follows ? away + 1 : 0;
        if (away > away_limit)
            violated("voter_left",
                     fmt::format("{} stays away from node {}, epoch {}: it has promised {}, its "
                                 "record is of epoch {}",
                                 each, holder, served.under.value(), vote->memory.promised.value(),
                                 vote->memory.known.written_under.value()));
    }
}

/// Why no member stands, in the words of each, and who does not vote.
std::string world::excuses(std::size_t group) {
    std::string out;
    for (auto const member : shape_.common.groups[group].members) {
        auto const each = index_of(member);
        if (!runs(each))
            continue;
        std::vector<agent::effect> none;
        agent::outbox letters;
        std::string why;
        auto const& it = group_of(each, group);
        (void)it.suitability(machines_[each].agent->look(moment_of(each), none, letters), &why);
        out += fmt::format("; {}: {} {}", each, election::to_string(it.election_state().now_role),
                           why);
    }
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        if (!runs(each))
            continue;
        auto const& vote = group_of(each, group).election_state().vote;
        for (auto const& [is, word] : {std::pair{vote.blank, "has no state"},
                                       {vote.poisoned, "has a broken disk"},
                                       {vote.misplaced, "has another file"},
                                       {vote.clock_beyond_bound, "has a wrong clock"}})
            if (vote.votes && is)
                out += fmt::format("; {} {}", each, word);
    }
    return out;
}

void world::violated(char const* check, std::string text) {
    if (violation_)
        return;
    keep_line("VIOLATION " + text);
    violation_ = violation{check, std::move(text), now_};
}

} // namespace tasuki::sim
