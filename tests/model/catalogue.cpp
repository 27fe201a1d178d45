#include "catalogue.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace tasuki::model {

namespace {

using namespace tasuki::election;

std::uint64_t hash_of(byte_view bytes) {
    std::uint64_t hash = mix(bytes.size() + 1);
    std::uint64_t word = 0;
    std::size_t filled = 0;
    for (std::byte const octet : bytes) {
        word = word << 8U | std::to_integer<std::uint64_t>(octet);
        if (++filled % 8 == 0)
            hash = mix(std::rotl(hash, 23) ^ mix(word + 0x9e3779b97f4a7c15ULL));
    }
    return mix(std::rotl(hash, 23) ^ mix(word) ^ filled);
}

known_machine describe(machine const& it) {
    known_machine out;
    out.state = it;
    out.up = it.up;
    out.answers = it.answers();
    out.due = it.up && it.wake <= present;
    out.writing = !it.writes.empty();
    out.closing = it.closing.is_set();
    auto const& elect = it.elect;
    out.active = it.up && elect.now_role == role::active && !out.closing;
    out.free_to_write = out.active && !elect.writing.under_way;
    bool const trying = elect.now_role == role::canvassing || elect.now_role == role::claiming;
    out.claim_under = it.up && trying ? elect.claim.under.value() : 0;
    out.has_disk = it.disk.has_value();
    if (it.disk) {
        out.on_disk = it.disk->known.order();
        byte_writer bytes;
        encode(it.disk->known, bytes);
        out.content = hash_of(bytes.view());
    }
    return out;
}

} // namespace

machine_number catalogue::number_of(machine const& it) {
    auto const [number, fresh] = machine_numbers_.find_or_insert(
        hash_of(encode(it)), static_cast<std::uint32_t>(machines_.size()));
    if (fresh)
        machines_.push_back(describe(it));
    return *number;
}

datagram_number catalogue::number_of(datagram const& it) {
    if (it.entries.empty())
        return 0;
    auto const [number, fresh] = letter_numbers_.find_or_insert(
        hash_of(encode(it)), static_cast<std::uint32_t>(letters_.size()));
    if (fresh)
        letters_.push_back(it);
    return *number;
}

numbered_reaction const& catalogue::react(machine_number before, std::size_t index, deed what,
                                          std::uint64_t argument, datagram_number heard) {
    auto const asked = mix(std::uint64_t{before} << 32U | heard) ^
                       mix(index << 24U | static_cast<std::uint64_t>(what) << 16U | argument);
    auto const [number, fresh] =
        reaction_numbers_.find_or_insert(mix(asked), static_cast<std::uint32_t>(reactions_.size()));
    if (!fresh)
        return reactions_[*number];
    auto happened =
        model::react(machines_[before].state, index, what, argument, &letters_[heard], world_);
    numbered_reaction out{number_of(happened.after), {}, std::move(happened.found)};
    if (what == deed::wake && out.after == before)
        out.found.violation = "a timer stays due and changes nothing";
    for (auto const& letter : happened.letters)
        out.letters.push_back(number_of(letter));
    reactions_.push_back(std::move(out));
    return reactions_.back();
}

datagram_number catalogue::one_renewal_later(datagram_number it, std::size_t holder,
                                             unsigned life) {
    auto const asked = std::uint64_t{it} << 32U | holder << 16U | life;
    auto const [moved, fresh] = later_.find_or_insert(mix(asked), it);
    if (!fresh)
        return *moved;
    auto shifted = letters_[it];
    auto const age = [&](auto& what) {
        if (what.life == life_of(holder, life))
            what.sequence = std::max(what.sequence - 1, newest_renewal - renewals_known);
    };
    for (auto& each : shifted.entries)
        std::visit(overloaded{[&](renew& what) { age(what); }, [&](grant& what) { age(what); },
                              [](auto&) {}},
                   each);
    std::erase_if(shifted.entries, [](auto const& each) { return !has_effect(each); });
    *moved = number_of(shifted);
    return *moved;
}

} // namespace tasuki::model
