#pragma once
// In which order the program that moves a group's addresses is run: one call at a time, the newest
// wish last. Pure; one for each group.
//
// An acquire that is not wanted any more is killed, a release never: what it has begun has to be
// finished. What was acquired, even in part, counts as held until a release has ended well, so that
// "released" is only ever said after exit code 0, or if nothing was acquired since.

#include "tasuki/agent/hook.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::agent {

struct hook_run {
    hook_action what = hook_action::acquire;
    epoch under;
    friend bool operator==(hook_run const&, hook_run const&) = default;
};
/// Whatever runs is not wanted any more; its end is told all the same.
struct hook_kill {
    friend bool operator==(hook_kill const&, hook_kill const&) = default;
};
/// The wish is answered.
struct hook_report {
    hook_run wish;
    bool done = false;
    std::string text; ///< how the program ended; empty if it did not have to run
    friend bool operator==(hook_report const&, hook_report const&) = default;
};
using hook_turn = std::variant<std::monostate, hook_run, hook_kill, hook_report>;

class hook_turns {
  public:
    /// `held`: as the program before this one in the same process has left it, or a life before.
    explicit hook_turns(bool held)
        : held_(held) {}

    /// What has to be done now for the newest wish.
    [[nodiscard]] hook_turn want(hook_run);
    /// The program has ended.
    [[nodiscard]] hook_turn ended(hook_end const&);
    [[nodiscard]] bool is_running() const { return running_.has_value(); }

  private:
    [[nodiscard]] hook_turn next();

    std::optional<hook_run> running_;
    std::optional<hook_run> wanted_;
    bool killed_ = false;
    bool held_;
};

} // namespace tasuki::agent
