#include "keeper_body_io.hpp"
#include "tasuki/vip/sockets_io.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

namespace tasuki::vip {

namespace {

std::vector<ip_address> addresses_of(std::vector<operation> const& all) {
    std::vector<ip_address> out;
    for (auto const& one : all)
        out.push_back(one.address.address);
    return out;
}

} // namespace

result<void> keeper::body::read_links() {
    auto const links = list_links(*routes_);
    if (!links)
        return links.error();
    std::set<std::uint32_t> gone;
    for (auto const& [index, link] : links_)
        gone.insert(index);
    for (auto const& link : *links) {
        gone.erase(link.index);
        on_link(link);
        unguarded_.insert(link.index); // what was not heard may have been its loss
    }
    for (auto const index : gone)
        on_link_gone(index);
    learn_own_macs();
    links_stale_ = false;
    return {};
}

result<keeper::body::problems> keeper::body::reconcile() {
    if (links_stale_)
        if (auto const read = read_links(); !read)
            return read.error();
    for (auto const& [link, why] : gateless_)
        unguarded_.insert(link);
    guard_links();
    settle_gates();
    if (nft_)
        note_gate(nft_->look_after());
    dirty_ = removal_owed_ = false;
    recheck_at_ = options_.now() + options_.recheck;
    auto const seen = list_addresses(*routes_);
    if (!seen)
        return seen.error();
    problems found;
    resolve_all(*seen);
    auto const wanted = desired(*seen, found);
    auto const now = options_.now();
    auto const operations =
        plan(wanted, *seen, configured_, {.tag = options_.tag, .rung = lifetimes_}, now);
    forget_vanished(*seen);
    note_losses(operations);

    std::vector<operation> removals;
    std::vector<operation> others;
    for (auto const& one : operations)
        (one.what == action::remove ? removals : others).push_back(one);
    auto const gone = take_away(std::move(removals));
    bring(others, found);
    settle_groups(found, now);
    tell_links();
    if (!gone)
        return gone.error();
    return found;
}

std::vector<desired_address> keeper::body::desired(std::vector<observed_address> const& observed,
                                                   problems& found) {
    std::vector<desired_address> out;
    auto const links = known_links();
    for (auto const& [id, state] : groups_) {
        if (!state.here)
            continue;
        for (auto const& one : state.kept) {
            if (auto const resolved = resolve(one, links, observed); !resolved) {
                found.emplace(id, resolved.error());
                continue;
            }
            auto const link = link_of_.at(one.address.address);
            auto const place = carried_.find(one.address.address);
            if (place != carried_.end() && place->second.link == 0)
                place->second.link = link; // adopted: its link is only known now
            out.push_back({.address = one.address,
                           .link = link,
                           .group = id,
                           .owner = state.owner,
                           .deadline = state.deadline});
        }
    }
    return out;
}

/// Where each address would stand, also where it is not wanted now: whether that link works says
/// whether this node is fit to carry it.
void keeper::body::resolve_all(std::vector<observed_address> const& observed) {
    auto const links = known_links();
    for (auto const& one : options_.addresses) {
        if (one.by_hook)
            continue;
        if (auto const found = resolve(one, links, observed); found)
            unresolved_.erase(one.address.address);
        else
            unresolved_[one.address.address] = found.error().text;
    }
}

std::vector<link_state> keeper::body::known_links() const {
    std::vector<link_state> out;
    out.reserve(links_.size());
    for (auto const& [index, link] : links_)
        out.push_back(link);
    return out;
}

result<void> keeper::body::resolve(configured_address const& one,
                                   std::vector<link_state> const& links,
                                   std::vector<observed_address> const& observed) {
    auto const chosen = choose_link(one, links, observed, configured_);
    if (chosen) {
        link_of_[one.address.address] = *chosen;
        return {};
    }
    // Network services flush and restore a node's own addresses: that is no reason to drop ours.
    auto const before = link_of_.find(one.address.address);
    if (before != link_of_.end() && links_.contains(before->second))
        return {};
    return chosen.error();
}

/// What has gone without us and need not be here any more.
void keeper::body::forget_vanished(std::vector<observed_address> const& observed) {
    std::set<ip_address> present;
    for (auto const& one : observed)
        present.insert(one.address.address);
    auto const now = options_.now();
    for (auto const& [id, state] : groups_) {
        if (state.here && state.deadline > now)
            continue;
        for (auto const& one : state.addresses) {
            auto const place = carried_.find(one.address.address);
            if (place == carried_.end() || present.contains(one.address.address))
                continue;
            report(address_removed{id, one.address, name_of(place->second.link),
                                   state.here ? reason::lease_ended : reason::released, now});
            carried_.erase(place);
        }
    }
}

void keeper::body::note_losses(std::vector<operation> const& operations) {
    std::set<ip_address> missing;
    for (auto const& one : operations)
        if (one.what == action::add && carried_.contains(one.address.address))
            missing.insert(one.address.address);
    // A deletion that a refresh has undone already is one that the neighbours may have noticed.
    lost_.insert(missing.begin(), missing.end());
    auto const now = options_.now();
    for (auto const& address : lost_) {
        auto const place = carried_.find(address);
        if (place == carried_.end())
            continue;
        auto& state = groups_[place->second.group];
        if (!state.here || state.deadline <= now)
            continue;
        report_loss(address, place->second, state);
        place->second.schedule.begin(now);
        if (missing.contains(address))
            carried_.erase(place);
    }
    lost_.clear();
}

void keeper::body::report_loss(ip_address const& address, carried const& place,
                               group_state const& state) {
    auto const now = options_.now();
    auto const link = links_.find(place.link);
    bool const switched_off = link == links_.end() || !link->second.up;
    bool const ran_out = state.told.until != long_ago && state.told.until <= now;
    for (auto const& one : state.addresses)
        if (one.address.address == address)
            report(address_lost{place.group, one.address, name_of(place.link),
                                switched_off || ran_out, now});
}

/// From when on another node may answer for the address; long ago if we do not know of a lease.
instant keeper::body::hard_deadline(operation const& removal) const {
    auto const group = group_of_.find(removal.address.address);
    return group == group_of_.end() ? long_ago : groups_.at(group->second).deadline;
}

/// Clients get a part of what is left until the deadline, and no more.
duration keeper::body::time_for_clients(instant hard) const {
    constexpr int parts = 4; // the other three are for the removal itself and for surprises
    if (hard == never)
        return options_.socket_budget;
    return std::min<duration>(options_.socket_budget, (hard - options_.now()) / parts);
}

void keeper::body::destroy_clients(std::vector<ip_address> const& locals, duration budget) {
    if (locals.empty())
        return;
    auto const destroyed = destroy_sockets(*diagnosis_, locals, budget);
    if (destroyed)
        return;
    // A list that was not read to its end would block the next one on the same conversation.
    if (destroyed.error().kind == failure::timed_out)
        if (auto another = netlink_conversation::open(NETLINK_SOCK_DIAG); another)
            diagnosis_ = std::move(*another);
    if (cannot_destroy_sockets_)
        return;
    cannot_destroy_sockets_ = destroyed.error().kind == failure::unavailable;
    report(keeper_failure{destroyed.error(), options_.now()});
}

/// Removing the first address of a wider subnet must not take the node's own addresses along.
void keeper::body::spare_companions(std::vector<operation> const& removals) {
    std::set<std::uint32_t> links;
    for (auto const& one : removals)
        if (one.address.address.is_v4() && one.address.length < 32)
            links.insert(one.link);
    std::vector<byte_string> messages;
    for (auto const link : links)
        messages.push_back(promote_secondaries_message(link));
    for (int const error : routes_->perform(std::move(messages)))
        if (error != 0)
            report(keeper_failure{problem_of_errno(error, "cannot set promote_secondaries"),
                                  options_.now()});
}

/// Clients are told before the address goes, because they cannot be told from it afterwards. Where
/// somebody else may answer already, the address goes first: the new holder resets them then.
result<void> keeper::body::take_away(std::vector<operation> removals) {
    auto const now = options_.now();
    auto const split =
        std::stable_partition(removals.begin(), removals.end(),
                              [&](operation const& one) { return hard_deadline(one) <= now; });
    std::vector<operation> const overdue{removals.begin(), split};
    std::vector<operation> const timely{split, removals.end()};
    auto const untold = untold_of(overdue);
    for (auto const& one : removals)
        if (!is_served(one.address.address))
            close_gate_to(one.address.address, hard_deadline(one));
    auto const first = remove(overdue);
    instant soonest = never;
    for (auto const& one : timely)
        soonest = std::min(soonest, hard_deadline(one));
    destroy_clients(addresses_of(timely), time_for_clients(soonest));
    auto const second = remove(timely);
    destroy_clients(untold, options_.socket_budget);
    return first ? second : first;
}

/// The clients of what was given up behind a gate have been told.
std::vector<ip_address> keeper::body::untold_of(std::vector<operation> const& overdue) const {
    std::vector<ip_address> out;
    for (auto const& one : overdue) {
        auto const place = carried_.find(one.address.address);
        if (place == carried_.end() || groups_.at(place->second.group).gate_open)
            out.push_back(one.address.address);
    }
    return out;
}

result<void> keeper::body::remove(std::vector<operation> removals) {
    if (removals.empty())
        return {};
    spare_companions(removals);
    std::vector<byte_string> messages;
    for (auto const& one : removals)
        messages.push_back(delete_message(one.address, one.link));
    auto const errors = routes_->perform(std::move(messages));
    auto const left = list_addresses(*routes_);
    if (!left)
        return left.error();
    result<void> outcome;
    for (std::size_t at = 0; at < removals.size(); ++at) {
        auto& one = removals[at];
        auto const stays =
            std::any_of(left->begin(), left->end(), [&](observed_address const& seen) {
                return seen.address == one.address && seen.link == one.link;
            });
        if (stays) {
            dirty_ = true;
            outcome = problem_of_errno(errors[at] != 0 ? errors[at] : EBUSY,
                                       "cannot remove " + one.address.to_string() + " from " +
                                           name_of(one.link));
            continue;
        }
        auto const was = carried_.find(one.address.address);
        if (was != carried_.end() && one.why == reason::leftover)
            one.why = reason::released;
        auto const group = group_of_.find(one.address.address);
        report(address_removed{group != group_of_.end() ? group->second : group_id{}, one.address,
                               name_of(one.link), one.why, options_.now()});
        if (was != carried_.end())
            carried_.erase(was);
        if (!is_gated(one.address.address))
            forget_gate(one.address.address);
    }
    return outcome;
}

result<void> keeper::body::serving(std::uint32_t link) const {
    auto const& state = links_.at(link);
    if (!state.up)
        return problem{failure::unavailable,
                       state.name + " is down: ip link set " + state.name + " up"};
    if (!state.carrier)
        return problem{failure::unavailable, state.name + " has no carrier: check the cable"};
    return {};
}

void keeper::body::bring(std::vector<operation> const& operations, problems& found) {
    std::vector<operation> sent;
    std::vector<byte_string> messages;
    for (auto const& one : operations) {
        auto const usable = serving(one.link);
        if (!usable && one.what == action::add) {
            found.emplace(one.group, usable.error());
            continue;
        }
        messages.push_back(add_message({one.address, one.link, one.valid_s, options_.tag}));
        sent.push_back(one);
    }
    auto const errors = routes_->perform(std::move(messages));
    auto const now = options_.now();
    for (std::size_t at = 0; at < sent.size(); ++at) {
        auto const& one = sent[at];
        if (errors[at] != 0) {
            found.emplace(one.group,
                          problem_of_errno(errors[at], "cannot add " + one.address.to_string() +
                                                           " to " + name_of(one.link)));
            continue;
        }
        auto& state = groups_[one.group];
        // Other addresses of the group may end earlier: what is told next is told for the first.
        if (one.valid_s != forever_s && state.told.until <= now)
            state.told = {now, now + std::chrono::seconds{one.valid_s}};
        if (one.what != action::add)
            continue;
        auto& place = carried_[one.address.address];
        place = {one.group, one.link, policy_of(one.address.address), {}};
        place.schedule.begin(now);
        report(address_added{one.group, one.address, name_of(one.link), now});
    }
}

announce_policy keeper::body::policy_of(ip_address const& address) const {
    auto const found =
        std::find_if(options_.addresses.begin(), options_.addresses.end(),
                     [&](configured_address const& one) { return one.address.address == address; });
    return found == options_.addresses.end() ? announce_policy{} : found->announce;
}

/// After the changes: who is active here, what is held, which problems are new.
void keeper::body::settle_groups(problems const& found, instant now) {
    for (auto& [id, state] : groups_) {
        if (state.here && state.deadline <= now) {
            state.here = false;
            state.told = {};
        }
        if (!state.here)
            note_gate(close_gate_of(state));
        for (auto const& one : state.kept) {
            auto const& address = one.address.address;
            conflicts.set_held(address, state.here && carried_.contains(address));
        }
        auto const trouble = found.find(id);
        auto const text = trouble == found.end() ? std::string{} : trouble->second.text;
        if (!text.empty() && text != state.last_problem)
            report(keeper_failure{trouble->second, now});
        state.last_problem = text;
    }
}

std::string keeper::body::name_of(std::uint32_t link) const {
    auto const found = links_.find(link);
    return found == links_.end() ? "link " + std::to_string(link) : found->second.name;
}

} // namespace tasuki::vip
