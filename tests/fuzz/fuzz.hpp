#pragma once
// One fuzz target: what is done with any bytes, and what must hold afterwards.
//
// Each target of this folder defines `try_input` for one codec or state machine that reads what
// others wrote. It ends the program (TASUKI_REQUIRE) where a promise of a header is broken; the
// sanitizers end it where the language's rules are. The same file is driven by libFuzzer and fed
// from its corpus by a plain program. The name of a target begins with its room.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/require.hpp"

#include <algorithm>
#include <string_view>

namespace tasuki::fuzz {

void try_input(byte_view input);

[[nodiscard]] inline std::string_view text_of(byte_view bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// Its length comes first, in one byte.
[[nodiscard]] inline byte_view take_short(byte_reader& in) {
    std::size_t const length = in.u8();
    return in.take(std::min(length, in.left()));
}

} // namespace tasuki::fuzz
