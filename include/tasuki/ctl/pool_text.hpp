#pragma once
// The load balancer's documents as text: who gets how much and why not more, and who is left on a
// backend that is to be empty.

#include "tasuki/ctl/reading.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::ctl {

/// `only`: one pool; empty: all.
[[nodiscard]] std::string format_pools(reading document, std::string_view only, bool colours);
[[nodiscard]] bool has_pool(reading document, std::string_view name);
[[nodiscard]] std::string format_sessions(reading document);

/// One backend of the document.
[[nodiscard]] std::optional<reading> find_backend(reading document, std::string_view pool,
                                                  std::string_view backend);
/// Who has not emptied a backend yet, of all balancers.
struct remaining {
    std::int64_t sessions = 0; ///< on all that are heard
    bool all_told = true;      ///< each that is heard obeys
    std::string elsewhere;     ///< "3 sessions on lb2, 0 sessions on lb3, not told yet"
    std::string silent;        ///< "lb2": not heard, and what it has is not known
};
[[nodiscard]] remaining remaining_of(reading backend);

/// "web/app1: draining, 12 sessions left, at most 58s"
[[nodiscard]] std::string format_progress(std::string_view pool, reading backend);
/// Some of those who are left, the rest counted: one line each.
[[nodiscard]] std::string format_left(reading sessions, std::size_t lines_max);

} // namespace tasuki::ctl
