#pragma once
// What has been done to the groups: the last operations with their steps, for `tasuki history`, the
// API and the log. Pure: it decides what is kept and how it reads as JSON (schema 1); it never asks
// for the time and never writes a file.
//
// Everything is bounded: operations, steps of each, length of each text. Times are milliseconds of
// the wall clock since 1970, for printing only; an operation's id is a string in JSON, because
// readers there lose digits beyond 2^53. Keys are added, never dropped.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::agent {

inline constexpr std::size_t history_operations_max = 200;
inline constexpr std::size_t history_steps_max = 100;
inline constexpr std::size_t history_text_max = 1000; ///< bytes of each text

enum class operation_kind : std::uint8_t {
    bootstrap,
    failover,   ///< not planned
    switchover, ///< planned
    promotion,  ///< MySQL only: the address stayed
    standby,    ///< a node was taken out of service
    activate,   ///< and back
    pause,      ///< no automatic failover
    resume,     ///< and again
    key_rotation,
    voters,  ///< one was added or removed
    fence,   ///< the machine of the other of two voters was to be switched off
    balance, ///< a backend of a pool: drain, weight, ...
};
/// What moves a group, or may; the others are only the operator's word.
[[nodiscard]] bool moves_the_group(operation_kind kind);

enum class operation_result : std::uint8_t {
    running,
    done,
    failed,
    refused,
    interrupted, ///< the agent that kept this ended first: the end is not known here
};

struct operation_step {
    std::string name;
    std::string node;
    std::int64_t ms = 0; ///< how long it took
    std::string detail;
    friend bool operator==(operation_step const&, operation_step const&) = default;
};

struct operation {
    operation_id id;
    std::string group;
    operation_kind kind = operation_kind::failover;
    std::string from; ///< empty: nobody
    std::string to;
    epoch under;
    std::string reason;
    std::int64_t started_ms = 0;
    std::int64_t ms = 0; ///< from start to end, once it has ended
    std::vector<operation_step> steps;
    std::size_t steps_dropped = 0; ///< beyond `history_steps_max`
    operation_result result = operation_result::running;
    std::string detail;           ///< why it failed, was refused or is not known to have ended
    bool automatic = false;       ///< nobody asked for it
    std::string by;               ///< who asked, if that is known
    std::optional<bool> lossless; ///< MySQL: every acknowledged commit is there; empty: not known
    friend bool operator==(operation const&, operation const&) = default;
};

[[nodiscard]] std::string_view to_string(operation_kind kind);
[[nodiscard]] std::string_view to_string(operation_result outcome);

/// What two nodes know of one operation: its end counts more than its middle.
[[nodiscard]] operation merged(operation known, operation const& other);

/// Cuts what is over its bound and replaces what is not UTF-8, as a server's message may hold.
[[nodiscard]] operation bounded(operation given);

class history {
  public:
    /// A new operation, or a new state of a known one (same id): it keeps its place. Returns it as
    /// kept, after the bounds.
    operation const& put(operation given);
    /// What another node knows of an operation; a new one is put where its start belongs.
    operation const* merge(operation given);
    /// At start, before anything new: whatever still runs here has lost its end. Returns those.
    std::vector<operation> interrupt_running();
    /// Null if there is none of this id (any more).
    [[nodiscard]] operation const* find(operation_id id) const;
    /// The oldest first.
    [[nodiscard]] std::deque<operation> const& operations() const { return operations_; }

  private:
    void make_room();

    std::deque<operation> operations_;
};

/// One object on one line.
[[nodiscard]] std::string to_json(operation const& shown);
[[nodiscard]] result<operation> operation_from_json(std::string_view text);

/// "2026-01-01T00:00:00.000+00:00"
[[nodiscard]] std::string wall_time_text(std::int64_t ms_since_1970);

} // namespace tasuki::agent
