#include "keeper_body_io.hpp"

#include "tasuki/core/overloaded.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

namespace tasuki::vip {

namespace {

/// Whoever deletes an address again and again gets it put back at most this often.
constexpr duration put_back_spacing = milliseconds{20};
/// After a failure of netlink itself.
constexpr duration retry_spacing = milliseconds{100};

} // namespace

void keeper::body::on_notice(notice const& what) {
    std::visit(overloaded{
                   [this](link_seen const& seen) {
                       on_link(seen.link);
                       guard_links(); // before anything else can come through it
                       learn_own_macs();
                   },
                   [this](link_gone const& gone) { on_link_gone(gone.index); },
                   [this](address_seen const& seen) { on_address(seen.address); },
                   [this](address_gone const& gone) { on_address_gone(gone.address); },
                   [this](gate_gone const& gone) {
                       unguarded_.insert(gone.link);
                       guard_links();
                   },
               },
               what);
}

void keeper::body::on_address(observed_address const& seen) {
    auto const& address = seen.address.address;
    // A node's own address may be what an address without a link waits for.
    bool const awaited = link_of_.size() < group_of_.size();
    bool const ours = seen.protocol == options_.tag || configured_.contains(address);
    auto const place = carried_.find(address);
    bool const expected = place != carried_.end() && place->second.link == seen.link &&
                          seen.protocol == options_.tag && !seen.duplicate;
    dirty_ = dirty_ || awaited || (ours && !expected);
}

void keeper::body::on_address_gone(observed_address const& gone) {
    auto const& address = gone.address.address;
    auto const place = carried_.find(address);
    if (place == carried_.end() || place->second.link != gone.link)
        return;
    dirty_ = true;
    // IPv6 notices do not tell our own deletions from others: there only its absence counts.
    if (address.is_v4())
        lost_.insert(address);
}

/// The first link of the group that does not work.
std::optional<keeper::body::failed_link>
keeper::body::failed_link_of(group_state const& state) const {
    for (auto const& one : state.kept) {
        auto const found = link_of_.find(one.address.address);
        if (found != link_of_.end()) {
            if (auto const works = serving(found->second); !works)
                return failed_link{name_of(found->second), works.error().text};
            continue;
        }
        auto const name =
            one.interface.empty() ? "the link for " + one.address.to_string() : one.interface;
        auto const why = unresolved_.find(one.address.address);
        return failed_link{name, why == unresolved_.end() ? name + " is gone" : why->second};
    }
    return std::nullopt;
}

void keeper::body::tell_links() {
    auto const now = options_.now();
    for (auto& [id, state] : groups_) {
        auto const failed = failed_link_of(state);
        if (!failed && !state.failed_link.empty())
            report(link_up{id, state.failed_link, now});
        if (failed && state.failed_link.empty())
            report(link_down{id, failed->interface, failed->why, now});
        state.failed_link = failed ? failed->interface : std::string {};
    }
}

void keeper::body::on_link(link_state const& link) {
    auto const known = links_.find(link.index);
    auto const before = known == links_.end() ? link_state{} : known->second;
    links_[link.index] = link;
    if (before == link)
        return;
    dirty_ = true;
    if (known == links_.end() || before.bare != link.bare || before.switched != link.switched)
        unguarded_.insert(link.index);
    bool const worked = before.up && before.carrier;
    bool const works = link.up && link.carrier;
    // The neighbours' switches have to learn a new MAC or a new port.
    if (works && (!worked || before.mac != link.mac))
        for (auto& [address, place] : carried_)
            if (place.link == link.index)
                place.schedule.begin(options_.now());
}

void keeper::body::on_link_gone(std::uint32_t index) {
    auto const known = links_.find(index);
    if (known == links_.end())
        return;
    links_.erase(known);
    gateless_.erase(index);
    neighbours_.forget(index);
    std::erase_if(link_of_, [&](auto const& one) { return one.second == index; });
    dirty_ = true;
}

void keeper::body::learn_own_macs() {
    conflicts.set_own_macs(own_macs());
}

void keeper::body::on_claim(claim const& said) {
    auto const begun = conflicts.observe(said, options_.now());
    if (begun)
        report(conflict_seen{group_of_.at(said.address), *begun});
}

void keeper::body::reconcile_in_background() {
    auto const now = options_.now();
    if (dirty_ && now >= quiet_until_) {
        quiet_until_ = now + put_back_spacing;
        auto const done = reconcile();
        auto const failure_text = done ? std::string{} : done.error().text;
        if (!done) {
            dirty_ = true;
            quiet_until_ = now + retry_spacing;
            if (failure_text != last_failure_)
                report(keeper_failure{done.error(), now});
        }
        last_failure_ = failure_text;
        announce_due();
    }
    arm();
}

void keeper::body::begin_announcing(group_id group, instant now) {
    for (auto& [address, place] : carried_)
        if (place.group == group)
            place.schedule.begin(now);
    probe_at_ = now;
}

void keeper::body::announce_due() {
    auto const now = options_.now();
    for (auto& [address, place] : carried_)
        if (groups_.at(place.group).here && place.schedule.take_due(place.policy, now))
            announce(address, place);
    probe_due();
}

/// A second holder answers a probe at once, while he may never say anything by himself.
void keeper::body::probe_due() {
    auto const now = options_.now();
    if (now < probe_at_)
        return;
    probe_at_ = now + options_.probe_every;
    for (auto const& [address, place] : carried_)
        if (auto const link = links_.find(place.link);
            groups_.at(place.group).here && link != links_.end() && link->second.up)
            note_sending(place.group, neighbours_.probe(address, link->second));
}

void keeper::body::announce(ip_address const& address, carried const& place) {
    auto const link = links_.find(place.link);
    if (link == links_.end() || !link->second.up)
        return;
    // Not every gate is in the way of what is said here.
    if (groups_.at(place.group).deadline <= options_.now())
        return;
    note_sending(place.group, neighbours_.announce(address, link->second));
}

void keeper::body::note_sending(group_id group, result<void> const& sent) {
    if (sent)
        return;
    auto& told = groups_.at(group).last_problem;
    if (told != sent.error().text)
        report(keeper_failure{sent.error(), options_.now()});
    told = sent.error().text;
}

void keeper::body::tick() {
    auto const now = options_.now();
    bool const ended = std::any_of(groups_.begin(), groups_.end(), [&](auto const& one) {
        return one.second.here && one.second.deadline <= now;
    });
    if (ended && last_failure_.empty())
        quiet_until_ = now; // the end of a lease does not wait for anything else
    dirty_ = dirty_ || ended || now >= recheck_at_;
    reconcile_in_background();
    announce_due();
    for (auto const& over : conflicts.expire(now))
        report(conflict_cleared{group_of_.at(over.address), over});
    arm();
}

instant keeper::body::next_wake(instant now) const {
    auto next = std::min(recheck_at_, now + options_.recheck);
    if (dirty_)
        next = std::min(next, std::max(quiet_until_, now));
    for (auto const& [id, state] : groups_) {
        if (!state.here)
            continue;
        next = std::min(next, std::max(state.deadline, quiet_until_));
    }
    for (auto const& [address, place] : carried_)
        if (groups_.at(place.group).here)
            next = std::min({next, place.schedule.next(), std::max(probe_at_, now)});
    return next;
}

/// An earlier wake-up than needed is harmless, so that moving a deadline costs no timer.
void keeper::body::arm() {
    auto const now = options_.now();
    auto const next = next_wake(now);
    if (armed_ <= next && armed_ > now)
        return;
    armed_ = next;
    timer_.expires_after(std::max(next - now, duration::zero()));
    timer_.async_wait(
        [this, alive = std::weak_ptr{alive_}](boost::system::error_code const& error) {
            if (error || alive.expired())
                return;
            armed_ = never;
            tick();
        });
}

void keeper::body::report(keeper_event event) {
    if (!options_.on_event)
        return;
    boost::asio::post(io_, [this, alive = std::weak_ptr{alive_}, told = std::move(event)] {
        if (!alive.expired())
            options_.on_event(told);
    });
}

} // namespace tasuki::vip
