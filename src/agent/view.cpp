#include "tasuki/agent/view.hpp"

#include "tasuki/agent/journal.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

http::wall_time wall(std::uint64_t ms) {
    return http::wall_time{std::chrono::seconds{ms / 1000}};
}

http::age age_of(instant now, std::optional<instant> then) {
    if (!then)
        return std::nullopt;
    return std::chrono::duration_cast<milliseconds>(now - *then);
}

std::vector<http::path_view> paths_of(node const& from, heartbeat::peer const& peer, moment at) {
    std::vector<http::path_view> out;
    auto const& addresses = from.settings().paths.at(peer.place.id);
    for (std::size_t path = 0; path < peer.place.paths; ++path)
        out.push_back(
            {addresses[path], age_of(at.now, peer.heard.heard_at(path)),
             peer.heard.hears_us(path, at.now, from.settings().silent_after()).value_or(false)});
    return out;
}

std::string note_of(node const& from, heartbeat::peer const& peer, moment at) {
    auto const& settings = from.settings();
    std::string out;
    for (std::size_t path = 0; path < peer.place.paths; ++path) {
        auto const how = peer.heard.on_path(path, at.now, settings.silent_after());
        if (how == heartbeat::hearing::up)
            continue;
        auto const self = settings.name_of(settings.self);
        auto const name = settings.name_of(peer.place.id);
        out += (out.empty() ? "" : "; ") +
               describe(how, {self, name, settings.paths.at(peer.place.id)[path]});
    }
    return out;
}

http::node_view view_of_node(node const& from, node_id id, conditions const& now, moment at) {
    auto const& settings = from.settings();
    http::node_view out;
    out.name = settings.name_of(id);
    out.voter =
        std::find(settings.voters.begin(), settings.voters.end(), id) != settings.voters.end();
    out.witness = std::find(settings.witnesses.begin(), settings.witnesses.end(), id) !=
                  settings.witnesses.end();
    for (auto const& [group, each] : from.groups()) {
        auto const& standby = each->record().standby;
        if (std::find(standby.begin(), standby.end(), id) != standby.end())
            out.standby.emplace();
    }
    if (id == settings.self) {
        out.state = "up";
        out.heard = milliseconds{0};
        out.version = now.version;
        out.config_digest = fmt::format("{:016x}", settings.digest);
        out.enforcement = now.enforcement;
        out.enforcement_reason = now.enforcement_reason;
        out.guard_reason = now.guard_reason;
        for (auto const& address : settings.paths.at(id))
            out.paths.push_back({address, milliseconds{0}, true});
        return out;
    }
    auto const* peer = from.peers().find(id);
    out.guard_reason = "not told yet"; // by its card
    out.heard = age_of(at.now, peer->heard.heard_at());
    out.state = from.alive(id, at.now) ? "up" : out.heard ? "silent" : "unknown";
    out.paths = paths_of(from, *peer, at);
    out.note = note_of(from, *peer, at);
    if (peer->is_proven())
        out.config_digest = fmt::format("{:016x}", peer->config_digest);
    return out;
}

http::quorum_view quorum_of(node const& from, moment at) {
    auto const& settings = from.settings();
    http::quorum_view out;
    out.voters = static_cast<unsigned>(settings.voters.size());
    out.needed = static_cast<unsigned>(election::majority_of(settings.voters.size()));
    for (auto const voter : settings.voters)
        out.reachable += voter == settings.self || from.alive(voter, at.now) ? 1U : 0U;
    out.ok = out.reachable >= out.needed;
    out.version = settings.voters_version;
    out.change = from.roll().change();
    return out;
}

std::string role_of_replica(group const& of, node_id member) {
    return is_acker(standing_of(of.record()), member) ? "acker" : "replica";
}

http::replica_view replica_of(node_settings const& names, group const& of, node_id member,
                              mysql::server_facts const& facts, moment at) {
    http::replica_view out;
    out.node = names.name_of(member);
    out.role = role_of_replica(of, member);
    if (facts.replica) {
        out.lag = facts.replica->lag;
        out.io = std::string{to_string(facts.replica->receiver)};
        out.sql = facts.replica->applier_runs ? "running" : "stopped";
        out.position = facts.replica->applied.to_string();
    } else {
        out.position = facts.binlog_position.to_string();
    }
    out.shown_age = age_of(at.now, facts.read_at);
    return out;
}

http::mysql_view mysql_of(node_settings const& names, group const& of, moment at) {
    http::mysql_view out;
    auto const& record = of.record();
    if (record.master.is_set())
        out.master = names.name_of(record.master);
    out.required_acks = record.required_acks;
    out.is_protected = record.degraded_since_ms == 0 && !record.ackers.empty();
    if (record.degraded_since_ms != 0)
        out.degraded_since = wall(record.degraded_since_ms);
    for (auto const& [member, facts] : of.data()->facts()) {
        http::mysql_server_view server;
        server.node = names.name_of(member);
        server.health = std::string{to_string(facts.condition)};
        server.position = facts.binlog_position.to_string();
        bool const answers = facts.condition == mysql::health::up ||
                             facts.condition == mysql::health::waiting_for_ack ||
                             facts.condition == mysql::health::disk_full;
        if (answers)
            server.writable = !facts.read_only;
        server.shown_age = age_of(at.now, facts.read_at);
        for (auto const& fault : facts.durability_faults)
            server.detail += (server.detail.empty() ? "" : "; ") + fault;
        out.servers.push_back(std::move(server));
        if (member != record.master)
            out.replicas.push_back(replica_of(names, of, member, facts, at));
    }
    out.shown_age = milliseconds{0};
    return out;
}

/// Whether a majority is left once the holder is gone; its server alone may die any time.
void add_quorum(node const& from, group const& of, moment at, http::ready_view& out) {
    auto const quorum = quorum_of(from, at);
    auto const& voters = from.settings().voters;
    bool const holder_votes =
        std::find(voters.begin(), voters.end(), of.holder(at.now)) != voters.end();
    auto const next = "tasuki check";
    if (!quorum.ok) {
        out.failover = false;
        out.lossless = false;
        out.reasons.push_back({"no_quorum",
                               fmt::format("no quorum: {} of {} voters reachable, {} needed",
                                           quorum.reachable, quorum.voters, quorum.needed),
                               next});
    } else if (from.fence().may_begin()) {
        out.reasons.push_back(
            {"fence", "a lost node is replaced once its machine is switched off", next});
    } else if (quorum.reachable == quorum.needed) {
        out.reasons.push_back(
            {"quorum",
             holder_votes ? "only if the node itself survives: no further voter may be lost"
                          : "no further voter may be lost",
             next});
    }
}

http::ready_view ready_of(node const& from, group const& of, moment at) {
    std::vector<effect> none;
    outbox letters;
    auto const eyes = from.look(at, none, letters);
    http::ready_view out;
    auto const& names = from.settings();
    if (of.data() != nullptr) {
        auto const ready = of.readiness(eyes);
        out.failover = ready.failover && !of.record().paused;
        out.lossless = ready.lossless;
        if (ready.to)
            out.to = names.name_of(*ready.to);
        for (auto const& reason : ready.reasons)
            out.reasons.push_back({"not_ready", reason, "tasuki why " + of.settings().name});
    } else {
        auto const holder = of.holder(at.now);
        auto const& standby = of.record().standby;
        for (auto const member : of.settings().members)
            if (!out.to && member != holder && eyes.alive(member) &&
                std::find(standby.begin(), standby.end(), member) == standby.end())
                out.to = names.name_of(member);
        out.failover = out.to.has_value() && !of.record().paused;
        out.lossless = out.failover;
        if (!out.to)
            out.reasons.push_back({"no_candidate", "no other member is up", "tasuki status"});
    }
    if (of.record().paused)
        out.reasons.push_back({"paused", "paused: " + of.record().pause_reason,
                               "tasuki resume " + of.settings().name});
    add_quorum(from, of, at, out);
    return out;
}

http::group_view view_of_group(node const& from, group const& of, moment at) {
    auto const& names = from.settings();
    auto const& elect = of.election_state();
    auto const& record = of.record();
    auto const holder = of.holder(at.now);
    http::group_view out;
    out.name = of.settings().name;
    out.epoch = std::max({elect.holder.under, record.written_under, elect.under}).value();
    if (holder.is_set())
        out.active = names.name_of(holder);
    out.state = std::string{to_string(elect.now_role)};
    out.mode = "active";
    if (elect.now_role == election::role::active) {
        out.since = wall(of.active_since_ms());
        out.lease_left = std::chrono::duration_cast<milliseconds>(
            std::max(elect.until.hard - at.now, duration::zero()));
    }
    if (record.paused) {
        out.paused.emplace();
        out.paused->reason = record.pause_reason;
        if (record.paused_until_ms != 0)
            out.paused->until = wall(record.paused_until_ms);
    }
    // Who holds them, and what every member says of itself: see `add_reports`.
    for (auto const& address : of.settings().addresses) {
        http::vip_view vip;
        vip.address = address;
        vip.gate = "none";
        out.vips.push_back(std::move(vip));
    }
    out.ready = ready_of(from, of, at);
    if (of.data() != nullptr)
        out.mysql = mysql_of(names, of, at);
    out.shown_age = milliseconds{0};
    return out;
}

} // namespace

http::cluster_view view_of(node const& from, conditions const& now, moment at) {
    auto const& settings = from.settings();
    http::cluster_view out;
    out.cluster = settings.cluster;
    out.node = settings.name_of(settings.self);
    out.version = now.version;
    out.time = wall(at.wall_ms);
    out.safety = settings.safety;
    out.quorum = quorum_of(from, at);
    for (auto const& [id, name] : settings.names)
        out.nodes.push_back(view_of_node(from, id, now, at));
    std::sort(out.nodes.begin(), out.nodes.end(),
              [](auto const& left, auto const& right) { return left.name < right.name; });
    for (auto const& each : settings.groups)
        out.groups.push_back(view_of_group(from, *from.groups().at(each.id), at));
    if (!out.quorum.change.empty())
        out.warnings.push_back({"voters_changing",
                                "the voters are being changed: " + out.quorum.change,
                                "tasuki history"});
    if (auto const silent = from.fence().describe(at.now); !silent.empty())
        out.warnings.push_back({"voter_silent", silent, "tasuki history"});
    if (settings.fence && settings.voters.size() == 1)
        out.warnings.push_back({"decides_alone",
                                settings.name_of(settings.voters.front()) +
                                    " decides alone: the other voter is off, and votes again a "
                                    "moment after it is back",
                                "tasuki history"});
    for (auto const& warning : now.warnings)
        out.warnings.push_back({"configuration", warning, "tasuki config check"});
    auto const& rejects = from.peers().rejects();
    for (std::size_t index = 0; index < heartbeat::reject_count; ++index) {
        auto const why = static_cast<heartbeat::reject>(index);
        if (rejects.of(why) > 0)
            out.counters.heartbeats_rejected[std::string{to_string(why)}] = rejects.of(why);
    }
    out.counters.heartbeats_sent = now.sent;
    out.counters.heartbeats_received = now.received;
    out.counters.longest_stall = now.longest_stall;
    return out;
}

std::optional<http::why_view> why_of(http::cluster_view const& view, std::string const& group) {
    auto const found = std::find_if(view.groups.begin(), view.groups.end(),
                                    [&](auto const& each) { return each.name == group; });
    if (found == view.groups.end())
        return std::nullopt;
    auto const& ready = found->ready;
    http::why_view out;
    out.group = group;
    out.failover = ready.failover;
    out.lossless = ready.lossless;
    out.to = ready.to;
    out.expected = ready.expected;
    out.reasons = ready.reasons;
    for (auto const& vip : found->vips)
        if (vip.conflict)
            out.reasons.push_back({"conflict", "CONFLICT on " + vip.address + ": " + *vip.conflict,
                                   "find whose MAC that is (ip neigh), and take the address away"});
    out.reasons.insert(out.reasons.end(), found->reasons.begin(), found->reasons.end());
    for (auto const& member : found->members)
        out.candidates.push_back({member.node, member.eligible, {}, member.reason});
    for (auto& candidate : out.candidates)
        if (found->active == candidate.node && candidate.reason.empty())
            candidate.reason = "active now";
    if (!found->mysql)
        return out;
    for (auto const& replica : found->mysql->replicas) {
        for (auto& candidate : out.candidates)
            if (candidate.node == replica.node)
                candidate.lag = replica.lag;
        if (replica.quarantined)
            out.reasons.push_back({"quarantined",
                                   replica.node + " is quarantined: " + *replica.quarantined,
                                   "rebuild " + replica.node + " from the master's data"});
    }
    for (auto& reason : out.reasons) // the reader is there already
        if (reason.next_command == "tasuki why " + group)
            reason.next_command.clear();
    return out;
}

} // namespace tasuki::agent
