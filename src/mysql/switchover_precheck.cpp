// A switchover before anything is closed: who takes over, what will happen, and the catching up.

#include "switchover_run.hpp"

namespace tasuki::mysql::switchover {

namespace {

bool replicates_from(server_facts const* facts, endpoint const& master) {
    return facts != nullptr && facts->replica && facts->replica->master == master;
}

} // namespace

plan make_plan(state const& now) {
    auto const& members = now.input.members;
    endpoint const master = find(members, now.input.self)->server;
    std::string const from = name_of(members, now.input.self);
    std::string const to = name_of(members, now.to);
    plan out;
    out.to = now.to;
    out.before.master = now.input.self;
    out.after.master = now.to;
    out.obstacles = now.obstacles;
    for (member const& who : members) {
        if (who.node == now.input.self)
            continue;
        auto const place = now.facts.find(who.node);
        server_facts const* const facts = place == now.facts.end() ? nullptr : &place->second;
        bool const follows = replicates_from(facts, master);
        (follows ? out.before.replicas : out.before.apart).push_back(who.node);
        if (who.node != now.to)
            (follows ? out.after.replicas : out.after.apart).push_back(who.node);
        if (!follows)
            out.warnings.push_back(who.name + " does not replicate from " + from +
                                   " and will not follow " + to);
        if (facts != nullptr && who.node == now.to)
            for (std::string const& fault : facts->durability_faults)
                out.warnings.push_back(who.name + ": " + fault);
    }
    out.after.replicas.push_back(now.input.self);
    if (!is_acker(now.input.recorded.now, now.to))
        out.warnings.push_back(to + " is not an acker: it may lag");
    out.steps = {"wait until " + to + " has caught up with " + from + ", writes going on",
                 "close writes on " + from + " (bounded; undone on overrun)",
                 "wait until " + to + " has applied the last transaction",
                 "record the closing: the point of no return",
                 "hand the lease over to " + to,
                 to + ": end its replica role, semi-sync on, the others and " + from + " follow it",
                 to + ": open writes, take the address"};
    return out;
}

std::optional<std::string> run::objection_to(member const& who) const {
    server_facts const* const theirs = facts_of(who.node);
    endpoint const master = find(s_.input.members, self())->server;
    if (who.never_master)
        return "is configured as never_master";
    if (s_.input.standby.contains(who.node))
        return "is in standby: activate it first";
    if (theirs == nullptr)
        return "does not answer";
    if (!is_usable(theirs->condition))
        return "has a server that is " + std::string(to_string(theirs->condition));
    if (!replicates_from(theirs, master))
        return "does not replicate from the master";
    auto const& replica = *theirs->replica;
    if (replica.applier_errno != 0 || !replica.applier_runs)
        return "has a stopped applier" +
               (replica.last_error.empty() ? "" : ": " + replica.last_error);
    if (replica.receiver != thread_state::running)
        return "has a receiver that is " + std::string(to_string(replica.receiver));
    gtid_list const extra = divergence(known_state(*facts_of(self())), known_state(*theirs));
    for (gtid const& each : extra.entries())
        // The master's state was read at another moment: its own newest are no divergence.
        if (each.server != facts_of(self())->server_number)
            return "holds " + extra.to_string() + ", which the master does not have";
    return std::nullopt;
}

std::optional<std::string> run::choose() {
    if (s_.input.to) {
        member const* const wanted = find(s_.input.members, *s_.input.to);
        if (wanted == nullptr || wanted->node == self())
            return name(*s_.input.to) + " is not another member of the group";
        if (auto const reason = objection_to(*wanted))
            return wanted->name + " " + *reason;
        s_.to = wanted->node;
        return std::nullopt;
    }
    std::string reasons;
    for (bool const acker : {true, false})
        for (member const& who : s_.input.members) {
            bool const is = is_acker(s_.input.recorded.now, who.node);
            if (who.node == self() || is != acker || s_.to.is_set())
                continue;
            auto const reason = objection_to(who);
            if (!reason)
                s_.to = who.node;
            else
                reasons += (reasons.empty() ? "" : "; ") + who.name + " " + *reason;
        }
    if (s_.to.is_set())
        return std::nullopt;
    return "nobody can take over: " + reasons;
}

void run::check_precheck() {
    if (!s_.book.open.empty())
        return;
    server_facts const* const mine = facts_of(self());
    s_.writes_open = mine != nullptr && is_usable(mine->condition) && !mine->read_only;
    auto refusal = mine == nullptr || !is_usable(mine->condition)
                       ? std::optional<std::string>("the master's own server does not answer")
                   : mine->read_only ? std::optional<std::string>("the master is read-only already")
                                     : choose();
    if (refusal)
        return finish({conclusion::refused, *refusal, std::nullopt, {}});
    show_plan();
    if (s_.input.dry_run)
        return finish({conclusion::done, "dry run: nothing was changed", s_.to, {}});
    start_catch_up();
}

void run::show_plan() {
    s_.shown = make_plan(s_);
    for (std::string const& each : s_.shown->steps)
        commands_.push_back(note{"plan", each});
    for (std::string const& each : s_.shown->warnings)
        commands_.push_back(note{"warning", each});
    if (!s_.obstacles.empty())
        commands_.push_back(note{"obstacles", s_.obstacles});
}

void run::start_catch_up() {
    enter(phase::catch_up, rules_.lag_limit);
    say("waiting until " + name(s_.to) + " is near, writes going on");
    put(self(), survey{}, rules_.step_limit);
}

void run::caught_up(answer const& got) {
    if (got.done)
        return start_hold();
    if (got.kind != failure::timed_out)
        return finish(
            {conclusion::refused,
             name(s_.to) + " cannot catch up: " + got.detail + "; writes were never closed",
             std::nullopt,
             {}});
    put(self(), survey{}, rules_.step_limit); // towards a newer position
}

void run::check_catch_up() {
    if (s_.book.waits_for(s_.to) || s_.book.waits_for(self()))
        return;
    if (now_ >= s_.bound)
        return finish({conclusion::refused,
                       name(s_.to) + " did not come near in " +
                           std::to_string(to_ms(rules_.lag_limit)) +
                           " ms; writes were never closed. Look at its lag",
                       std::nullopt,
                       {}});
    server_facts const* const mine = facts_of(self());
    s_.writes_open = mine != nullptr && !mine->read_only;
    if (mine == nullptr)
        return finish(
            {conclusion::refused, "the master's own server stopped answering", std::nullopt, {}});
    // Near enough is: what the master has just now, the candidate has applied within the bound.
    put(s_.to, await_position{mine->binlog_position}, rules_.caught_up);
}

} // namespace tasuki::mysql::switchover
