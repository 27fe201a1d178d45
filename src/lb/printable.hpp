#pragma once
// What a server has said, for a line of the log. Private to the room's sources.

#include "tasuki/core/bytes.hpp"

#include <string>

namespace tasuki::lb {

/// Without control characters.
[[nodiscard]] inline std::string printable(byte_view bytes) {
    std::string out;
    for (auto const each : bytes) {
        auto const letter = std::to_integer<char>(each);
        out += letter >= ' ' && letter != '\x7f' ? letter : '?';
    }
    return out;
}

} // namespace tasuki::lb
