#include "walk.hpp"

#include <algorithm>
#include <span>

namespace tasuki::mysql::walk {

namespace {

std::vector<member> make_members(std::size_t count) {
    std::vector<member> out;
    for (std::size_t i = 1; i <= count; ++i) {
        member who;
        who.name = "db" + std::to_string(i);
        who.node = node_id{static_cast<std::uint32_t>(i)};
        who.server = {
            ip_address::v4({std::byte{10}, std::byte{0}, std::byte{0}, static_cast<std::byte>(i)}),
            3306};
        who.account = "repl_" + who.name;
        who.never_master = i == 4;
        out.push_back(who);
    }
    return out;
}

} // namespace

world::world(std::uint64_t seed, options with)
    : servers(make_members(with.servers))
    , random_(seed)
    , options_(with)
    , members_(make_members(with.servers)) {
    std::set<node_id> ackers;
    record.reached = milestone::open;
    record.now.master = members_.front().node;
    for (member const& who : members_)
        if (who.node != record.now.master && !who.never_master)
            ackers.insert(who.node);
    servers.set_up(record.now.master, ackers);
    for (member const& who : members_)
        servers.at(who.node).keeps_answers = with.keeps_answers;
    for (node_id const node : ackers)
        record.now.ackers.push_back({node, servers.facts_of(node).life});
    if (with.founding)
        begin_unfounded();
}

bool world::chance(double probability) {
    return std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

std::uint64_t world::below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random_);
}

node_id world::any_node() {
    return members_[below(members_.size())].node;
}

std::set<node_id> world::silent() const {
    return gone_;
}

void world::note_down(std::string line) {
    history.push_back(std::to_string(to_ms(now_.time_since_epoch())) + " " + std::move(line));
    if (history.size() > 400)
        history.pop_front();
}

tally& tally::operator+=(tally const& other) {
    promotions += other.promotions;
    refusals += other.refusals;
    switchovers += other.switchovers;
    rejoins += other.rejoins;
    quarantines += other.quarantines;
    degradations += other.degradations;
    return *this;
}

std::string world::describe() const {
    std::string text = "record " + std::string(to_string(record.reached)) + ", " +
                       to_string(record.now, members_) + "\n";
    for (member const& who : members_) {
        auto const facts = servers.facts_of(who.node);
        text += who.name + (servers.at(who.node).up ? "" : " down") +
                (gone_.contains(who.node) ? " gone" : "") +
                (facts.read_only ? " read-only" : " open") +
                (facts.source_semi_sync ? " source" : "") +
                (facts.replica_semi_sync ? " acker" : "") + " at " + facts.binlog_state.to_string();
        if (facts.replica)
            text += " from " + facts.replica->master.to_string() + " receiver " +
                    std::string(to_string(facts.replica->receiver)) + " " +
                    std::to_string(facts.replica->receiver_errno) + " received " +
                    (facts.replica->received ? facts.replica->received->to_string() : "?") +
                    (facts.replica->applier_runs ? "" : " applier stopped");
        text += servers.at(who.node).blocked ? " frozen\n" : "\n";
    }
    return text;
}

void world::later(duration delay, std::function<void()> what) {
    agenda_.push_back({now_ + delay, ++sequence_, std::move(what)});
}

void world::pass(duration span) {
    instant const end = now_ + span;
    for (;;) {
        auto const next =
            std::min_element(agenda_.begin(), agenda_.end(), [](due const& left, due const& right) {
                return std::pair(left.at, left.order) < std::pair(right.at, right.order);
            });
        if (next == agenda_.end() || next->at > end)
            break;
        due const one = std::move(*next);
        agenda_.erase(next);
        now_ = std::max(now_, one.at);
        one.what();
    }
    now_ = end;
}

void world::check(char const* after) {
    auto const& promises = servers.acknowledged();
    if (!record.now.master.is_set()) { // what is told before the cluster is founded is nobody's
        promises_checked_ = founded_with_ = promises.size();
        return;
    }
    for (; promises_checked_ < promises.size(); ++promises_checked_) {
        auto const& promise = promises[promises_checked_];
        bool const moved_on = promise.by != record.now.master ||
                              (record.reached == milestone::choose && record.chosen != promise.by);
        if (moved_on && violation.empty())
            violation = std::string("after ") + after + ": " + name_of(members_, promise.by) +
                        " told a client that " + gtid_list::of({promise.what}).to_string() +
                        " is safe, while the record says " + to_string(record.now, members_);
    }
    bool const moved = record.now.master != checked_master_;
    if (record.reached != milestone::open && record.reached != milestone::steady)
        return;
    for (member const& who : members_)
        if (who.node != record.now.master && servers.can_acknowledge(who.node) && violation.empty())
            violation = std::string("after ") + after + ": " + who.name +
                        " can acknowledge besides " + to_string(record.now, members_);
    if (!moved && after != std::string_view("done"))
        return; // a master's own log only grows
    checked_master_ = record.now.master;
    for (auto const& promise : std::span{promises}.subspan(founded_with_))
        if (!servers.has(record.now.master, promise.what) && violation.empty())
            violation =
                std::string("after ") + after + ": " + gtid_list::of({promise.what}).to_string() +
                " was acknowledged and is not on the master; " + to_string(record.now, members_);
}

void world::deliver(std::shared_ptr<actor> const& from, ask const& what) {
    if (gone_.contains(what.node) || chance(options_.loss)) {
        if (chance(0.5)) { // the channel is known to be down
            answer refused;
            refused.ticket = what.what.ticket;
            refused.kind = failure::unavailable;
            refused.detail = "unreachable";
            std::weak_ptr<actor> const to = from;
            later(milliseconds{1}, [this, to, refused] {
                if (auto const alive = to.lock()) {
                    alive->now = now_;
                    obey(alive, alive->hear(answered{refused}), ignored_);
                }
            });
        }
        return;
    }
    instant& last = channel_[{what.what.decided_under, what.node}];
    bool const late = options_.late > 0 && chance(options_.late);
    last = std::max(last, now_ + milliseconds{below(late ? 2000 : 6)});
    std::weak_ptr<actor> const to = from;
    later(last - now_, [this, to, what] {
        answer const got = servers.perform(what.node, what.what);
        note_down(name_of(members_, what.node) + " " + std::string(name_of(what.what.what)) +
                  " epoch " + std::to_string(what.what.decided_under.value()) +
                  (got.done ? " done" : " failed: " + got.detail));
        check(name_of(what.what.what).data());
        if (chance(options_.loss))
            return;
        later(milliseconds{below(4)}, [this, to, got] {
            if (auto const alive = to.lock()) {
                alive->now = now_;
                obey(alive, alive->hear(answered{got}), ignored_);
            }
        });
    });
}

void world::commit(std::shared_ptr<actor> const& from, journal const& what) {
    epoch const under = epoch_;
    bool const reaches = !chance(options_.loss);
    bool const told = reaches && !chance(options_.loss);
    std::weak_ptr<actor> const to = from;
    auto const takes = milliseconds{1 + below(options_.journal_most)};
    later(takes, [this, to, what, under, reaches, told] {
        bool const ok = reaches && under >= record_epoch_ && under == epoch_;
        bool const proven =
            record.reached == milestone::choose || record.reached == milestone::closed;
        if (ok && proven && what.entry.reached == milestone::fence && violation.empty())
            violation = "what a predecessor has proven is overwritten";
        if (ok) {
            record = what.entry;
            record_epoch_ = under;
            note_down("record " + std::string(to_string(record.reached)) + " chosen " +
                      name_of(members_, record.chosen) + " at " + record.promotion.to_string() +
                      "; " + to_string(record.now, members_));
            seen.degradations += record.now.degraded ? 1 : 0;
        }
        check("journal");
        if (auto const alive = to.lock(); alive && (ok ? told : chance(0.5))) {
            alive->now = now_;
            obey(alive, alive->hear(journalled{ok}), ignored_);
        }
    });
}

void world::obey(std::shared_ptr<actor> const& from, std::vector<command> const& commands,
                 std::optional<conclude>& verdict) {
    for (command const& each : commands) {
        if (auto const* const question = std::get_if<ask>(&each))
            deliver(from, *question);
        else if (auto const* const entry = std::get_if<journal>(&each))
            commit(from, *entry);
        else if (auto const* const line = std::get_if<note>(&each))
            note_down("  [" + line->step + "] " + line->text);
        else if (auto const* const end = std::get_if<conclude>(&each)) {
            note_down(std::string(to_string(end->how)) + ": " + end->text);
            verdict = *end;
        }
    }
}

std::optional<conclude> world::drive(std::shared_ptr<actor> const& who, std::vector<command> first,
                                     int ticks) {
    ignored_.reset();
    obey(who, first, ignored_);
    for (int i = 0; i < ticks && !ignored_ && violation.empty(); ++i) {
        let_something_happen(options_.restless && !healed_);
        pass(milliseconds{10});
        who->now = now_;
        obey(who, who->hear(tick{}), ignored_);
    }
    auto const verdict = ignored_;
    ignored_.reset();
    return verdict;
}

} // namespace tasuki::mysql::walk
