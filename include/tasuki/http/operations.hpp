#pragma once
// Operations as values: what was done, step by step, and what would be done.
//
// An operation is one change of a group, planned or not, with the time of every step; a plan is the
// same before it happens; `why` is the standing answer with the last decisions behind it; a check
// report lists what was examined. Invariant: a finished operation never changes again.

#include "tasuki/core/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::http {

using wall_time = std::chrono::sys_seconds; ///< UTC; for printing only
using age = std::optional<milliseconds>;    ///< not set: never heard

/// "2026-01-01T00:00:00+00:00"
[[nodiscard]] std::string to_rfc3339(wall_time);

/// A reason always says what to do next, where anything can be done.
struct reason_view {
    std::string code; ///< a fixed word: lag, no_candidate, paused …
    std::string text;
    std::string next_command;
    friend bool operator==(reason_view const&, reason_view const&) = default;
};

struct step_view {
    std::string name;
    std::string node;
    std::optional<milliseconds> took; ///< not set: still running or not begun
    std::string outcome;              ///< running, ok, warning, failed, skipped; empty: not begun
    std::string detail;
};

struct operation_view {
    std::uint64_t id = 0;
    std::string kind; ///< switchover, failover, rejoin …
    std::string group;
    std::string from;
    std::string to;
    std::string state; ///< running, done, failed, refused, interrupted
    wall_time started{};
    std::optional<milliseconds> took;
    std::optional<bool> lossless;
    bool automatic = false;
    std::string by; ///< who asked; empty: nobody, or not known here
    std::string reason;
    std::string error; ///< of one that did not end as done
    std::string next_command;
    std::vector<step_view> steps;
};
[[nodiscard]] bool is_finished(operation_view const&);

/// A line of the From or To tree: the first of a tree is its top.
struct placement_view {
    std::string node;
    std::string role;
    std::string detail; ///< "rw", "ro, lag 0 s"
};

struct plan_view {
    std::string kind;
    std::string group;
    std::string from;
    std::string to;
    bool lossless = false;
    std::optional<milliseconds> expected; ///< how long writes would stop
    std::vector<placement_view> before;
    std::vector<placement_view> after;
    std::vector<step_view> steps;
    std::vector<reason_view> warnings;
};

struct decision_view {
    wall_time time{};
    age since;
    std::string change; ///< "standby -> claiming"
    std::uint64_t epoch = 0;
    std::string reason;
    std::string detail;
};

struct candidate_view {
    std::string node;
    bool eligible = false;
    std::optional<milliseconds> lag;
    std::string reason; ///< why not, or why behind another
};

struct why_view {
    std::string group;
    bool failover = false;
    bool lossless = false;
    std::optional<std::string> to;
    std::optional<milliseconds> expected;
    std::vector<reason_view> reasons;
    std::vector<candidate_view> candidates;
    std::vector<decision_view> decisions; ///< newest first
};

struct check_item_view {
    std::string name;
    std::string node;
    std::string outcome; ///< ok, warning, failed
    std::string detail;
    std::string next_command;
};

/// Who answers and when; every document opens with it.
struct answerer {
    std::string cluster;
    std::string node;
    wall_time time{};
};

[[nodiscard]] std::string operation_json(answerer const&, operation_view const&);
[[nodiscard]] std::string history_json(answerer const&, std::vector<operation_view> const&);
[[nodiscard]] std::string plan_json(answerer const&, plan_view const&);
[[nodiscard]] std::string why_json(answerer const&, why_view const&);
[[nodiscard]] std::string check_json(answerer const&, std::vector<check_item_view> const&);

} // namespace tasuki::http
