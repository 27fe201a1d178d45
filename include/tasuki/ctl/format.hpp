#pragma once
// The documents of the API as a tired operator reads them at three in the morning.
//
// The first lines answer: healthy or not and why, who is active and since when, who holds the
// address, is there a quorum, would a failover succeed now and to whom, what happened last.
// Every value has its age. Conflicts, quarantines and pauses begin with "!" and stand at the top.
// Text in, text out: at most a hundred columns; colours only if asked for.

#include "tasuki/ctl/reading.hpp"

#include <string>

namespace tasuki::ctl {

[[nodiscard]] std::string format_status(reading document, bool colours);
/// The tree alone, ready to be pasted into a ticket.
[[nodiscard]] std::string format_topology(reading document);
[[nodiscard]] std::string format_why(reading document, bool colours);
[[nodiscard]] std::string format_check(reading document, bool colours);
[[nodiscard]] bool check_passed(reading document);

/// "READY -> db2, lossless, in about 1.9s", or that none would succeed; from a `ready` object.
[[nodiscard]] std::string format_ready(reading ready);

} // namespace tasuki::ctl
