#pragma once
// Who sees what passes between a client and its server, and has a say in it.

#include "tasuki/core/bytes.hpp"

#include <cstddef>
#include <limits>
#include <span>

namespace tasuki::lb {

/// What is to become of bytes that have come in: first `drop` of them are forgotten, then `pass` of
/// them are passed on, and the rest is held. While something is held nothing more is read.
struct passage {
    static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
    std::size_t drop = 0;
    std::size_t pass = all;
    bool over = false;       ///< after that the relay ends
    bool shows_held = false; ///< what was held of the client comes again
    byte_view instead;       ///< is passed on before all that; lasts until the next call
    byte_view reply;         ///< goes back to whom the bytes came from; lasts as long
};
inline constexpr passage hold_all{0, 0, false, false, {}, {}};
inline constexpr passage drop_all{passage::all, 0, false, false, {}, {}};

/// Sees all bytes, in order, before they are passed on, and may change them in place.
class relay_watcher {
  public:
    relay_watcher() = default;
    relay_watcher(relay_watcher const&) = delete;
    relay_watcher& operator=(relay_watcher const&) = delete;
    virtual ~relay_watcher() = default;
    [[nodiscard]] virtual passage from_client(std::span<std::byte>) = 0;
    [[nodiscard]] virtual passage from_server(std::span<std::byte>) = 0;
};

} // namespace tasuki::lb
