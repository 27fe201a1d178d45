#include "tasuki/heartbeat/detector.hpp"

#include <algorithm>

namespace tasuki::heartbeat {

namespace {

bool is_recent(std::optional<instant> at, instant now, duration silent_after) {
    return at && now - *at <= silent_after;
}

} // namespace

void detector::note_session(instant now) {
    session_at_ = now;
    reported_at_.reset();
    for (auto& path : paths_)
        path.reported_ms = heard_never;
}

void detector::note_heard(message const& heard, instant now) {
    auto& path = paths_[heard.path];
    path.heard_at = now;
    path.unproven_at.reset();
    heard_at_ = now;
    reported_at_ = now;
    for (std::size_t index = 0; index < paths_max; ++index)
        paths_[index].reported_ms = heard.heard_ms[index];
}

std::optional<bool> detector::hears_us(std::size_t path, instant now, duration silent_after) const {
    if (!is_recent(reported_at_, now, silent_after))
        return std::nullopt;
    auto const age = paths_[path].reported_ms;
    if (age != heard_never)
        return milliseconds{age} <= silent_after;
    // A session starts with reports from before our first message on this path had arrived.
    if (is_recent(session_at_, now, silent_after))
        return std::nullopt;
    return false;
}

hearing detector::on_path(std::size_t path, instant now, duration silent_after) const {
    auto const& facts = paths_[path];
    auto const told = hears_us(path, now, silent_after);
    if (is_recent(facts.heard_at, now, silent_after))
        return told.value_or(true) ? hearing::up : hearing::peer_deaf;
    if (told.value_or(false))
        return hearing::self_deaf;
    if (is_recent(facts.unproven_at, now, silent_after))
        return hearing::unproven;
    return facts.heard_at ? hearing::silent : hearing::never_heard;
}

hearing detector::overall(instant now, duration silent_after) const {
    if (is_recent(heard_at_, now, silent_after)) {
        bool const it_hears_us = std::any_of(paths_.begin(), paths_.end(), [&](auto const& path) {
            auto const index = static_cast<std::size_t>(&path - paths_.data());
            return is_recent(path.heard_at, now, silent_after)
                       ? hears_us(index, now, silent_after).value_or(true)
                       : hears_us(index, now, silent_after).value_or(false);
        });
        return it_hears_us ? hearing::up : hearing::peer_deaf;
    }
    bool const unproven = std::any_of(paths_.begin(), paths_.end(), [&](auto const& path) {
        return is_recent(path.unproven_at, now, silent_after);
    });
    if (unproven)
        return hearing::unproven;
    return heard_at_ ? hearing::silent : hearing::never_heard;
}

std::uint16_t detector::heard_age_ms(std::size_t path, instant now) const {
    auto const& at = paths_[path].heard_at;
    if (!at)
        return heard_never;
    constexpr std::int64_t oldest = heard_never - 1;
    return static_cast<std::uint16_t>(std::clamp<std::int64_t>(to_ms(now - *at), 0, oldest));
}

std::string_view to_string(hearing state) {
    switch (state) {
    case hearing::never_heard:
        return "never_heard";
    case hearing::up:
        return "up";
    case hearing::peer_deaf:
        return "peer_deaf";
    case hearing::self_deaf:
        return "self_deaf";
    case hearing::unproven:
        return "unproven";
    case hearing::silent:
        return "silent";
    }
    return "unknown";
}

std::string describe(hearing state, hearing_names const& names) {
    std::string const self{names.self};
    std::string const peer{names.peer};
    auto const where =
        names.path.empty() ? std::string{" on any path"} : " on path " + std::string{names.path};
    switch (state) {
    case hearing::never_heard:
        return self + " has not heard " + peer + " yet" + where;
    case hearing::up:
        return self + " and " + peer + " hear each other" +
               (names.path.empty() ? std::string{} : where);
    case hearing::peer_deaf:
        return self + " hears " + peer + ", " + peer + " does not hear " + self + where;
    case hearing::self_deaf:
        return peer + " hears " + self + ", " + self + " does not hear " + peer + where;
    case hearing::unproven:
        return self + " receives from " + peer + ", but no answer to its own messages" + where +
               " (" + peer + " does not hear " + self + ", or has just started)";
    case hearing::silent:
        return self + " does not hear " + peer + " any more" + where;
    }
    return {};
}

} // namespace tasuki::heartbeat
