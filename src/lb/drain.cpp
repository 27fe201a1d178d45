#include "tasuki/lb/drain.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::lb {

namespace {

/// What keeps the session, if anything but its pool's habits does.
std::optional<because> kept_by(session_view const& it) {
    switch (it.doing) {
    case activity::logging_in:
        return because::login;
    case activity::command:
        return because::statement;
    case activity::file:
        return because::file;
    case activity::stream:
        return because::stream;
    case activity::blind:
        return because::cannot_be_read;
    case activity::idle:
        break;
    }
    // The status is asked for only where nothing else keeps the session.
    if (it.may_hold_locks)
        return because::locks;
    if (it.has_cursor)
        return because::cursor;
    if (it.is_transaction_unknown)
        return because::unknown;
    if (it.in_transaction)
        return because::transaction;
    return std::nullopt;
}

instant patience_ends(drain_rules const& rules, draining const& drain) {
    if (drain.is_urgent)
        return drain.began;
    if (drain.deadline == never)
        return never;
    auto const whole = std::chrono::duration<double>{drain.deadline - drain.began};
    return drain.began + std::chrono::duration_cast<duration>(whole * rules.patience);
}

decision wait_for(because why, instant again_at, draining const& drain) {
    return {deed::wait, why, std::min(again_at, drain.deadline)};
}

std::string seconds_text(duration time) {
    return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

} // namespace

std::string_view to_string(because it) {
    constexpr std::string_view names[] = {"idle",
                                          "its pool validates it",
                                          "a statement runs",
                                          "in transaction",
                                          "after an error",
                                          "a cursor is open",
                                          "it holds locks",
                                          "it sends a file",
                                          "a replica's stream",
                                          "logging in",
                                          "moving",
                                          "cannot be read",
                                          "the deadline"};
    return names[static_cast<std::size_t>(it)];
}

session_view look_at(mysql_session const& session) {
    session_view out;
    out.doing = session.doing();
    out.in_transaction = session.in_transaction();
    out.is_transaction_unknown = session.is_transaction_unknown();
    out.has_cursor = session.has_cursor();
    out.may_hold_locks = session.may_hold_locks();
    return out;
}

decision decide(drain_rules const& rules, draining const& drain, session_view const& it,
                instant now, bool validates_now) {
    auto const kept = it.is_moving ? because::moving : kept_by(it);
    if (!kept && it.may_move)
        return {deed::move, because::idle, never};
    if (!kept && validates_now)
        return {deed::close, because::validation, never};
    if (now >= drain.deadline)
        return kept ? decision{deed::cut, because::deadline, never}
                    : decision{deed::close, because::idle, never};
    if (kept == because::unknown && !it.is_asking)
        return {deed::ask, because::unknown, drain.deadline};
    if (kept == because::cannot_be_read) {
        auto const silent = it.last_byte + rules.silence_before_close;
        return now >= silent ? decision{deed::close, because::cannot_be_read, never}
                             : wait_for(because::cannot_be_read, silent, drain);
    }
    if (kept)
        return wait_for(*kept, never, drain);
    auto const patient = patience_ends(rules, drain);
    auto const rested = it.last_byte + rules.idle_before_close;
    if (now >= patient || (now >= rested && !it.validates))
        return {deed::close, because::idle, never};
    if (it.validates)
        return wait_for(because::validation, patient, drain);
    return wait_for(because::idle, std::min(rested, patient), drain);
}

std::string why_left(decision const& taken, session_view const& it, instant now) {
    std::string out{to_string(taken.why)};
    if (taken.why == because::transaction && it.transaction_since != never)
        out += " for " + seconds_text(now - it.transaction_since);
    else if (it.last_byte != long_ago)
        out += ", silent for " + seconds_text(now - it.last_byte);
    return out;
}

} // namespace tasuki::lb
