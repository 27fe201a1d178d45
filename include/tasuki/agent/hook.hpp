#pragma once
// A program of the operator's: how it is called, and how it ended. Pure; hook_io runs it.
//
// It is called without a shell, with a fixed environment of its own: nothing of the agent's, so
// that no secret gets there. Its limit is kept by force. docs/hooks.md tells the operator the same.

#include "tasuki/agent/config.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/time.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tasuki::agent {

inline constexpr std::size_t hook_words_max = 200; ///< of its first line, for log and history

struct hook_call {
    std::string program;
    std::vector<std::string> arguments;   ///< after the program's own name
    std::vector<std::string> environment; ///< NAME=value, and nothing else
    milliseconds limit{};
    friend bool operator==(hook_call const&, hook_call const&) = default;
};

struct hook_end {
    enum class kind : std::uint8_t {
        exited,
        killed,    ///< by a signal of somebody else
        overdue,   ///< by us, at its limit
        withdrawn, ///< by us, as it was not wanted any more
        not_run    ///< it could not be started; `said` tells why
    };
    kind how = kind::exited;
    int number = 0; ///< its exit code, or the signal
    milliseconds took{};
    std::string said; ///< the first line of its standard error
    friend bool operator==(hook_end const&, hook_end const&) = default;
};

[[nodiscard]] bool succeeded(hook_end const&);
/// "ended with exit code 3 after 120 ms: no such instance".
[[nodiscard]] std::string describe(hook_end const&);
/// What of its standard error is told: the first line, no longer than `hook_words_max`, as UTF-8.
[[nodiscard]] std::string first_line(std::string_view text);

enum class hook_action : std::uint8_t { acquire, release };
[[nodiscard]] std::string_view to_string(hook_action);

/// To move the addresses of a group, on this node. Epoch zero: whatever an earlier life has left.
[[nodiscard]] hook_call address_call(configuration const&, group_config const&,
                                     std::string_view node, hook_action, epoch under);

/// Something happened to a group. The names are the words of docs/hooks.md.
struct hook_event {
    std::string name;  ///< "active", "left", "conflict", ...
    std::string group; ///< by name
    epoch under;
    std::string address;   ///< of a conflict
    std::string mac;       ///< of a conflict
    std::string operation; ///< its id in the history, if it is about one
    std::string result;    ///< how that ended
    std::string text;      ///< for people
    std::uint64_t wall_ms = 0;
    friend bool operator==(hook_event const&, hook_event const&) = default;
};
/// To have the machine of `peer` switched off.
[[nodiscard]] hook_call fence_call(configuration const&, std::string_view node,
                                   node_config const& peer);
/// To tell whether a backend is fit.
[[nodiscard]] hook_call check_call(lb::pool_settings const&, lb::backend_settings const&,
                                   std::string_view node);
[[nodiscard]] hook_call event_call(configuration const&, std::string_view node, hook_event const&);

} // namespace tasuki::agent
