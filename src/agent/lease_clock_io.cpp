#include "tasuki/agent/lease_clock_io.hpp"

#include "tasuki/agent/lease_clock.hpp"

#include <sys/timex.h>
#include <unistd.h>

namespace tasuki::agent {

std::optional<double> read_clock_correction() {
    timex now{}; // no mode: only asks
    if (::adjtimex(&now) < 0)
        return std::nullopt;
    return clock_correction_ppm(now.freq, now.tick, ::sysconf(_SC_CLK_TCK));
}

} // namespace tasuki::agent
