#include "keeper_body_io.hpp"

#include <algorithm>

namespace tasuki::vip {

namespace {

constexpr std::string_view too_short = "the lease is shorter than 2500 ms, too short for lifetimes";

} // namespace

enforcement keeper::body::rung() const {
    if (gate_ && gateless_.empty())
        return enforcement::ebpf;
    return nft_ ? enforcement::nftables : lifetimes_;
}

std::string keeper::body::rung_reason() const {
    if (rung() == enforcement::ebpf)
        return {};
    std::string out = gateless_.empty() ? no_gate_ : gateless_.begin()->second;
    if (rung() == enforcement::nftables)
        return out;
    if (!no_nft_.empty())
        out += (out.empty() ? "" : "; ") + no_nft_;
    if (lifetimes_ == enforcement::agent && !options_.only)
        out += "; " + std::string{too_short};
    return out;
}

result<void> keeper::body::open_gate() {
    if (options_.only == enforcement::lifetime && lifetimes_ != enforcement::lifetime)
        return problem{failure::refused,
                       "[vip] enforcement = \"lifetime\": " + std::string{too_short}};
    if (options_.addresses.empty())
        no_gate_ = "no address may be put on this node";
    if (guards_nothing())
        return {};
    for (auto& [id, state] : groups_)
        state.gate_open = state.here;
    if (options_.only && options_.only != enforcement::ebpf) {
        no_gate_ = "[vip] enforcement = \"" + std::string{to_string(*options_.only)} + "\"";
    } else if (auto opened = gate::open(); opened) {
        gate_ = std::move(*opened);
        if (auto const filled = fill_gate(); !filled)
            return filled;
    } else {
        no_gate_ = opened.error().text; // demanded or not: what is left here is swept first
    }
    settle_gates();
    return {};
}

bool keeper::body::guards_nothing() const {
    return options_.addresses.empty() && ports_.empty();
}

result<void> keeper::body::fill_gate() {
    for (auto const& member : options_.members)
        if (auto const admitted = gate_->admit(member); !admitted)
            return admitted;
    for (auto const& [port, state] : ports_)
        if (auto const set = gate_->set_port(port, state.open_until); !set)
            return set;
    auto const seen = list_addresses(*routes_);
    if (!seen)
        return seen.error();
    // What a former life has left behind is still behind that life's gate, until ours replaces it.
    for (auto const& one : *seen)
        if (one.protocol == options_.tag)
            set_gate(one.address.address, gate_times{});
    for (auto& [id, state] : groups_) {
        for (auto const& one : state.addresses)
            set_gate(one.address.address, gate_times{});
        if (!state.here)
            continue;
        if (auto const adopted = open_gate_of(state); !adopted)
            return adopted;
    }
    return {};
}

/// Puts the gate before all links that are known to be without it.
void keeper::body::guard_links() {
    auto const indices = std::exchange(unguarded_, {});
    std::vector<link_state> links;
    for (auto const index : indices)
        if (auto const found = links_.find(index); found != links_.end())
            links.push_back(found->second);
    if (links.empty())
        return;
    if (gate_)
        put_before(links);
    else
        take_gate_off(*routes_, links); // of a former life that had another rung
    settle_gates();
}

void keeper::body::put_before(std::vector<link_state> const& links) {
    auto const refused = gate_->put_before(*routes_, links);
    for (auto const& link : links) {
        auto const found = refused.find(link.index);
        // A link that is just going away needs none; its notice is on the way.
        if (found == refused.end() || found->second.kind == failure::absent) {
            gateless_.erase(link.index);
            continue;
        }
        auto& known = gateless_[link.index];
        if (known != found->second.text)
            report(keeper_failure{found->second, options_.now()});
        known = found->second.text;
    }
}

bool keeper::body::wants_nft_gate() const {
    if (guards_nothing())
        return false;
    return options_.only == enforcement::nftables ||
           (!options_.only && (!gate_ || !gateless_.empty()));
}

/// The gate of nftables stands where the better one is not everywhere; and the better one first,
/// so that no address is without any on the way from one to the other.
void keeper::body::settle_gates() {
    if (wants_nft_gate()) {
        if (nft_)
            return;
        nft_settled_ = true;
        auto const put = put_nft_gate_up();
        if (!put && no_nft_ != put.error().text)
            report(keeper_failure{put.error(), options_.now()});
        no_nft_ = put ? std::string{} : put.error().text;
        return;
    }
    no_nft_.clear();
    bool const stands_before_links = !gate_ || (unguarded_.empty() && !links_.empty());
    if (!stands_before_links || (std::exchange(nft_settled_, true) && !nft_))
        return;
    nft_.reset();
    take_nft_gate_off();
}

result<void> keeper::body::put_nft_gate_up() {
    auto opened = nft_gate::open(options_.now);
    if (!opened)
        return opened.error();
    auto const seen = list_addresses(*routes_);
    if (!seen)
        return seen.error();
    for (auto const& member : options_.members)
        opened->admit(member);
    for (auto& [port, state] : ports_) {
        state.key = opened->new_key();
        opened->guard(port, state.key);
        if (auto const noted = opened->set(state.key, open_until(state.open_until)); !noted)
            return noted;
    }
    for (auto const& one : *seen)
        if (one.protocol == options_.tag)
            opened->guard(one.address.address, opened->nobody());
    for (auto& [id, state] : groups_) {
        state.key = opened->new_key();
        for (auto const& one : state.addresses)
            opened->guard(one.address.address, state.key);
        if (state.gate_open)
            if (auto const noted = opened->set(state.key, open_until(state.deadline)); !noted)
                return noted;
    }
    if (auto const up = opened->put_up(); !up)
        return up;
    nft_ = std::move(*opened);
    return {};
}

/// A problem if a gate is demanded and is not everywhere.
result<void> keeper::body::check_gate() const {
    bool const is_gate =
        options_.only == enforcement::ebpf || options_.only == enforcement::nftables;
    if (!is_gate || rung() == options_.only || options_.addresses.empty())
        return {};
    auto const why = options_.only == enforcement::nftables ? no_nft_ : rung_reason();
    return problem{failure::refused, "[vip] enforcement = \"" +
                                         std::string{to_string(*options_.only)} + "\": " + why};
}

result<void> keeper::body::open_gate_of(group_state& state) {
    state.gate_open = true;
    return tell_gate(state, open_until(state.deadline));
}

/// One that fails does not spare the others; the first problem is told.
result<void> keeper::body::tell_gate(group_state const& state, gate_times const& times) {
    result<void> outcome;
    if (gate_)
        outcome = gate_->set(addresses_of(state.addresses), times);
    if (nft_)
        if (auto const done = nft_->set(state.key, times); !done && outcome)
            outcome = done;
    return outcome;
}

result<void> keeper::body::open_port(std::uint16_t port, instant until) {
    auto const known = ports_.find(port);
    if (known == ports_.end())
        return problem{failure::refused, "port " + std::to_string(port) + " is not configured"};
    known->second.open_until = until;
    if (gate_)
        if (auto const done = gate_->set_port(port, until); !done)
            return done;
    return nft_ ? nft_->set(known->second.key, open_until(until)) : result<void>{};
}

/// Until that was accepted it is tried again with each reconciliation.
result<void> keeper::body::close_gate_of(group_state& state) {
    if (!state.gate_open)
        return {};
    auto const closed = tell_gate(state, {});
    state.gate_open = !closed;
    return closed;
}

/// No link is known to be without it, or to be waiting for it.
bool keeper::body::stands_everywhere() const {
    bool const is_gate = rung() == enforcement::ebpf || rung() == enforcement::nftables;
    return is_gate && !links_stale_ && unguarded_.empty();
}

/// What something else moves: its clients are told as those of what is removed, in the same order.
result<void> keeper::body::close_to_moved(group_state& state) {
    std::vector<ip_address> moved;
    for (auto const& one : state.addresses)
        if (one.by_hook)
            moved.push_back(one.address.address);
    if (moved.empty() || !state.gate_open)
        return {};
    if (state.deadline > options_.now())
        return close_to(state, moved);
    auto const closed = close_gate_of(state);
    destroy_clients(moved, options_.socket_budget);
    return closed;
}

/// Nothing comes in any more, the clients are told, and then nothing leaves either.
result<void> keeper::body::close_to(group_state& state, std::vector<ip_address> const& locals) {
    if (auto const shut = tell_gate(state, only_leaving_until(state.deadline)); !shut)
        return shut;
    destroy_clients(locals, time_for_clients(state.deadline));
    return close_gate_of(state);
}

/// Nothing comes in any more; the clients may be told until the end.
void keeper::body::close_gate_to(ip_address const& address, instant leaving_until) {
    set_gate(address, only_leaving_until(leaving_until));
    if (auto const group = group_of_.find(address); nft_ && group != group_of_.end())
        note_gate(nft_->set(groups_.at(group->second).key, only_leaving_until(leaving_until)));
}

void keeper::body::set_gate(ip_address const& address, gate_times const& times) {
    if (gate_)
        note_gate(gate_->set(address, times));
}

void keeper::body::forget_gate(ip_address const& address) {
    if (gate_)
        gate_->forget(address);
    if (nft_)
        nft_->forget(address);
}

void keeper::body::note_gate(result<void> const& done) {
    if (!done)
        report(keeper_failure{done.error(), options_.now()});
}

/// Its lease goes on here: the gate stays open while the address is moved or made anew.
bool keeper::body::is_served(ip_address const& address) const {
    auto const group = group_of_.find(address);
    if (group == group_of_.end())
        return false;
    auto const& state = groups_.at(group->second);
    return state.here && state.deadline > options_.now();
}

/// A node that carries nothing any more is left as it was found, so that an operator can do by hand
/// what he stopped the agent for. With an address on it, or a port that is not to be open for ever,
/// the gate is what guards it.
void keeper::body::leave() {
    if ((!gate_ && !nft_) || !routes_)
        return;
    if (removal_owed_)
        (void)reconcile();
    auto const seen = list_addresses(*routes_);
    bool const carries =
        !seen || std::any_of(seen->begin(), seen->end(), [&](observed_address const& one) {
            return one.protocol == options_.tag || is_gated(one.address.address);
        });
    bool const guards = std::any_of(ports_.begin(), ports_.end(),
                                    [](auto const& one) { return one.second.open_until != never; });
    if (carries || guards)
        return;
    take_gate_off(*routes_, known_links());
    if (nft_)
        take_nft_gate_off();
}

} // namespace tasuki::vip
