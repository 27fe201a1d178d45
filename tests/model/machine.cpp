#include "machine.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tasuki::model {

namespace {

using namespace tasuki::election;

/// A seed whose first draw is next to nothing for every range: a timer may be noticed late anyway.
std::uint64_t find_seed_of_small_jitter(duration interval) {
    auto const widest = static_cast<std::uint64_t>((interval / 4 * 64).count());
    auto const enough = static_cast<std::uint64_t>(duration{milliseconds{1}}.count());
    for (std::uint64_t seed = 1;; ++seed) {
        std::uint64_t mixed = seed + 0x9e3779b97f4a7c15ULL;
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
        if ((mixed ^ (mixed >> 31U)) % widest < enough)
            return seed;
    }
}

std::uint64_t seed_of_small_jitter(duration interval) {
    static std::map<duration, std::uint64_t> known;
    auto [place, fresh] = known.try_emplace(interval);
    if (fresh)
        place->second = find_seed_of_small_jitter(interval);
    return place->second;
}

policy const& policy_of(std::size_t index, unsigned life, bounds const& world) {
    using key = std::tuple<std::size_t, unsigned, std::size_t, std::size_t, duration>;
    static std::map<key, policy> known;
    auto [place, fresh] =
        known.try_emplace({index, life, world.nodes, world.observers, world.terms.lease});
    auto& rules = place->second;
    if (fresh) {
        rules.cluster.self = node_of(index);
        rules.cluster.life = life_of(index, life);
        for (std::size_t each = 0; each < world.nodes; ++each) {
            if (each >= world.observers)
                rules.cluster.voters.push_back(node_of(each));
            if (each != index)
                rules.others.push_back(node_of(each));
        }
        rules.cluster.everybody_votes = world.observers == 0;
        rules.terms = world.terms;
        rules.interval = world.interval;
    }
    return rules;
}

/// What a voter says when it gives a voice to somebody.
bool is_a_vote(message const& what) {
    return std::visit(overloaded{[](grant const&) { return true; },
                                 [](promise const& it) { return it.granted; },
                                 [](prevote_reply const& it) { return it.granted; },
                                 [](written const& it) { return it.accepted; },
                                 [](auto const&) { return false; }},
                      what);
}

/// One deed at one machine, as `agent/group` carries it out.
class performance {
  public:
    performance(reaction& out, std::size_t index, bounds const& world)
        : out_(out)
        , it_(out.after)
        , index_(index)
        , world_(world) {}

    void feed(event const& what) {
        auto const before = it_.elect;
        auto follows = advance(it_.elect, what, present, policy_of(index_, it_.life, world_));
        for (auto& each : follows.commands)
            std::visit([&](auto& wanted) { carry_out(wanted); }, each);
        if (before.now_role != role::recovering && it_.elect.now_role == role::recovering)
            out_.found.claimed = it_.elect.under;
        out_.found.claims =
            out_.found.claims || (before.now_role != role::claiming &&
                                  it_.elect.now_role == role::claiming && !it_.elect.named);
        check(before, what);
    }

    void boot() {
        it_.up = true;
        ++it_.life;
        it_.address_until = long_ago; // leftovers are swept
        it_.closing = {};
        voter_start begin;
        begin.remembered = it_.disk;
        if (it_.stamp_known)
            begin.stamped = it_.stamp.value_or(live_grant{});
        else
            it_.vouch_at = present + longest_lease;
        it_.elect = start(policy_of(index_, it_.life, world_), begin, 1, present);
        feed(suitability{index_ < world_.candidates, duration::zero()});
    }

    void hear(datagram const& heard) {
        for (auto const& entry : heard.entries)
            feed(received{node_of(heard.from), entry});
    }

    void disk_done() {
        auto const done = it_.writes.front();
        it_.writes.erase(it_.writes.begin());
        it_.slow_disk = false;
        it_.disk = done.content;
        for (auto const ticket : done.tickets)
            feed(stored{ticket, store_outcome::stored});
    }

    void disk_fails(bool broken) {
        auto const failed = it_.writes.front();
        it_.writes.erase(it_.writes.begin());
        it_.slow_disk = false;
        for (auto const ticket : failed.tickets)
            feed(stored{ticket, broken ? store_outcome::poisoned : store_outcome::failed});
    }

    void clock_off() {
        it_.clock_off = true;
        feed(clock_checked{false});
    }

    void found_cluster() {
        record first;
        first.written_under = epoch{1};
        first.version = record_version{1};
        feed(start_cluster{first});
    }

    void close_done() {
        auto const under = std::exchange(it_.closing, {});
        it_.slow_close = false;
        it_.address_until = long_ago;
        feed(closed{under});
    }

    void write(std::uint64_t wish) {
        auto content = it_.elect.latest;
        content.operation = operation_id{wish};
        content.next_ackers = {{node_of(index_), server_incarnation{wish}}};
        feed(write_record{content});
    }

    void die(std::uint64_t how, bool whole_machine) {
        if ((how & 1U) != 0 && !it_.writes.empty())
            it_.disk = it_.writes.front().content;
        if ((how & 2U) != 0)
            it_.disk.reset();
        it_.writes.clear();
        it_.up = it_.slow_disk = it_.slow_close = false;
        it_.closing = {};
        it_.elect = {};
        it_.clock_off = false;
        it_.wake = it_.vouch_at = never;
        if (!whole_machine)
            return; // the address stays until its deadline
        it_.stamp.reset();
        it_.stamp_known = false;
        it_.address_until = long_ago;
    }

  private:
    void carry_out(send& what) {
        auto const to = index_of(what.to);
        if (auto const* gone = std::get_if<release>(&what.what))
            note_release(gone->under);
        if (it_.elect.vote.votes && it_.elect.vote.blank && is_a_vote(what.what))
            out_.found.violation = "a voter without state votes";
        auto letter = std::find_if(out_.letters.begin(), out_.letters.end(),
                                   [&](auto const& each) { return each.to == to; });
        if (letter == out_.letters.end() || world_.apart)
            letter = out_.letters.insert(letter, {index_, to, {}});
        out_.found.renewed = out_.found.renewed || std::holds_alternative<renew>(what.what);
        letter->entries.push_back(std::move(what.what));
    }
    void carry_out(store& what) {
        if (it_.writes.size() < 2)
            it_.writes.push_back({});
        it_.writes.back().tickets.push_back(what.ticket);
        it_.writes.back().content = std::move(what.content);
    }
    void carry_out(stamp& what) { it_.stamp = what.content; }
    void carry_out(start_serving& what) {
        out_.found.opened = true;
        out_.found.served = what.under;
        out_.found.served_wish = wish_in(what.known);
        it_.address_until = it_.elect.until.hard;
    }
    void carry_out(extend& what) {
        out_.found.served = what.under;
        it_.address_until = what.until.hard;
    }
    void carry_out(stop_serving& what) { it_.closing = what.under; }
    void carry_out(committed& what) {
        out_.found.commits.push_back({what.content.order(), wish_in(what.content)});
    }
    void carry_out(founded&) {}
    void carry_out(wake_at& what) { it_.wake = what.when; }

    void note_release(epoch under) {
        out_.found.released = under;
        if (it_.answers())
            out_.found.violation = "gives up the lease and still answers for the address";
    }

    void check(state const& before, event const& what) {
        auto const& was = before.vote.memory;
        auto const& is = it_.elect.vote.memory;
        if (is.promised < was.promised)
            out_.found.violation = "a promise was taken back";
        bool const other =
            is.promised_to != was.promised_to || is.promised_life != was.promised_life;
        if (is.promised == was.promised && other)
            out_.found.violation = "one voter has promised one epoch twice";
        if (is.known.order() < was.known.order())
            out_.found.violation = "a record was overwritten by an older one";
        bool const granted_released =
            it_.elect.vote.granted.expires > before.vote.granted.expires &&
            it_.elect.vote.granted.under <= before.vote.released;
        if (granted_released)
            out_.found.violation = "a released epoch was renewed";
        auto const* arrived = std::get_if<received>(&what);
        if (arrived != nullptr)
            check_heard(before, *arrived);
        bool const founded =
            std::holds_alternative<start_cluster>(what) ||
            (arrived != nullptr && std::holds_alternative<bootstrap>(arrived->what));
        if (before.vote.blank && !it_.elect.vote.blank && !founded)
            check_recollection(before, what);
    }

    /// Who was promised an epoch is the only one to give it back, and to write under it.
    void check_heard(state const& before, received const& arrived) {
        auto const& was = before.vote.memory;
        auto const& is = it_.elect.vote.memory;
        if (!it_.elect.vote.votes || before.vote.blank)
            return;
        auto const* gone = std::get_if<withdraw>(&arrived.what);
        allegiance const promised{was.promised, was.promised_to, was.promised_life};
        bool const of_another = was.promised_to != node_of(index_); // its own ends in many ways
        if (gone != nullptr && is.withdrawn && !was.withdrawn && of_another &&
            promised != allegiance{gone->under, arrived.from, gone->life})
            out_.found.violation = "a promise was given back by another";
        if (gone != nullptr && is.withdrawn && !was.withdrawn) {
            out_.found.given_back = was.promised;
            out_.found.given_back_by = was.promised_to;
        }
        auto const* written = std::get_if<election::write>(&arrived.what);
        if (written != nullptr && is.known.order() != was.known.order() && !was.withdrawn &&
            is.known.written_under == was.promised && arrived.from != was.promised_to)
            out_.found.violation = "a record under the promised epoch was taken from another";
    }

    void check_recollection(state const& before, event const& what) {
        std::vector<node_id> knowing;
        for (auto const& each : before.vote.recollections)
            if (!each.what.blank)
                knowing.push_back(each.node);
        auto const* arrived = std::get_if<received>(&what);
        if (arrived != nullptr && std::holds_alternative<recalled>(arrived->what) &&
            std::find(knowing.begin(), knowing.end(), arrived->from) == knowing.end())
            knowing.push_back(arrived->from);
        auto const voters = world_.nodes - world_.observers;
        if (knowing.size() < voters - (voters - 1) / 2)
            out_.found.violation = "a voter without state has asked too few others";
    }

    reaction& out_;
    machine& it_;
    std::size_t index_;
    bounds const& world_;
};

/// Every instant that is a deadline: before it one thing holds, after it another, for ever.
template<class Change>
void each_deadline(machine& it, Change&& change) {
    auto& elect = it.elect;
    for (auto* when :
         {&elect.vote.granted.expires, &elect.vote.silent_until, &elect.vote.recall_at,
          &elect.stand_from, &elect.holder.expires, &elect.claim.deadline, &elect.claim.resend_at,
          &elect.until.soft, &elect.until.hard, &elect.renew_at, &elect.writing.resend_at,
          &elect.writing.counts_until, &elect.release_at, &elect.offered_until, &it.vouch_at,
          &it.address_until, &it.wake})
        change(*when);
    if (it.stamp)
        change(it.stamp->expires);
}

/// Every instant in the past from which something is counted.
template<class Change>
void each_memory(machine& it, Change&& change) {
    change(it.elect.vote.promised_at);
    for (auto& sent : it.elect.sent)
        change(sent);
    for (auto& each : it.elect.grants)
        change(each.sent);
}

void elapse(machine& it, duration time) {
    auto const shift = [&](instant& when) {
        if (when != long_ago && when != never)
            when -= time;
    };
    each_deadline(it, shift);
    each_memory(it, shift);
}

/// The newest one has the highest number that there is.
void number_renewals(reaction& out) {
    auto const shift = out.after.elect.sequence - newest_renewal;
    for (auto& letter : out.letters)
        for (auto& entry : letter.entries)
            if (auto* own = std::get_if<renew>(&entry); own != nullptr && out.found.renewed)
                own->sequence -= shift;
}

} // namespace

reaction react(machine const& before, std::size_t index, deed what, std::uint64_t argument,
               datagram const* heard, bounds const& world) {
    reaction out;
    out.after = before;
    out.after.elect.random = seed_of_small_jitter(world.interval);
    performance act{out, index, world};
    switch (what) {
    case deed::wake:
        act.feed(tick{});
        break;
    case deed::hear:
        act.hear(*heard);
        break;
    case deed::disk_done:
        act.disk_done();
        break;
    case deed::disk_fails:
        act.disk_fails(argument == 1);
        break;
    case deed::clock_off:
        act.clock_off();
        break;
    case deed::found_cluster:
        act.found_cluster();
        break;
    case deed::close_done:
        act.close_done();
        break;
    case deed::write:
        act.write(argument);
        break;
    case deed::hand_over:
        act.feed(hand_over{node_of(argument)});
        break;
    case deed::kill:
    case deed::reboot:
        act.die(argument, what == deed::reboot);
        break;
    case deed::boot:
        act.boot();
        break;
    case deed::slow_disk:
        out.after.slow_disk = true;
        break;
    case deed::slow_close:
        out.after.slow_close = true;
        break;
    case deed::elapse:
        elapse(out.after,
               argument == 1 ? world.fast_step : world.slow_step / (before.clock_off ? 4 : 1));
        break;
    }
    number_renewals(out);
    normalise(out.after, world);
    return out;
}

} // namespace tasuki::model
