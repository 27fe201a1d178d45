#include "tasuki/vip/keeper_io.hpp"

#include "keeper_body_io.hpp"
#include "tasuki/vip/sockdiag.hpp"
#include "tasuki/vip/sockets_io.hpp"

#include <linux/netlink.h>

#include <algorithm>

namespace tasuki::vip {

namespace {

std::set<ip_address> kept_of(keeper_options const& options) {
    std::set<ip_address> out;
    for (auto const& one : options.addresses)
        if (!one.by_hook)
            out.insert(one.address.address);
    return out;
}

problem older(epoch asked, epoch known) {
    return {failure::refused, "epoch " + std::to_string(asked.value()) + " is over: epoch " +
                                  std::to_string(known.value()) + " was seen"};
}

problem not_started() {
    return {failure::refused, "the keeper of the addresses has not been started"};
}

} // namespace

std::vector<ip_address> addresses_of(std::vector<configured_address> const& all) {
    std::vector<ip_address> out;
    for (auto const& one : all)
        out.push_back(one.address.address);
    return out;
}

keeper::keeper(boost::asio::io_context& io, keeper_options options)
    : body_(std::make_unique<body>(io, std::move(options))) {}

keeper::~keeper() {
    body_->leave();
}

void keeper::adopt(group_id group, epoch owner, instant deadline) {
    body_->adopt(group, owner, deadline);
}
result<void> keeper::start() {
    return body_->start();
}
result<void> keeper::want(group_id group, epoch owner, bool here, instant deadline) {
    return body_->want(group, owner, here, deadline);
}
result<void> keeper::refresh(group_id group, epoch owner, instant deadline) {
    return body_->refresh(group, owner, deadline);
}
result<void> keeper::open_port(std::uint16_t port, instant until) {
    return body_->open_port(port, until);
}
result<void> keeper::probe(group_id group) {
    return body_->probe(group);
}
std::optional<mac_address> keeper::stranger(group_id group) const {
    return body_->stranger(group);
}
void keeper::set_peer_macs(std::set<mac_address> macs) {
    body_->conflicts.set_peer_macs(std::move(macs));
}
result<void> keeper::announce(group_id group) {
    return body_->announce(group);
}
std::vector<byte_string> keeper::removals() const {
    return body_->removals();
}
std::vector<byte_string> keeper::connections() const {
    return body_->connections();
}
std::set<mac_address> keeper::own_macs() const {
    return body_->own_macs();
}
enforcement keeper::rung() const {
    return body_->rung();
}
std::string keeper::rung_reason() const {
    return body_->rung_reason();
}
result<std::vector<carried_address>> keeper::observed() {
    return body_->observed();
}

keeper::body::body(boost::asio::io_context& io, keeper_options options)
    : conflicts(kept_of(options), options.conflict_clear)
    , io_(io)
    , options_(std::move(options))
    , configured_(kept_of(options_))
    , lifetimes_(options_.only == enforcement::agent ? enforcement::agent
                                                     : enforcement_for(options_.lease))
    , neighbours_(io, kept_of(options_), [this](claim const& said) { on_claim(said); })
    , timer_(io) {
    for (auto const& one : options_.ports)
        ports_[one.port].open_until = one.open_until;
    for (auto const& one : options_.addresses) {
        groups_[one.group].addresses.push_back(one);
        if (one.by_hook)
            continue;
        groups_[one.group].kept.push_back(one);
        group_of_[one.address.address] = one.group;
    }
}

void keeper::body::adopt(group_id group, epoch owner, instant deadline) {
    auto& state = groups_[group];
    state.owner = owner;
    state.here = true;
    state.deadline = deadline;
    for (auto const& one : state.kept)
        carried_[one.address.address] = {group, 0, one.announce, {}};
}

result<void> keeper::body::start() {
    if (auto const opened = open(); !opened)
        return opened;
    auto const reconciled = reconcile();
    if (!reconciled)
        return reconciled.error();
    if (auto const guarded = check_gate(); !guarded)
        return guarded;
    for (auto& [id, state] : groups_)
        if (state.here)
            begin_announcing(id, options_.now());
    announce_due();
    arm();
    auto const heard = listen_everywhere();
    return reconciled->empty() ? heard : result<void>{reconciled->begin()->second};
}

result<void> keeper::body::open() {
    auto routes = netlink_conversation::open(NETLINK_ROUTE);
    if (!routes)
        return routes.error();
    if (auto const allowed = check_privilege(*routes); !allowed)
        return allowed;
    auto diagnosis = netlink_conversation::open(NETLINK_SOCK_DIAG);
    if (!diagnosis)
        return diagnosis.error();
    auto notices =
        netlink_notices::open(io_, routes->port(),
                              {.on_notice = [this](notice const& what) { on_notice(what); },
                               .on_lost = [this] { dirty_ = links_stale_ = true; },
                               .on_drained =
                                   [this] {
                                       tell_links(); // at once, however busy the rest is
                                       reconcile_in_background();
                                   }});
    if (!notices)
        return notices.error();
    routes_ = std::move(*routes);
    diagnosis_ = std::move(*diagnosis);
    notices_ = std::move(*notices);
    links_stale_ = true;
    return open_gate();
}

/// Every configured address needs a link that works, active here or not: better to learn it at
/// start than at the failover.
result<void> keeper::body::listen_everywhere() {
    auto const observed = list_addresses(*routes_);
    if (!observed)
        return observed.error();
    auto const links = known_links();
    result<void> outcome;
    for (auto const& one : options_.addresses) {
        if (one.by_hook)
            continue;
        auto found = resolve(one, links, *observed);
        if (found) {
            auto const link = link_of_.at(one.address.address);
            found = serving(link);
            if (auto const heard =
                    neighbours_.listen(links_.at(link), one.address.address.family());
                !heard)
                found = heard;
        }
        if (!found && outcome)
            outcome = found;
    }
    return outcome;
}

result<void> keeper::body::check_claim(group_state const& state, instant deadline) const {
    auto const now = options_.now();
    if (deadline <= now)
        return problem{failure::refused, "the lease is over; its addresses are not taken"};
    if (auto const guarded = check_gate(); !guarded && !state.addresses.empty())
        return guarded;
    if (!state.kept.empty() && valid_seconds(lifetimes_, deadline, now) == 0)
        return problem{failure::refused, "the lease ends in " +
                                             std::to_string(to_ms(deadline - now)) +
                                             " ms, too soon to take its addresses"};
    return {};
}

result<void> keeper::body::want(group_id group, epoch owner, bool here, instant deadline) {
    if (!routes_)
        return not_started();
    auto& state = groups_[group];
    if (owner < state.owner)
        return older(owner, state.owner);
    if (here)
        if (auto const claimable = check_claim(state, deadline); !claimable)
            return claimable;
    if (here && removal_owed_)
        (void)reconcile(); // what is still here of before is not taken for what is brought now
    state.owner = owner;
    state.here = here;
    if (!here)
        return give_up(group, state);
    state.deadline = deadline;
    if (auto const opened = open_gate_of(state); !opened)
        return opened;
    return reconcile_for(group);
}

/// Behind a closed gate nobody is answered any more, and the next holder need not wait for the
/// removal, which follows at once.
result<void> keeper::body::give_up(group_id group, group_state& state) {
    state.told = {};
    // The deadline is kept: the time that is left may be used to tell the clients.
    bool const is_early = state.gate_open && state.deadline > options_.now();
    bool const enough = is_early && !state.kept.empty() && stands_everywhere();
    auto const closed =
        enough ? close_to(state, addresses_of(state.addresses)) : close_to_moved(state);
    if (!enough || !closed) {
        auto const reconciled = reconcile_for(group);
        return closed ? reconciled : closed;
    }
    for (auto const& one : state.kept)
        conflicts.set_held(one.address.address, false);
    state.deadline = long_ago;
    removal_owed_ = dirty_ = true;
    quiet_until_ = long_ago;
    arm();
    return {};
}

result<void> keeper::body::reconcile_for(group_id group) {
    auto const reconciled = reconcile();
    announce_due();
    arm();
    if (!reconciled)
        return reconciled.error();
    if (auto const mine = reconciled->find(group); mine != reconciled->end())
        return mine->second;
    return {};
}

bool keeper::body::is_gated(ip_address const& address) const {
    return std::any_of(
        options_.addresses.begin(), options_.addresses.end(),
        [&](configured_address const& one) { return one.address.address == address; });
}

result<void> keeper::body::refresh(group_id group, epoch owner, instant deadline) {
    if (!routes_)
        return not_started();
    auto& state = groups_[group];
    auto const now = options_.now();
    if (owner != state.owner)
        return older(owner, state.owner);
    if (!state.here || state.deadline <= now || deadline <= now)
        return problem{failure::refused, "the group is not active here, or its lease is over"};
    state.deadline = std::max(state.deadline, deadline);
    if (auto const opened = open_gate_of(state); !opened)
        return opened;
    auto const valid_s = valid_seconds(lifetimes_, state.deadline, now);
    if (!refresh_due(lifetimes_, state.told, valid_s, state.deadline, now))
        return {};
    std::vector<byte_string> messages;
    for (auto const& one : state.addresses) {
        auto const place = carried_.find(one.address.address);
        if (place != carried_.end())
            messages.push_back(
                add_message({one.address, place->second.link, valid_s, options_.tag}));
    }
    auto const errors = routes_->perform(std::move(messages));
    for (int const error : errors)
        if (error != 0) {
            dirty_ = true;
            arm();
            return problem_of_errno(error, "cannot prolong the addresses");
        }
    state.told = {now, now + std::chrono::seconds{valid_s}};
    return {};
}

result<void> keeper::body::probe(group_id group) {
    if (!routes_)
        return not_started();
    auto& state = groups_[group];
    auto const observed = list_addresses(*routes_);
    if (!observed)
        return observed.error();
    auto const links = known_links();
    state.probed = options_.now();
    for (auto const& one : state.kept) {
        if (auto const found = resolve(one, links, *observed); !found)
            return found;
        auto const& link = links_.at(link_of_.at(one.address.address));
        if (auto const sent = neighbours_.probe(one.address.address, link); !sent)
            return sent;
    }
    return {};
}

std::optional<mac_address> keeper::body::stranger(group_id group) const {
    auto const found = groups_.find(group);
    if (found == groups_.end() || !found->second.probed)
        return std::nullopt;
    for (auto const& one : found->second.kept)
        if (auto const mac = conflicts.stranger(one.address.address, *found->second.probed))
            return mac;
    return std::nullopt;
}

result<void> keeper::body::announce(group_id group) {
    if (!routes_)
        return not_started();
    auto& state = groups_[group];
    if (!state.here)
        return problem{failure::refused,
                       "the group is not active on this node: announce it where it is"};
    if (state.kept.empty() && !state.addresses.empty())
        return problem{failure::refused, "a program moves these addresses, and announces them"};
    begin_announcing(group, options_.now());
    announce_due();
    arm();
    return {};
}

std::vector<byte_string> keeper::body::removals() const {
    std::vector<byte_string> out;
    for (auto const& one : options_.addresses)
        if (auto const link = link_of_.find(one.address.address); link != link_of_.end())
            out.push_back(delete_message(one.address, link->second));
    return out;
}

std::vector<byte_string> keeper::body::connections() const {
    return list_connections(addresses_of(options_.addresses));
}

std::set<mac_address> keeper::body::own_macs() const {
    std::set<mac_address> out;
    for (auto const& [index, link] : links_)
        if (link.mac.is_set())
            out.insert(link.mac);
    return out;
}

result<std::vector<carried_address>> keeper::body::observed() {
    if (!routes_)
        return not_started();
    auto const seen = list_addresses(*routes_);
    if (!seen)
        return seen.error();
    auto const contested = conflicts.current();
    std::vector<carried_address> out;
    for (auto const& one : *seen) {
        auto const& address = one.address.address;
        if (one.protocol != options_.tag && !configured_.contains(address))
            continue;
        carried_address item{.group = {},
                             .address = one.address,
                             .interface = name_of(one.link),
                             .wanted = false,
                             .valid_s = std::nullopt,
                             .contested = std::nullopt};
        if (auto const group = group_of_.find(address); group != group_of_.end()) {
            item.group = group->second;
            item.wanted = groups_.at(group->second).here;
        }
        if (one.valid_s != forever_s)
            item.valid_s = one.valid_s;
        for (auto const& conflict : contested)
            if (conflict.address == address)
                item.contested = conflict;
        out.push_back(std::move(item));
    }
    return out;
}

} // namespace tasuki::vip
