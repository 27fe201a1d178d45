#pragma once
// One client: writes rows at its share of the rate and notes what became of each.
//
// It has at most one statement under way. After a delay it makes up for a few lost writes only:
// a burst after a gap would hide how the server does at the agreed rate.

#include "session_io.hpp"
#include "tally.hpp"

#include <atomic>

namespace tasuki::lab {

struct writer_plan {
    server_address where;
    int client = 1;
    std::int64_t first_sequence = 1;
    moment period{};           ///< between this client's writes
    moment offset{};           ///< so that the clients do not write all at once
    moment limit{};            ///< for a connect and for a statement, each
    moment retry{};            ///< pause after a failed connect
    bool transactions = false; ///< each write is BEGIN, INSERT, COMMIT
};

struct shared_state {
    std::atomic<bool> stop{false};
    std::atomic<std::int64_t> last_ack_ns{0}; ///< CLOCK_MONOTONIC, for the live line only
};

[[nodiscard]] client_tally write_until_stopped(writer_plan const&, shared_state&);

} // namespace tasuki::lab
