// Who should acknowledge, by what was observed.

#include "ackers_run.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>

namespace tasuki::mysql::ackers {

void run::check_watch() {
    mark_health();
    mark_progress();
    server_facts const* const mine = facts_of(self());
    bool const round_over = !s_.book.waits_for<survey>();
    bool const somebody_lost = std::any_of(recorded().ackers.begin(), recorded().ackers.end(),
                                           [&](acker const& each) { return is_lost(each.node); });
    if (mine != nullptr && (round_over || somebody_lost)) {
        if (round_over)
            look_for_reconnection();
        bool const let_go = recorded().degraded && mine->source_semi_sync;
        // Read-only it has been restarted: nothing went unacknowledged, and it is not ours to open.
        bool const off_unrecorded =
            !recorded().degraded && !mine->source_semi_sync && !mine->read_only;
        std::vector<acker> wanted = desired();
        bool const enough = wanted.size() >= recorded().required && !wanted.empty();
        if (off_unrecorded)
            return start_surrender("semi-sync is off on the master, and that was not recorded");
        if (!enough && let_go) {
            enter(phase::unprotect, rules_.step_limit);
            s_.bound = never;
            s_.poll_at = now_;
            return;
        }
        if (!enough && !recorded().degraded)
            return without_ackers();
        bool const differs = wanted != recorded().ackers || !recorded().next_ackers.empty() ||
                             recorded().degraded || has_stray(wanted);
        s_.blocked.clear();
        if (enough && differs && (round_over || !recorded().degraded))
            return start_change(std::move(wanted));
    }
    if (now_ < s_.observe_at)
        return;
    if (round_over) {
        probe_if_wanted();
        let_in_the_locked();
    }
    observe();
}

void run::mark_health() {
    for (member const& who : s_.input.members) {
        if (who.node == self())
            continue;
        server_facts const* const theirs = facts_of(who.node);
        if (theirs == nullptr && s_.book.waits_for(who.node))
            continue; // being asked
        if (is_receiving(theirs))
            s_.unhealthy_since.erase(who.node);
        else
            s_.unhealthy_since.try_emplace(who.node, now_);
    }
}

/// The receiver says that it runs until its own time is up: what counts is that something comes.
void run::mark_progress() {
    server_facts const* const mine = facts_of(self());
    if (mine == nullptr)
        return;
    if (mine->waiting_for_ack == 0)
        return s_.read_up_to.clear();
    for (member const& who : s_.input.members) {
        server_facts const* const theirs = facts_of(who.node);
        if (who.node == self() || theirs == nullptr || !theirs->replica)
            continue;
        if (!is_acker(recorded(), acker{who.node, theirs->life})) {
            s_.read_up_to.erase(who.node); // nobody waits for it
            continue;
        }
        auto const& replica = *theirs->replica;
        progress const seen{replica.master_log_file, replica.master_log_position, now_};
        progress& known = s_.read_up_to.try_emplace(who.node, seen).first->second;
        if (known.file != seen.file || known.position != seen.position)
            known = seen;
    }
}

bool run::is_receiving(server_facts const* theirs) const {
    return theirs != nullptr && theirs->replica && is_usable(theirs->condition) &&
           theirs->replica->master == own_server() &&
           theirs->replica->receiver == thread_state::running;
}

bool run::is_lost(node_id node) const {
    auto const dead = s_.dead_since.find(node);
    if (dead != s_.dead_since.end() && now_ >= dead->second + rules_.loss_grace)
        return true;
    auto const still = s_.read_up_to.find(node);
    if (still != s_.read_up_to.end() && now_ >= still->second.since + rules_.unhealthy_grace)
        return true;
    auto const ill = s_.unhealthy_since.find(node);
    return ill != s_.unhealthy_since.end() && now_ >= ill->second + rules_.unhealthy_grace;
}

std::optional<std::string> run::why_leaves(acker const& who) const {
    member const* const configured = find(s_.input.members, who.node);
    auto const known = s_.heard.find(who.node);
    server_facts const* const theirs = facts_of(who.node);
    if (configured == nullptr)
        return "it is not a member any more";
    if (configured->never_master)
        return "it is configured as never_master";
    if (known != s_.heard.end() && known->second.standby)
        return "it is in standby";
    if (theirs != nullptr && theirs->life.is_set() && theirs->life != who.life &&
        !planted(bug::restarted_acker_kept))
        return "its server was restarted";
    if (is_lost(who.node))
        return "it is lost";
    return std::nullopt;
}

bool run::is_near(server_facts const& theirs) const {
    server_facts const* const mine = facts_of(self());
    if (mine == nullptr || theirs.replica->master_log_file != mine->binlog_file)
        return false;
    return theirs.replica->master_log_position + rules_.near_bytes >= mine->binlog_offset;
}

bool run::may_join(member const& who) const {
    server_facts const* const theirs = facts_of(who.node);
    server_facts const* const mine = facts_of(self());
    auto const known = s_.heard.find(who.node);
    bool const absent = known != s_.heard.end() && (!known->second.alive || known->second.standby);
    if (who.never_master || absent || mine == nullptr || !is_receiving(theirs) ||
        is_lost(who.node) || !theirs->life.is_set())
        return false;
    if (!theirs->replica->applier_runs || theirs->replica->applier_errno != 0)
        return false;
    // The master's own newest may have been read before the replica had received them.
    gtid_list const extra = divergence(known_state(*mine), known_state(*theirs));
    for (gtid const& each : extra.entries())
        if (each.server != mine->server_number)
            return false;
    return is_near(*theirs);
}

std::vector<acker> run::all_recorded() const {
    std::vector<acker> all = recorded().ackers;
    all.insert(all.end(), recorded().next_ackers.begin(), recorded().next_ackers.end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::vector<acker> run::desired() const {
    std::vector<acker> wanted;
    for (acker const& each : all_recorded()) {
        member const* const who = find(s_.input.members, each.node);
        if (who == nullptr)
            continue;
        bool const settled = std::find(recorded().ackers.begin(), recorded().ackers.end(), each) !=
                             recorded().ackers.end();
        bool const may_come = now_ >= s_.quiet_until && may_join(*who);
        if (!why_leaves(each) && (settled || may_come))
            wanted.push_back(each);
    }
    if (now_ >= s_.quiet_until)
        for (member const& who : s_.input.members)
            if (who.node != self() && !names_node(wanted, who.node) && may_join(who))
                wanted.push_back({who.node, s_.facts.at(who.node).life});
    std::sort(wanted.begin(), wanted.end());
    return wanted;
}

bool run::might_acknowledge(member const& who) const {
    server_facts const* const theirs = facts_of(who.node);
    if (theirs == nullptr)
        return true;
    return theirs->replica_semi_sync && theirs->replica && theirs->replica->master == own_server();
}

bool run::is_connected(member const& who) const {
    server_facts const* const mine = facts_of(self());
    return mine != nullptr &&
           std::find(mine->connected_accounts.begin(), mine->connected_accounts.end(),
                     who.account) != mine->connected_accounts.end();
}

/// Somebody acknowledges, or would when it connects, without being recorded. Of who tells nothing
/// the master itself knows whether it is connected.
bool run::has_stray(std::vector<acker> const& wanted) const {
    return std::any_of(s_.input.members.begin(), s_.input.members.end(), [&](member const& who) {
        bool const seen = facts_of(who.node) != nullptr
                              ? might_acknowledge(who)
                              : is_connected(who) && !s_.book.waits_for(who.node);
        return who.node != self() && seen && !planted(bug::stray_ignored) &&
               !names_node(wanted, who.node) && !s_.silenced.contains(who.node);
    });
}

void run::without_ackers() {
    std::string why;
    for (acker const& each : recorded().ackers)
        if (auto const reason = why_leaves(each))
            why += (why.empty() ? "" : "; ") + name(each.node) + ": " + *reason;
    if (why.empty())
        why = "no acker is recorded";
    if (rules_.degrade_without_acker)
        return start_surrender(why);
    if (s_.blocked.empty())
        say("commits wait: " + why + "; on_no_acker = \"block\"");
    s_.blocked = why;
    // A replica that can take the place comes as a change of its own, seen at the next round.
    if (now_ < s_.observe_at)
        return;
    if (!s_.book.waits_for<survey>()) {
        probe_if_wanted();
        let_in_the_locked();
    }
    observe();
}

} // namespace tasuki::mysql::ackers
