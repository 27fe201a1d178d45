#pragma once
// Until when each local server's port is open to clients, as the gate has accepted it. Pure.
//
// What server_gate says is told at once when it changes. A refusal is not taken for done: the same
// is told again after a pause, until it is accepted, and the outcome is worth a line only when it
// differs from the one before.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace tasuki::agent {

/// Between two attempts to tell the same.
inline constexpr milliseconds port_retry{200};

class server_ports {
  public:
    using tell_function = std::function<result<void>(std::uint16_t port, instant until)>;
    /// For the log.
    struct outcome {
        bool refused = false;
        std::string text;
    };

    /// The gate begins with this.
    void begin(group_id, std::uint16_t port, instant until);
    /// Tells what differs from what was accepted, if it is due.
    [[nodiscard]] std::optional<outcome> keep(group_id, instant until, instant now,
                                              tell_function const&);

  private:
    struct place {
        std::uint16_t port = 0;
        instant wanted = long_ago;
        bool accepted = true;
        instant again_at = long_ago;
        std::string trouble; ///< as it was told last
    };
    std::map<group_id, place> places_;
};

} // namespace tasuki::agent
