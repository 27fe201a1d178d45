// What operators want of the backends: told here, or on another balancer.
#include "pool_io.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace tasuki::balancer {

result<balancer::pool*> balancer::find(std::string const& name) {
    auto const found = pools_.find(name);
    if (found == pools_.end())
        return problem{failure::absent, "no pool \"" + name + "\" is served on this node"};
    return found->second.get();
}

result<void> balancer::change(std::string const& name, std::string const& backend,
                              lb::backend_change const& what) {
    auto const it = find(name);
    if (!it)
        return it.error();
    auto before = (*it)->roster;
    if (auto const done = (*it)->roster.change(backend, what, clock_now()); !done)
        return done;
    std::optional<duration> deadline;
    if (what.wanted)
        deadline = what.deadline.value_or((*it)->roster.settings().drain_deadline);
    return keep(**it, std::move(before), backend, deadline);
}

result<void> balancer::add(std::string const& name, lb::backend_settings const& one) {
    auto const it = find(name);
    if (!it)
        return it.error();
    auto before = (*it)->roster;
    if (auto const done = (*it)->roster.add(one, clock_now()); !done)
        return done;
    return keep(**it, std::move(before), one.name);
}

result<void> balancer::remove(std::string const& name, std::string const& backend) {
    auto const it = find(name);
    if (!it)
        return it.error();
    auto before = (*it)->roster;
    if (auto const done = (*it)->roster.remove(backend); !done)
        return done;
    return keep(**it, std::move(before), backend);
}

result<void> balancer::keep(pool& it, lb::roster before, std::string const& backend,
                            std::optional<duration> deadline) {
    auto all = wishes_;
    auto said = it.roster.word_of(backend);
    said.deadline = deadline;
    all[it.roster.settings().name][backend] = {next_stamp(all, node_), std::move(said)};
    if (auto const saved = store_.save(all); !saved) {
        it.roster = std::move(before);
        return saved;
    }
    wishes_ = std::move(all);
    changed(it);
    return {};
}

void balancer::hear(http::pools_report const& told) {
    others_.told(told.pools, clock_now());
    if (told.wishes.empty())
        return;
    auto const wishes = parse_shared_wishes(told.wishes);
    if (wishes)
        return adopt(*wishes);
    spdlog::warn("what another balancer was told is not understood: {}", wishes.error().text);
}

/// A disk that keeps nothing does not keep a backend in service: those who told will tell again.
void balancer::adopt(shared_wishes const& told) {
    bool any = false;
    for (auto const& [name, words] : told) {
        auto const found = pools_.find(name);
        if (found == pools_.end())
            continue;
        auto& it = *found->second;
        auto& own = wishes_[name];
        auto const newer = merge(own, words, it.roster);
        for (auto const& backend : newer) {
            auto const& one = own.at(backend);
            it.roster.adopt(backend, one.word, clock_now());
            spdlog::info("pool {}: backend {}: {} by command on {}", name, backend,
                         to_string(one.word), one.at.node);
        }
        if (!newer.empty())
            changed(it);
        any = any || !newer.empty();
    }
    if (!any)
        return;
    if (auto const saved = store_.save(wishes_); !saved)
        spdlog::error("what other balancers were told is not kept here: {}", saved.error().text);
}

void balancer::changed(pool& it) {
    show(it);
    arm();
    on_change_();
}

} // namespace tasuki::balancer
