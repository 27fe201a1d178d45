// The effects of the pure node carried out, and the notices of the edge handed to it.
#include "tasuki/agent/lease_body_io.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

constexpr duration shortest_pause = milliseconds{1};
constexpr duration stall_worth_a_line = milliseconds{100};
constexpr auto leaving_limit = std::chrono::seconds{10};
constexpr auto leaving_poll = std::chrono::milliseconds{5};

} // namespace

void lease_loop::body::carry_out(std::vector<effect> effects) {
    for (auto& each : effects)
        std::visit([this](auto& it) { act(it); }, each);
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
    auto const found = std::find_if(settings_.groups.begin(), settings_.groups.end(),
                                    [&](auto const& each) { return each.id == group; });
    auto const queued =
        store_->write(folder_name(*found), std::move(payload).take(), it.what.ticket);
    if (!queued) {
        depart(remark{true, queued.error().text});
        post(state_stored{group, {it.what.ticket, election::store_outcome::failed}});
    }
}

void lease_loop::body::on_stored(write_done const& done) {
    auto const found =
        std::find_if(settings_.groups.begin(), settings_.groups.end(),
                     [&](auto const& each) { return folder_name(each) == done.name; });
    if (found == settings_.groups.end())
        return;
    auto outcome = election::store_outcome::stored;
    if (!done.outcome) {
        bool const room_may_come = done.outcome.error().kind == failure::exhausted;
        outcome =
            room_may_come ? election::store_outcome::failed : election::store_outcome::poisoned;
        depart(remark{true, done.outcome.error().text});
    }
    happen(state_stored{found->id, {done.ticket, outcome}});
}

void lease_loop::body::act(stamp_grant& it) {
    grant_stamp const stamp{it.what.under, it.what.holder, it.what.life, it.what.expires};
    if (!stamps_->put(it.group, stamp))
        depart(remark{true, "the page of stamped grants is full"});
}

void lease_loop::body::act(open_address& it) {
    auto const group = it.group;
    address_changed result{group, it.under, true, {}};
    if (auto const mac = keeper_->stranger(group)) {
        result.here = false;
        result.trouble = problem{failure::conflict, "a stranger with MAC " + mac->to_string() +
                                                        " answers for the virtual IP: find and "
                                                        "remove it, it is taken then"};
        (void)keeper_->probe(group);
    } else if (auto const done = keeper_->want(group, it.under, true, it.until.hard); !done) {
        result.here = false;
        result.trouble = done.error();
    }
    happen(result);
}

void lease_loop::body::act(extend_address& it) {
    if (auto const done = keeper_->refresh(it.group, it.under, it.until.hard); !done)
        depart(remark{true, done.error().text});
}

void lease_loop::body::act(close_address& it) {
    address_changed result{it.group, it.under, false, {}};
    if (auto const done = keeper_->want(it.group, it.under, false, long_ago); !done)
        result.trouble = done.error();
    happen(result);
}

void lease_loop::body::act(probe_address& it) {
    (void)keeper_->probe(it.group);
}

void lease_loop::body::act(wake& it) {
    if (it.when == never || (it.when == due_ && due_ != long_ago))
        return;
    // A due time that stays in the past would be a bug; it must not cost the thread its time.
    duration const least = it.when == fired_ ? shortest_pause : duration::zero();
    due_ = it.when;
    auto const left = std::max<duration>(it.when - read_clocks().now, least);
    timer_.expires_after(left);
    timer_.async_wait([this](boost::system::error_code const& error) {
        if (error)
            return;
        auto const late = read_clocks().now - due_;
        conditions_.longest_stall =
            std::max(conditions_.longest_stall, std::chrono::duration_cast<milliseconds>(late));
        if (late > stall_worth_a_line)
            depart(remark{true, fmt::format("the lease thread was {} ms late", to_ms(late))});
        fired_ = std::exchange(due_, long_ago);
        happen(woke{});
    });
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
    happen(heard{*opened, arrived.path});
}

void lease_loop::body::refuse(heartbeat::reject why, endpoint const& source) {
    happen(refused_datagram{why});
    if (auto const left_out = rejects_.admit(why, read_clocks().now))
        depart(
            remark{true, fmt::format("heartbeat from {} refused: {} ({}; {} more since the "
                                     "last line)",
                                     source.to_string(), to_string(why), explain(why), *left_out)});
}

void lease_loop::body::on_keeper(vip::keeper_event const& event) {
    std::visit(overloaded{
                   [&](vip::conflict_seen const& it) {
                       happen(address_conflict{it.group, it.what.address.to_string() +
                                                             " is also claimed by " +
                                                             it.what.mac.to_string()});
                   },
                   [&](vip::conflict_cleared const& it) {
                       happen(address_conflict{it.group, {}});
                   },
                   [](auto const&) {},
               },
               event);
    bool const bad = !std::holds_alternative<vip::address_added>(event) &&
                     !std::holds_alternative<vip::address_removed>(event) &&
                     !std::holds_alternative<vip::link_up>(event);
    depart(remark{bad, to_string(event)});
}

/// A link matters to the groups whose addresses it carries, by configuration or as last seen.
void lease_loop::body::link_changed_on(std::string const& interface, bool up) {
    for (auto const& group : options_.from.groups) {
        auto const carrier = carriers_.find(group.id);
        bool carries = carrier != carriers_.end() && carrier->second == interface;
        for (auto const& vip : group.vips)
            carries = carries || vip.interface_on(options_.node) == interface;
        if (carries && group.has_member(options_.node))
            happen(link_changed{group.id, up});
    }
}

void lease_loop::body::refresh_conditions() {
    conditions_.enforcement = std::string{to_string(keeper_->rung())};
}

/// A stop is a hand-over: whoever holds a lease gives it up, so that nobody waits for it to lapse.
void lease_loop::body::leave() {
    if (leaving_)
        return;
    leaving_ = true;
    auto const at = read_clocks();
    carry_out(node_->retire(at));
    leave_before_ = std::chrono::steady_clock::now() + leaving_limit;
    wait_until_idle();
}

void lease_loop::body::wait_until_idle() {
    if (node_->is_idle() || std::chrono::steady_clock::now() >= leave_before_) {
        io_.stop();
        return;
    }
    leaving_timer_.expires_after(leaving_poll);
    leaving_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            wait_until_idle();
    });
}

} // namespace tasuki::agent
