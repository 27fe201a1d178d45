#include "tasuki/agent/node.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

/// The file has the word until the voters were changed for the first time.
void adopt(node_settings& settings, election::electorate const& now) {
    if (now.version == 0)
        return;
    settings.voters = now.voters;
    settings.voters_version = now.version;
    if (!settings.fence)
        settings.safety = now.voters.size() == 2 ? "unsafe" : "safe";
}

bool is_answer(election::message const& what) {
    return std::holds_alternative<election::prevote_reply>(what) ||
           std::holds_alternative<election::promise>(what) ||
           std::holds_alternative<election::grant>(what) ||
           std::holds_alternative<election::written>(what);
}

template<class Map>
auto const* find_in(Map const& map, typename Map::key_type const& key) {
    auto const found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

} // namespace

node::node(node_settings settings, node_start const& start, moment at)
    : settings_(std::move(settings))
    , life_(start.life)
    , roll_(settings_, incarnation{start.session.value()}, start.roll, start.seed, at.now)
    , fence_(settings_, at.now)
    , peers_({settings_.self, start.session, settings_.digest, roll_.current().set(), at.now},
             settings_.peers)
    , inherited_(start.inherited) {
    adopt(settings_, roll_.current());
    auto rules = policy_of(settings_, start.life);
    rules.cluster = electorate();
    roll_is_known_ = rules.cluster.is_known;
    std::uint64_t seed = start.seed;
    for (auto const& each : settings_.groups) {
        auto const known = start.voters.find(each.id);
        auto const begin = known == start.voters.end() ? election::voter_start{} : known->second;
        auto const* left = inherited_ ? find_in(inherited_->groups, each.id) : nullptr;
        auto state = left != nullptr ? election::inherit(rules, begin, left->lease, ++seed, at.now)
                                     : election::start(rules, begin, ++seed, at.now);
        groups_.emplace(each.id, std::make_unique<group>(settings_, each, rules, std::move(state)));
    }
    if (inherited_)
        for (auto const& [other, heard] : inherited_->heard)
            peers_.remember(other, heard);
    for (auto const& peer : settings_.peers)
        beats_.push_back({peer, at.now});
}

std::vector<effect> node::handle(happening const& what, moment at) {
    std::vector<effect> effects;
    handle(what, at, effects);
    return effects;
}

void node::handle(happening const& what, moment at, std::vector<effect>& effects) {
    effects.clear();
    auto job = look(at, effects, outbox_);
    if (!std::exchange(begun_, true))
        begin(job);
    dispatch(job, what);
    bool const woken = std::holds_alternative<woke>(what);
    for (auto& [id, each] : groups_)
        if (woken || job.soon >= each->looks_around_at() || at.now >= each->next_wake())
            each->woke(job);
    watch_peer(job);
    serve_roll(job);
    finish(job);
}

std::vector<effect> node::retire(moment at) {
    return act(at, [](node& self, work& job) {
        self.roll_.retire(job);
        self.fence_.retire();
        for (auto& [id, each] : self.groups_)
            each->retire(job);
    });
}

std::vector<effect> node::abandon(moment at) {
    return act(at, [](node& self, work& job) {
        for (auto& [id, each] : self.groups_)
            each->abandon(job);
    });
}

std::vector<effect> node::act(moment at, void (*what)(node&, work&)) {
    std::vector<effect> effects;
    auto job = look(at, effects, outbox_);
    what(*this, job);
    finish(job);
    return effects;
}

bool node::is_idle() const {
    return roll_.is_idle() && std::all_of(groups_.begin(), groups_.end(),
                                          [](auto const& each) { return each.second->is_idle(); });
}

/// A voter that may not vote looks healthy from outside: say so once, and what to correct.
void node::begin(work& job) {
    for (auto const& [id, each] : groups_) {
        auto const& vote = each->election_state().vote;
        if (vote.votes && vote.misplaced)
            job.effects.emplace_back(
                transition{id, "does not vote", "other_voters", vote.memory.promised,
                           "its state was made with another set of voters than its file names: "
                           "put the voters in the file back as the other nodes have them"});
    }
    if (auto const left = std::exchange(inherited_, std::nullopt))
        for (auto const& [id, each] : left->groups)
            if (auto* const found = find(id))
                found->inherit(job, each);
}

/// A program that takes another's place goes on with its life, but for the roll: that begins anew.
election::electorate node::electorate() const {
    auto out = roll_.current();
    out.life = life_;
    return out;
}

/// Whoever serves something is the one that is to go on; where both do, or none, one of them.
void node::watch_peer(work& job) {
    if (!settings_.fence)
        return;
    bool serves = false;
    bool other_serves = false;
    bool able = roll_.election_state().vote.may_vote(job.at.now);
    for (auto const& [id, each] : groups_) {
        auto const& elect = each->election_state();
        bool const active = elect.now_role == election::role::active;
        serves = serves || active;
        other_serves = other_serves || (!active && elect.holder.node.is_set());
        able = able && elect.vote.may_vote(job.at.now);
    }
    bool const lower = settings_.self == *std::min_element(settings_.fence->voters.begin(),
                                                           settings_.fence->voters.end());
    fence_.watch(job, roll_.current(), {able, serves == other_serves ? lower : serves});
    roll_.without(job, fence_.absent());
}

/// What the roll of voters asks of the node, and what follows from a change in it.
void node::serve_roll(work& job) {
    if (job.at.now >= roll_.next_wake())
        roll_.woke(job);
    if (founds_)
        roll_.found(job);
    if (auto const mark = roll_.asks())
        for (auto const& [id, each] : groups_) {
            auto const& vote = each->election_state().vote;
            if (vote.votes && !vote.poisoned && vote.stored_ticket >= vote.last_ticket)
                roll_.told(id, settings_.self, *mark,
                           {vote.blank, vote.memory.known.order(), vote.memory.promised});
        }
    bool const same = roll_.revision() == counted_in_ && roll_.is_known() == roll_is_known_;
    if (same)
        return;
    auto const now = electorate();
    adopt(settings_, now);
    peers_.count_in(now.set());
    if (roll_.is_about_to_be_alone())
        return; // what is decided alone must not outlive that it may be
    counted_in_ = roll_.revision();
    roll_is_known_ = now.is_known;
    for (auto& [id, each] : groups_)
        each->count_in(job, now);
}

/// Posts what was written, and asks to be woken when something is due next.
void node::finish(work& job) {
    post(job);
    instant when = std::min(roll_.next_wake(), fence_.next_wake());
    for (auto const& [id, each] : groups_)
        when = std::min(when, each->next_wake());
    for (auto const& each : beats_)
        when = std::min(when, each.at);
    job.effects.emplace_back(wake{when});
}

void node::dispatch(work& job, happening const& what) {
    auto const in_group = [&](group_id id, auto&& act) {
        if (auto* const found = find(id))
            act(*found);
    };
    std::visit(overloaded{
                   [&](heard const& it) { on_heard(job, it); },
                   [&](refused_datagram const& it) { peers_.count(it.why, it.count); },
                   [](woke const&) {},
                   [&](state_stored const& it) {
                       if (it.group == voters_group)
                           roll_.stored(job, it.what);
                       in_group(it.group, [&](group& to) { to.stored(job, it.what); });
                   },
                   [&](address_changed const& it) {
                       in_group(it.group, [&](group& to) { to.address(job, it); });
                   },
                   [&](address_conflict const& it) {
                       in_group(it.group, [&](group& to) { to.conflict(it.text); });
                   },
                   [&](link_changed const& it) {
                       in_group(it.group, [&](group& to) { to.link(job, it.up, it.trouble); });
                   },
                   [&](server_facts_read const& it) {
                       in_group(it.group, [&](group& to) { to.facts(job, it.node, it.facts); });
                   },
                   [&](server_gone const& it) {
                       in_group(it.group, [&](group& to) { to.gone(job, it.life); });
                   },
                   [&](order_answered const& it) {
                       in_group(it.group, [&](group& to) { to.answered(job, it.what); });
                   },
                   [&](operator_asked const& it) { on_wish(job, it); },
                   [&](clock_checked const& it) {
                       for (auto& [id, each] : groups_)
                           each->clock(job, it.within_bound);
                       roll_.clock(job, it.within_bound);
                   },
                   [&](fence_ended const& it) { fence_.ended(job, it); },
                   [&](sessions_held const& it) {
                       in_group(it.group, [&](group& to) { to.held(job, it); });
                   },
               },
               what);
}

void node::on_wish(work& job, operator_asked const& it) {
    if (auto const* voters = std::get_if<ask_voters>(&it.wish))
        return roll_.wish(job, it, *voters);
    founds_ = founds_ || std::holds_alternative<ask_bootstrap>(it.wish);
    auto const id = std::visit([](auto const& wish) { return wish.group; }, it.wish);
    if (auto* const found = find(id))
        return found->wish(job, it);
    job.effects.emplace_back(answer_operator{.request = it.request,
                                             .code = "no_group",
                                             .text = "this node's configuration has no such group",
                                             .next_command = "tasuki config check"});
}

void node::on_heard(work& job, heard const& it) {
    auto reception = peers_.accept(it.what, it.path, job.at.now);
    if (reception.reply) {
        auto const& reply = *reception.reply;
        job.effects.emplace_back(transmit{reply, {}, reply.path});
    }
    if (reception.refused == heartbeat::reject::older_voters)
        return on_older_voters(job, it);
    if (reception.refused)
        job.effects.emplace_back(refused_heartbeat{*reception.refused, it.what.from, it.path});
    if (!reception.refused)
        fence_.heard(it.what, roll_.current());
    if (reception.refused || it.what.payload.empty() || is_copy(it, job.at.now))
        return;
    if (!election::decode_entries(it.what.payload, inbox_)) {
        peers_.count(heartbeat::reject::bad_body);
        job.effects.emplace_back(
            refused_heartbeat{heartbeat::reject::bad_body, it.what.from, it.path});
        return;
    }
    for (auto& entry : inbox_) {
        if (std::holds_alternative<election::leave>(entry.what))
            fence_.left(job, it.what.from, roll_.current());
        else if (entry.group == voters_group)
            roll_.receive(job, it.what.from, std::move(entry.what));
        else if (auto const* memory = std::get_if<election::recalled>(&entry.what))
            hear_memory(job, it.what.from, entry.group, *memory);
        if (auto* const found = find(entry.group))
            found->receive(job, it.what.from, std::move(entry.what));
    }
}

/// What another voter knows, while the former voters are settled with. A group that has no holder
/// has nobody who brings the newest record of one to the others.
void node::hear_memory(work& job, node_id from, group_id group, election::recalled const& told) {
    if (roll_.asks() != told.life)
        return;
    roll_.told(group, from, told.life, {told.blank, told.known.order(), told.promised});
    auto* const own = find(group);
    if (own == nullptr || told.blank)
        return;
    auto const& known = known_record(own->election_state());
    if (known.order() > told.known.order())
        job.letters.put(from, {group, election::inform{known}});
    else if (told.known.order() > known.order())
        own->receive(job, from, election::inform{told.known});
}

/// Whoever counts in an older set is told. What it answers about the roll itself counts all the
/// same: a vote is of no set, and without it two sets of which each lacks a majority never meet.
void node::on_older_voters(work& job, heard const& it) {
    roll_.inform(job, it.what.from);
    if (!election::decode_entries(it.what.payload, inbox_))
        return;
    for (auto& entry : inbox_)
        if (entry.group == voters_group && is_answer(entry.what))
            roll_.receive(job, it.what.from, std::move(entry.what));
}

/// What goes over several paths is one message, and is answered once.
bool node::is_copy(heard const& it, instant now) {
    auto& last = last_said_[it.what.from];
    auto const& said = it.what.payload;
    bool const same = last.path != it.path && now - last.at < settings_.interval / 2 &&
                      std::ranges::equal(last.payload, said);
    if (same)
        return true;
    last.payload.assign(said.begin(), said.end());
    last.path = it.path;
    last.at = now;
    return false;
}

void node::post(work& job) {
    for (auto& letter : job.letters.letters())
        for (auto& each : beats_)
            if (each.to.id == letter.to)
                beat(job, each, std::move(letter.text).take());
    job.letters.letters().clear();
    // Awake anyway: so all nodes come to beat at the same moments, and sleep in between.
    for (auto& each : beats_)
        if (job.soon >= each.at)
            beat(job, each, {});
}

/// Whoever is answered once an interval needs no beat beside: the next question comes first.
void node::beat(work& job, beat_due& due, byte_string const& payload) {
    auto const patience = payload.empty() ? duration{} : settings_.interval / 2;
    due.at = job.at.now + settings_.interval + patience;
    for (std::uint8_t path = 0; path < due.to.paths; ++path) {
        auto header = peers_.compose(due.to.id, path, job.at.now, payload);
        bool const carries = !header.payload.empty();
        header.payload = {};
        job.effects.emplace_back(transmit{header, carries ? payload : byte_string{}, path});
    }
}

group* node::find(group_id id) {
    auto const found = groups_.find(id);
    return found == groups_.end() ? nullptr : found->second.get();
}

bool node::alive(node_id id, instant now) const {
    std::vector<effect> effects;
    outbox none;
    return look({now, 0}, effects, none).alive(id);
}

work node::look(moment at, std::vector<effect>& effects, outbox& none) const {
    return work{
        at, effects, none, peers_, settings_.silent_after(), at.now + settings_.interval / 4};
}

} // namespace tasuki::agent
