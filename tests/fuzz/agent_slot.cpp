// The two slots of a voter's state: raw bytes, and a write that was cut off anywhere, over whatever
// lay there. The state before it or the new one is found, never a third, never none.
#include "fuzz.hpp"
#include "tasuki/agent/slot.hpp"

namespace tasuki::fuzz {

namespace {

using namespace agent;

constexpr std::string_view name = "fuzz";

byte_string bytes_of(byte_view view) {
    return {view.begin(), view.end()};
}

void read_raw(byte_view input) {
    auto const read = decode_slot(name, input);
    if (!read)
        return;
    auto const again = encode_slot(name, *read);
    TASUKI_REQUIRE(again.size() <= input.size());
    TASUKI_REQUIRE(std::ranges::equal(again, input.first(again.size())));
}

/// The file after the first `reached` bytes of `next` were written over `old`.
byte_string torn(byte_string const& old, byte_string const& next, std::size_t reached) {
    byte_string out{next.begin(), next.begin() + static_cast<std::ptrdiff_t>(reached)};
    if (old.size() > reached)
        out.insert(out.end(), old.begin() + static_cast<std::ptrdiff_t>(reached), old.end());
    return out;
}

} // namespace

void try_input(byte_view input) {
    read_raw(input);
    byte_reader in{input};
    std::uint64_t const generation = 1 + (in.u64() >> 1U);
    std::size_t const reach = in.u16();
    slot const before{generation - 1, bytes_of(take_short(in))};
    slot const kept{generation, bytes_of(take_short(in))};
    slot const written{generation + 1, bytes_of(in.take(in.left()))};

    auto const next = encode_slot(name, written);
    auto const reached = std::min(reach, next.size());
    auto const old = generation == 1 ? byte_string{} : encode_slot(name, before);
    std::optional<byte_string> const first{torn(old, next, reached)};
    std::optional<byte_string> const second{encode_slot(name, kept)};
    bool const even = written.generation % 2 == 0;
    auto const found = even ? choose(name, first, second) : choose(name, second, first);
    TASUKI_REQUIRE(found.condition == slot_condition::intact);
    TASUKI_REQUIRE(found.newest == kept || found.newest == written);
    TASUKI_REQUIRE(reached != next.size() || found.newest == written);
    TASUKI_REQUIRE(found.highest == found.newest.generation);

    // A file that is missing altogether may have been the newer one.
    auto const alone = even ? choose(name, first, {}) : choose(name, {}, first);
    TASUKI_REQUIRE(alone.condition == slot_condition::damaged || alone.highest == 1);
}

} // namespace tasuki::fuzz
