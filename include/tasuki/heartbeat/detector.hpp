#pragma once
// Who hears whom, per peer and path, out of two facts: when we last heard the peer there, and what
// the peer last said it hears of us there. Only believed messages count.
//
// It decides no failover: silence is a trigger, never proof. It tells "the peer is deaf", "we are
// deaf" and "nothing at all" apart, so that an operator looks at the right end of the right cable.

#include "tasuki/core/time.hpp"
#include "tasuki/heartbeat/message.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::heartbeat {

enum class hearing : std::uint8_t {
    never_heard, ///< nothing yet since we started
    up,          ///< both hear each other
    peer_deaf,   ///< we hear it, it does not hear us
    self_deaf,   ///< it hears us (it says so on another path), we do not hear it
    unproven,    ///< its messages arrive, none answers ours: it may not hear us, or has restarted
    silent,      ///< heard before, now nothing
};

[[nodiscard]] std::string_view to_string(hearing);

class detector {
  public:
    /// A new session was proven: what the peer said in an older one no longer counts.
    void note_session(instant now);
    void note_heard(message const&, instant now);
    /// The program before this one has heard it, no longer ago than a replacement takes.
    void note_heard_before(instant when) { heard_at_ = when; }
    void note_unproven(std::size_t path, instant now) { paths_[path].unproven_at = now; }

    [[nodiscard]] hearing on_path(std::size_t path, instant now, duration silent_after) const;
    /// Over all paths: up if each hears the other on any of them.
    [[nodiscard]] hearing overall(instant now, duration silent_after) const;

    [[nodiscard]] std::optional<instant> heard_at(std::size_t path) const {
        return paths_[path].heard_at;
    }
    /// The newest of all paths.
    [[nodiscard]] std::optional<instant> heard_at() const { return heard_at_; }
    /// What `message::heard_ms` shall say for this path.
    [[nodiscard]] std::uint16_t heard_age_ms(std::size_t path, instant now) const;
    /// Whether the peer hears us on this path; nothing if it has not told us lately.
    [[nodiscard]] std::optional<bool> hears_us(std::size_t path, instant now,
                                               duration silent_after) const;

  private:
    struct path_facts {
        std::optional<instant> heard_at;
        std::optional<instant> unproven_at;
        std::uint16_t reported_ms = heard_never;
    };
    std::array<path_facts, paths_max> paths_{};
    std::optional<instant> heard_at_;
    std::optional<instant> reported_at_;
    std::optional<instant> session_at_;
};

/// Names for a sentence; `path` is an address or network, or empty for "on any path".
struct hearing_names {
    std::string_view self;
    std::string_view peer;
    std::string_view path;
};
/// "db1 hears db2, db2 does not hear db1 on path 10.78.0.1".
[[nodiscard]] std::string describe(hearing, hearing_names const&);

} // namespace tasuki::heartbeat
