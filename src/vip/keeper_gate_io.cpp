#include "keeper_body_io.hpp"

#include <algorithm>

namespace tasuki::vip {

namespace {

constexpr std::string_view too_short = "the lease is shorter than 2500 ms, too short for lifetimes";

} // namespace

enforcement keeper::body::rung() const {
    return gate_ && gateless_.empty() ? enforcement::ebpf : lifetimes_;
}

std::string keeper::body::rung_reason() const {
    if (rung() == enforcement::ebpf)
        return {};
    std::string out = gateless_.empty() ? no_gate_ : gateless_.begin()->second;
    if (lifetimes_ == enforcement::agent && !options_.only)
        out += "; " + std::string{too_short};
    return out;
}

result<void> keeper::body::open_gate() {
    if (options_.only == enforcement::lifetime && lifetimes_ != enforcement::lifetime)
        return problem{failure::refused,
                       "[vip] enforcement = \"lifetime\": " + std::string{too_short}};
    if (options_.only && options_.only != enforcement::ebpf) {
        no_gate_ = "[vip] enforcement = \"" + std::string{to_string(*options_.only)} + "\"";
        return {};
    }
    if (options_.addresses.empty()) {
        no_gate_ = "no address may be put on this node";
        return {};
    }
    auto opened = gate::open();
    if (!opened) {
        no_gate_ = opened.error().text; // demanded or not: what is left here is swept first
        return {};
    }
    auto const seen = list_addresses(*routes_);
    if (!seen)
        return seen.error();
    gate_ = std::move(*opened);
    no_gate_.clear();
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
    if (!gate_)
        return;
    std::vector<link_state> links;
    for (auto const index : indices)
        if (auto const found = links_.find(index); found != links_.end())
            links.push_back(found->second);
    if (links.empty())
        return;
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

/// A problem if the gate is demanded and not everywhere.
result<void> keeper::body::check_gate() const {
    if (options_.only != enforcement::ebpf || rung() == enforcement::ebpf ||
        options_.addresses.empty())
        return {};
    return problem{failure::refused, "[vip] enforcement = \"ebpf\": " + rung_reason()};
}

result<void> keeper::body::open_gate_of(group_state& state) {
    if (!gate_)
        return {};
    state.gate_open = true;
    for (auto const& one : state.addresses)
        if (auto const done = gate_->set(one.address.address, open_until(state.deadline)); !done)
            return done;
    return {};
}

void keeper::body::close_gate_of(group_state& state) {
    if (!std::exchange(state.gate_open, false))
        return;
    for (auto const& one : state.addresses)
        set_gate(one.address.address, gate_times{});
}

void keeper::body::set_gate(ip_address const& address, gate_times const& times) {
    if (!gate_)
        return;
    if (auto const done = gate_->set(address, times); !done)
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
/// what he stopped the agent for. With an address on it, the gate is what guards it.
void keeper::body::leave() {
    if (!gate_ || !routes_)
        return;
    auto const seen = list_addresses(*routes_);
    bool const carries =
        !seen || std::any_of(seen->begin(), seen->end(), [&](observed_address const& one) {
            return one.protocol == options_.tag || is_gated(one.address.address);
        });
    if (!carries)
        take_gate_off(*routes_, known_links());
}

} // namespace tasuki::vip
