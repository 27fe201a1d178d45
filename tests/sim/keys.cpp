// Keys of the simulated world: rotations in the middle of everything else, step by step as the
// product decides them. Files outlive their machines; whoever cannot be asked holds a sweep up.
#include "tasuki/core/overloaded.hpp"
#include "world.hpp"

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

namespace tasuki::sim {

namespace {

heartbeat::secret secret_of(std::uint64_t number) {
    std::array<std::byte, heartbeat::secret::length> bytes{};
    for (std::size_t place = 0; place < sizeof number; ++place)
        bytes[place] = static_cast<std::byte>(number >> 8 * place & 0xffU);
    return heartbeat::secret{bytes};
}

} // namespace

void world::set_up_keys() {
    if (sodium_init() < 0) // as the agent does; without it the slowest code of all signs
        throw std::runtime_error{"the library of the signatures cannot be used"};
    cluster_id_ = heartbeat::cluster_named(shape_.common.cluster);
    ++keys_made_;
    for (auto& each : machines_)
        (void)each.keys.add(heartbeat::key_id{1}, secret_of(keys_made_), true);
}

/// What the operator's node is told: nothing by those that it cannot reach.
std::vector<agent::node_keys> world::tell_keys(std::size_t asker) const {
    std::vector<agent::node_keys> out;
    for (std::size_t each = 0; each < machines_.size(); ++each) {
        auto const& at = machines_[each];
        agent::node_keys one{at.settings.self, fmt::format("node{}", each), {}, "is away"};
        if (runs(each) && reachable(asker, each))
            one.told = agent::report_of(at.keys);
        out.push_back(std::move(one));
    }
    return out;
}

void world::rotate(std::size_t by, std::int64_t most) {
    if (!shape_.sealed || !runs(by))
        return;
    auto const nodes = tell_keys(by);
    std::visit(overloaded{
                   [&](agent::rotation_step const& it) { take_step(it, most); },
                   [&](agent::rotation_over const&) { make_key(by, nodes); },
                   [&](agent::rotation_refusal const& it) { say("no rotation: {}", it.text); },
               },
               agent::next_step(nodes));
    check_keys();
}

void world::make_key(std::size_t by, std::vector<agent::node_keys> const& nodes) {
    auto const id = agent::free_id(nodes);
    if (id && machines_[by].keys.add(*id, secret_of(++keys_made_), false))
        say("{} makes key {}", by, id->value());
}

/// By so many of those who have to: the others stand half-done until the next time.
void world::take_step(agent::rotation_step const& step, std::int64_t most) {
    ++figures_.sweeps;
    for (auto const node : step.nodes) {
        if (--most < 0)
            return;
        auto& keys = machines_[index_of(node)].keys;
        bool done = true;
        if (step.what == agent::key_verb::accept) {
            auto const& giver = machines_[index_of(step.giver)].keys;
            done = keys.add(step.key.id, giver.find(step.key.id)->copy(), false);
        } else if (step.what == agent::key_verb::sign) {
            done = keys.sign_with(step.key.id);
        } else {
            done = keys.drop(step.key.id);
        }
        say("{}: {} key {}{}", index_of(node), to_string(step.what), step.key.id.value(),
            done ? "" : ", refused");
    }
}

/// At every instant each node accepts what any other signs with.
void world::check_keys() {
    for (auto const& one : machines_)
        for (auto const& other : machines_)
            if (other.keys.find(one.keys.signer()) == nullptr)
                return violated("key_unknown",
                                fmt::format("{} signs with key {}, which {} does not accept",
                                            index_of(one.settings.self), one.keys.signer().value(),
                                            index_of(other.settings.self)));
}

} // namespace tasuki::sim
