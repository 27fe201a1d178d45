// The effects of the pure node carried out, and the notices of the edge handed to it.
#include "tasuki/agent/lease_body_io.hpp"

#include "tasuki/agent/lease_clock.hpp"
#include "tasuki/agent/lease_clock_io.hpp"
#include "tasuki/core/overloaded.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

constexpr duration shortest_pause = milliseconds{1};
constexpr duration stall_worth_a_line = milliseconds{100};
constexpr duration clock_pause = std::chrono::seconds{1};
constexpr auto leaving_limit = std::chrono::seconds{10};
constexpr auto fencing_limit = std::chrono::seconds{3}; // to close the writes, or else to kill
constexpr int goodbyes_said = 3;                        // each on all paths
constexpr auto leaving_poll = std::chrono::milliseconds{5};

conflict_note note_of(group_id group, vip::conflict const& what, bool begun) {
    return {group, begun, what.address.to_string(), what.mac.to_string()};
}

/// The folder that keeps the state of a group, or of the voters themselves.
std::string folder_of(node_settings const& of, group_id group) {
    auto const found = std::find_if(of.groups.begin(), of.groups.end(),
                                    [&](auto const& each) { return each.id == group; });
    return folder_name(found == of.groups.end() ? the_voters() : *found);
}

std::optional<group_id> group_kept_in(node_settings const& of, std::string const& folder) {
    for (auto const& each : of.groups)
        if (folder_name(each) == folder)
            return each.id;
    return folder == folder_name(the_voters()) ? std::optional{voters_group} : std::nullopt;
}

} // namespace

/// The gate before a server is told before anything that may open the server.
std::vector<effect> lease_loop::body::handle(happening const& what) {
    auto effects = node_->handle(what, read_clocks());
    keep_ports();
    keep_slots();
    if (!settings_.followed.empty())
        if (auto news = standings_.news(*node_, read_clocks().now))
            depart(standings_seen{std::move(*news)});
    return effects;
}

void lease_loop::body::keep_ports() {
    auto const now = read_clocks().now;
    for (auto const& [id, group] : node_->groups())
        if (auto const told = ports_.keep(id, group->open_to_clients_until(), now,
                                          [this](std::uint16_t port, instant until) {
                                              return keeper_->open_port(port, until);
                                          }))
            depart(remark{told->refused, told->text});
}

/// A program that takes over closes nothing that its predecessor has under a lease, nor a server
/// that it knew to be closed to writes.
std::vector<vip::guarded_port> lease_loop::body::ports_at_start() {
    std::vector<vip::guarded_port> out;
    for (auto const& group : options_.from.groups) {
        if (!group.mysql || !group.has_member(options_.node))
            continue;
        auto until = node_->groups().at(group.id)->open_to_clients_until();
        if (options_.inherited) {
            auto const& left = options_.inherited->left.groups;
            if (auto const found = left.find(group.id); found != left.end())
                until = open_to_clients_at_first(found->second, until);
        }
        ports_.begin(group.id, group.mysql->port, until);
        out.push_back({group.mysql->port, until});
    }
    return out;
}

void lease_loop::body::act(transmit& it) {
    auto const* peer = options_.from.find_node(it.header.to);
    if (peer == nullptr || it.path >= peer->addresses.size())
        return;
    it.header.payload = it.payload;
    auto const bytes = heartbeat::seal(it.header, cluster_, options_.keys);
    endpoint const to{peer->addresses[it.path], options_.from.heartbeat_port};
    if (!paths_->send(it.path, to, bytes))
        ++conditions_.sent;
}

void lease_loop::body::act(store_state& it) {
    byte_writer payload;
    encode(it.what.content, payload);
    auto const group = it.group;
    auto const queued =
        store_->write(folder_of(settings_, group), std::move(payload).take(), it.what.ticket);
    if (!queued) {
        depart(remark{true, queued.error().text});
        post(state_stored{group, {it.what.ticket, election::store_outcome::failed}});
    }
}

void lease_loop::body::on_stored(write_done const& done) {
    auto const group = group_kept_in(settings_, done.name);
    if (!group)
        return;
    auto outcome = election::store_outcome::stored;
    if (!done.outcome) {
        bool const room_may_come = done.outcome.error().kind == failure::exhausted;
        outcome =
            room_may_come ? election::store_outcome::failed : election::store_outcome::poisoned;
        depart(remark{true, done.outcome.error().text});
    }
    turns_.happen(state_stored{*group, {done.ticket, outcome}});
}

void lease_loop::body::act(stamp_grant& it) {
    grant_stamp const stamp{it.what.under, it.what.holder, it.what.life, it.what.expires};
    if (!stamps_->put(it.group, stamp))
        depart(remark{true, "the page of stamped grants is full"});
}

void lease_loop::body::act(open_address& it) {
    if (hooks_->moves(it.group))
        return open_by_hook(it);
    auto const group = it.group;
    address_changed result{group, it.under, true, {}};
    if (auto const mac = keeper_->stranger(group)) {
        result.here = false;
        result.trouble = problem{failure::conflict, "a stranger with MAC " + mac->to_string() +
                                                        " answers for the virtual IP: find and "
                                                        "remove it, it is taken then"};
        (void)keeper_->probe(group);
    } else if (!guard_->open(slots_.of(group), it.under, it.until.hard)) {
        result.here = false;
        result.trouble = problem{failure::refused, "the guardian has ended this epoch here"};
    } else if (auto const done = keeper_->want(group, it.under, true, it.until.hard); !done) {
        result.here = false;
        result.trouble = done.error();
    }
    keep_guard_equipped();
    turns_.found(result);
}

void lease_loop::body::act(extend_address& it) {
    if (!guard_->extend(slots_.of(it.group), it.under, it.until.hard))
        return depart(
            remark{true, "the guardian has ended this life of the agent: it saw no renewal"});
    if (auto const done = keeper_->refresh(it.group, it.under, it.until.hard); !done)
        depart(remark{true, done.error().text});
    keep_guard_equipped();
}

void lease_loop::body::act(close_address& it) {
    if (hooks_->moves(it.group))
        return close_by_hook(it);
    address_changed result{it.group, it.under, false, {}};
    if (auto const done = keeper_->want(it.group, it.under, false, long_ago); !done)
        result.trouble = done.error();
    else
        guard_->close(slots_.of(it.group));
    turns_.found(result);
}

void lease_loop::body::act(probe_address& it) {
    (void)keeper_->probe(it.group);
}

void lease_loop::body::act(submit_order& it) {
    if (leaving_)
        last_orders_.insert({it.group, it.what.ticket});
    depart(std::move(it));
}

void lease_loop::body::act(wake& it) {
    if (it.when == never || (it.when == due_ && due_ != long_ago))
        return;
    // A due time that stays in the past would be a bug; it must not cost the thread its time.
    due_ = it.when;
    alarm_->set(it.when == fired_ ? std::max(it.when, read_clocks().now + shortest_pause)
                                  : it.when);
}

void lease_loop::body::on_alarm() {
    auto const late = read_clocks().now - due_;
    conditions_.longest_stall =
        std::max(conditions_.longest_stall, std::chrono::duration_cast<milliseconds>(late));
    if (late > stall_worth_a_line)
        depart(remark{true, fmt::format("the lease thread was {} ms late", to_ms(late))});
    fired_ = std::exchange(due_, long_ago);
    turns_.happen(woke{});
}

void lease_loop::body::on_datagram(heartbeat::datagram const& arrived) {
    heartbeat::listener const self{cluster_, settings_.self, node_->peers().roster(),
                                   options_.keys};
    auto opened = heartbeat::open(arrived.bytes, self);
    if (!opened) {
        refuse(opened.error(), arrived.source);
        return;
    }
    ++conditions_.received;
    turns_.happen(heard{*opened, arrived.path});
}

void lease_loop::body::act(refused_heartbeat& it) {
    if (auto const* peer = options_.from.find_node(it.from))
        log_refusal(it.why, {peer->addresses[it.path < peer->addresses.size() ? it.path : 0],
                             options_.from.heartbeat_port});
}

void lease_loop::body::refuse(heartbeat::reject why, endpoint const& source, std::uint64_t count) {
    turns_.happen(refused_datagram{why, count});
    log_refusal(why, source);
}

void lease_loop::body::log_refusal(heartbeat::reject why, endpoint const& source) {
    if (auto const left_out = rejects_.admit(why, read_clocks().now))
        depart(
            remark{true, fmt::format("heartbeat from {} refused: {} ({}; {} more since the "
                                     "last line)",
                                     source.to_string(), to_string(why), explain(why), *left_out)});
}

void lease_loop::body::on_keeper(vip::keeper_event const& event) {
    std::visit(
        overloaded{
            [&](vip::conflict_seen const& it) {
                turns_.happen(address_conflict{it.group, it.what.address.to_string() +
                                                             " is also claimed by " +
                                                             it.what.mac.to_string()});
                depart(note_of(it.group, it.what, true));
            },
            [&](vip::conflict_cleared const& it) {
                turns_.happen(address_conflict{it.group, {}});
                depart(note_of(it.group, it.what, false));
            },
            [&](vip::link_down const& it) {
                turns_.happen(link_changed{it.group, false, it.why});
            },
            [&](vip::link_up const& it) {
                turns_.happen(link_changed{it.group, true});
            },
            [&](vip::address_added const& it) { conditions_.carriers[it.group] = it.interface; },
            [](auto const&) {},
        },
        event);
    bool const bad = !std::holds_alternative<vip::address_added>(event) &&
                     !std::holds_alternative<vip::address_removed>(event) &&
                     !std::holds_alternative<vip::link_up>(event);
    depart(remark{bad, to_string(event)});
}

void lease_loop::body::refresh_conditions() {
    conditions_.enforcement = std::string{carries_        ? to_string(keeper_->rung())
                                          : hooks_->any() ? by_program
                                                          : no_enforcement};
    conditions_.enforcement_reason = carries_ ? keeper_->rung_reason() : std::string{};
    if (hooks_->any())
        conditions_.enforcement_reason +=
            (conditions_.enforcement_reason.empty() ? "" : "; ") + hooks_->caution(keeper_->rung());
    conditions_.guard_reason = guard_->is_here() ? std::string{} : guard_->trouble();
    for (auto const& group : options_.from.groups)
        if (!group.vips.empty()) // as configured, until it is known where it really is
            conditions_.carriers.try_emplace(group.id,
                                             group.vips.front().interface_on(options_.node));
}

/// Half of `clock_drift` is one clock's share; told when it is passed, and when that is over.
void lease_loop::body::check_clock() {
    conditions_.clock_ppm = read_clock_correction();
    auto const drift = settings_.terms.clock_drift;
    bool const off =
        conditions_.clock_ppm && clock_is_too_fast_or_slow(*conditions_.clock_ppm, drift);
    if (off != std::exchange(clock_is_off_, off)) {
        turns_.happen(clock_checked{!off});
        depart(remark{off, fmt::format("the clock is corrected by {:.0f} parts per million, {} "
                                       "half of clock_drift = {}",
                                       conditions_.clock_ppm.value_or(0),
                                       off ? "more than" : "again within", drift)});
    }
    clock_timer_.expires_after(clock_pause);
    clock_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            check_clock();
    });
}

/// A stop is a hand-over: whoever holds a lease gives it up, so that nobody waits for it to lapse.
void lease_loop::body::leave() {
    if (leaving_)
        return;
    leaving_ = true;
    turns_.carry_out(node_->retire(read_clocks()));
    leave_before_ = std::chrono::steady_clock::now() + leaving_limit;
    wait_until_idle();
}

void lease_loop::body::wait_until_idle() {
    if (may_end()) {
        if (watchdog_ && node_->is_idle())
            if (auto const stopped = watchdog_->disarm(); !stopped)
                depart(remark{true, stopped.error().text});
        if (node_->is_idle())
            for (int time = 0; time < goodbyes_said; ++time)
                for (auto& each : node_->goodbyes(read_clocks().now))
                    act(each);
        io_.stop();
        return;
    }
    leaving_timer_.expires_after(leaving_poll);
    leaving_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            wait_until_idle();
    });
}

/// Once everything is given up and every order is answered: what waits for mysqld when the agent
/// ends is not carried out any more, and it may be what closes the writes. When that takes too
/// long, what is left is closed the hard way: the addresses now, the writes as fast as the server
/// obeys.
bool lease_loop::body::may_end() {
    if (node_->is_idle() && last_orders_.empty())
        return true;
    auto const now = std::chrono::steady_clock::now();
    if (now < leave_before_)
        return false;
    if (abandoned_)
        return true;
    abandoned_ = true;
    leave_before_ = now + fencing_limit;
    depart(remark{true, "what is held here could not be handed over in time: it is closed"});
    turns_.carry_out(node_->abandon(read_clocks()));
    return node_->is_idle() && last_orders_.empty();
}

} // namespace tasuki::agent
