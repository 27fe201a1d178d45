#include "tasuki/balancer/shared_wishes.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::balancer {

namespace {

template<class Value>
bool take_newer(stamped<Value>& own, stamped<Value> const& told) {
    if (told.at <= own.at)
        return false;
    own = told;
    return true;
}

/// What was said before it was added, or removed, was said of another one.
void forget_older(backend_words& it) {
    if (it.service.at <= it.added.at)
        it.service = {};
    if (it.weight.at <= it.added.at)
        it.weight = {};
}

/// What differs in the roster becomes as it was said.
void obey(lb::roster& here, std::string const& backend, backend_words const& said, instant now) {
    auto const all = here.wishes().backends;
    auto const found = all.find(backend);
    auto const is = found == all.end() ? lb::backend_wish{} : found->second;
    auto const& wish = said.service.value;
    if (is.wanted != wish.wanted)
        (void)here.change(backend, {wish.wanted, {}, wish.deadline}, now);
    if (said.weight.value && is.weight != said.weight.value)
        (void)here.change(backend, {{}, said.weight.value, {}}, now);
}

/// What cannot be is for the file to say. A backend that was added anew is another one than before.
void place(lb::roster& here, std::string const& backend, backend_words const& said, instant now) {
    auto const added = here.wishes().added;
    if (std::any_of(added.begin(), added.end(),
                    [&](auto const& one) { return one.name == backend; }))
        (void)here.remove(backend);
    if (said.added.value && !here.has(backend))
        (void)here.add(*said.added.value, now);
    if (here.has(backend))
        obey(here, backend, said, now);
}

void drop_empty(pool_words& own) {
    std::erase_if(own, [](auto const& it) { return it.second == backend_words{}; });
    auto const is_removal = [](backend_words const& it) {
        return it.added.at.revision > 0 && !it.added.value && it.service.at.revision == 0 &&
               it.weight.at.revision == 0;
    };
    std::vector<std::uint64_t> revisions;
    for (auto const& [backend, it] : own)
        if (is_removal(it))
            revisions.push_back(it.added.at.revision);
    if (revisions.size() <= removals_max)
        return;
    std::sort(revisions.begin(), revisions.end(), std::greater<>{});
    auto const oldest = revisions[removals_max - 1];
    std::erase_if(own, [&](auto const& it) {
        return is_removal(it.second) && it.second.added.at.revision < oldest;
    });
}

} // namespace

stamp next_stamp(shared_wishes const& all, std::string node, std::uint64_t wall_ms) {
    std::uint64_t newest = 0;
    for (auto const& [name, pool] : all)
        for (auto const& [backend, it] : pool)
            newest = std::max(
                {newest, it.service.at.revision, it.weight.at.revision, it.added.at.revision});
    return {std::max(newest + 1, wall_ms), std::move(node)};
}

std::vector<std::string> merge(pool_words& own, pool_words const& told, lb::roster& here,
                               instant now) {
    std::vector<std::string> out;
    auto const note = [&](std::string const& backend, std::string const& what, stamp const& at) {
        out.push_back(backend + ": " + what + ", by command on " + at.node);
    };
    for (auto const& [backend, it] : told) {
        if (it.added.at > stamp{} && take_newer(own[backend].added, it.added)) {
            auto& words = own.at(backend);
            forget_older(words);
            place(here, backend, words, now);
            auto const& one = it.added.value;
            note(backend, one ? "added as " + one->address.to_string() : "removed", it.added.at);
        }
        auto& words = own[backend];
        if (!here.has(backend)) { // it is told again, once the file has it here, too
            words.service = {};
            words.weight = {};
            continue;
        }
        if (it.service.at > words.added.at && take_newer(words.service, it.service)) {
            auto const& wish = it.service.value;
            (void)here.change(backend, {wish.wanted, {}, wish.deadline}, now);
            note(backend, std::string{lb::to_string(wish.wanted)}, it.service.at);
        }
        if (it.weight.at > words.added.at && take_newer(words.weight, it.weight)) {
            (void)here.change(backend, {{}, it.weight.value, {}}, now);
            note(backend, "weight " + std::to_string(it.weight.value.value_or(0)), it.weight.at);
        }
    }
    drop_empty(own);
    return out;
}

void settle(pool_words& own, lb::roster& here, instant now) {
    auto const still = here.wishes();
    for (auto& [backend, it] : own) {
        bool const is_added =
            std::any_of(still.added.begin(), still.added.end(),
                        [name = backend](auto const& one) { return one.name == name; });
        if (it.added.value && !is_added)
            it.added.value.reset();
        if (!here.has(backend)) {
            it.service = {};
            it.weight = {};
            continue;
        }
        obey(here, backend, it, now);
    }
    drop_empty(own);
}

lb::pool_wishes wishes_in(pool_words const& all) {
    lb::pool_wishes out;
    for (auto const& [backend, it] : all) {
        lb::backend_wish const wish{it.service.value.wanted, it.weight.value};
        if (wish != lb::backend_wish{})
            out.backends.emplace(backend, wish);
        if (it.added.value)
            out.added.push_back(*it.added.value);
    }
    return out;
}

} // namespace tasuki::balancer
