// What operators want of the backends: told here, or on another balancer.
#include "pool_io.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
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
    auto const& settings = (*it)->roster.settings();
    return keep(**it, std::move(before), backend, [&](backend_words& words, stamp const& at) {
        if (what.wanted)
            words.service = {at, {*what.wanted, what.deadline.value_or(settings.drain_deadline)}};
        if (what.weight)
            words.weight = {at, what.weight};
    });
}

result<void> balancer::add(std::string const& name, lb::backend_settings const& one) {
    auto const it = find(name);
    if (!it)
        return it.error();
    auto before = (*it)->roster;
    if (auto const done = (*it)->roster.add(one, clock_now()); !done)
        return done;
    return keep(**it, std::move(before), one.name, [&](backend_words& words, stamp const& at) {
        words = {{}, {}, {at, one}};
    });
}

result<void> balancer::remove(std::string const& name, std::string const& backend) {
    auto const it = find(name);
    if (!it)
        return it.error();
    auto before = (*it)->roster;
    if (auto const done = (*it)->roster.remove(backend); !done)
        return done;
    return keep(**it, std::move(before), backend, [](backend_words& words, stamp const& at) {
        words = {{}, {}, {at, std::nullopt}};
    });
}

result<void> balancer::keep(pool& it, lb::roster before, std::string const& backend,
                            std::function<void(backend_words&, stamp const&)> const& note) {
    auto all = wishes_;
    auto const wall = std::chrono::system_clock::now().time_since_epoch();
    auto const wall_ms = std::chrono::duration_cast<milliseconds>(wall).count();
    note(all[it.roster.settings().name][backend],
         next_stamp(all, node_, static_cast<std::uint64_t>(wall_ms)));
    if (auto const saved = store_.save(all); !saved) {
        it.roster = std::move(before);
        return saved;
    }
    wishes_ = std::move(all);
    changed(it);
    return {};
}

void balancer::hear(http::pools_report const& told) {
    others_.told(told.node, told.pools, clock_now());
    if (told.wishes.empty())
        return;
    auto const wishes = parse_shared_wishes(told.wishes);
    if (wishes)
        adopt(*wishes);
    else if (!unclear_said_)
        spdlog::warn("what the balancer of {} was told is not understood: {}", told.node,
                     wishes.error().text);
    unclear_said_ = !wishes;
}

/// A disk that keeps nothing does not keep a backend in service: those who told will tell again.
void balancer::adopt(shared_wishes const& told) {
    bool any = false;
    for (auto const& [name, words] : told) {
        auto const found = pools_.find(name);
        if (found == pools_.end())
            continue;
        auto const news = merge(wishes_[name], words, found->second->roster, clock_now());
        for (auto const& each : news)
            spdlog::info("pool {}: backend {}", name, each);
        if (!news.empty())
            changed(*found->second);
        any = any || !news.empty();
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
