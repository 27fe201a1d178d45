#include "tasuki/agent/hook_turns.hpp"

#include <utility>

namespace tasuki::agent {

hook_turn hook_turns::want(hook_run wish) {
    wanted_ = wish;
    if (!running_)
        return next();
    bool const superseded = running_->what == hook_action::acquire && *running_ != wish;
    if (superseded && !std::exchange(killed_, true))
        return hook_kill{};
    return {};
}

hook_turn hook_turns::next() {
    if (!wanted_)
        return {};
    if (wanted_->what == hook_action::release && !held_)
        return hook_report{*std::exchange(wanted_, std::nullopt), true, {}};
    running_ = *wanted_;
    held_ = true;
    return *running_;
}

hook_turn hook_turns::ended(hook_end const& how) {
    auto const done = *std::exchange(running_, std::nullopt);
    killed_ = false;
    if (done.what == hook_action::release && succeeded(how))
        held_ = false;
    if (wanted_ != done)
        return next();
    wanted_.reset();
    return hook_report{done, succeeded(how), describe(how)};
}

} // namespace tasuki::agent
