#pragma once
// The command line as a value: which verb, with which options; or what to print instead.
//
// Decides what was asked for and nothing else. Options may stand before or after the verb. Never
// looks at the environment or a terminal. Wrong usage names what is wrong and ends with 2.

#include "tasuki/ctl/exit_code.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::ctl {

struct show_status {
    bool watch = false;
};
struct show_topology {};
struct show_why {
    std::string group;
};
struct show_check {};
struct show_history {
    std::optional<std::uint64_t> id;
    std::uint64_t limit = 20;
};
struct do_switchover {
    std::string group;
    std::string to;
    bool dry_run = false;
};
struct do_failover {
    std::string group;
    std::string to;
    bool allow_loss = false;
    bool dry_run = false;
};
struct do_standby {
    std::string node;
    std::optional<std::int64_t> for_ms;
};
struct do_activate {
    std::string node;
};
struct do_pause {
    std::string group; ///< empty: all
    std::optional<std::int64_t> for_ms;
};
struct do_resume {
    std::string group; ///< empty: all
};
struct do_announce {
    std::string group; ///< empty: all
};
struct do_reload {};
struct do_bootstrap {
    std::map<std::string, std::string> masters; ///< group -> node
};
struct do_voters {
    std::string add;
    std::string remove;
};
struct show_keys {};
struct do_rotate_keys {
    bool dry_run = false;
};
struct do_load_keys {
    bool force = false;
};
// The load balancer's.
struct show_pools {
    std::string pool; ///< empty: all
};
struct show_sessions {
    std::string pool;
    std::string backend; ///< empty: all
};
struct do_backend {
    std::string pool;
    std::string backend;
    std::string administration; ///< ready, drain, maintenance; empty: as it is
    std::optional<unsigned> weight;
    std::optional<std::int64_t> deadline_ms;
    bool wait = false; ///< until no session is left
    bool dry_run = false;
};
struct do_add_backend {
    std::string pool;
    std::string backend;
    std::string address;
    std::optional<unsigned> weight;
};
struct do_remove_backend {
    std::string pool;
    std::string backend;
};
using balancer_verb =
    std::variant<show_pools, show_sessions, do_backend, do_add_backend, do_remove_backend>;
/// These three work without an agent.
struct check_configuration {
    std::string file;
};
struct make_key {
    std::string file;
};
struct print_completion {};
/// What the completion asks for: "groups" or "nodes", one a line.
struct list_names {
    std::string kind;
};

using verb =
    std::variant<show_status, show_topology, show_why, show_check, show_history, do_switchover,
                 do_failover, do_standby, do_activate, do_pause, do_resume, do_announce, do_reload,
                 do_bootstrap, do_voters, show_keys, do_rotate_keys, do_load_keys, balancer_verb,
                 check_configuration, make_key, print_completion, list_names>;

inline constexpr auto agent_socket = "/run/tasuki/control.sock";
inline constexpr auto balancer_socket = "/run/tasuki-lb/control.sock";

enum class output_form { table, json };

struct command_line {
    std::string socket = agent_socket; ///< or `balancer_socket`, by the verb
    output_form output = output_form::table;
    bool no_color = false;
    bool yes = false;
    std::string reason;
    std::int64_t wait_ms = 120'000; ///< how long to follow an operation
    std::int64_t answer_ms = 2'000; ///< a question is answered within that, or not at all
    verb wanted = show_status{};
};

/// Text instead of a command: help, version, or what is wrong.
struct early_end {
    exit_code code = exit_code::usage;
    std::string text;
};

/// `arguments` without the program's name.
[[nodiscard]] std::variant<command_line, early_end>
parse_arguments(std::vector<std::string> arguments);

/// A bash completion for the verbs and options that `parse_arguments` knows.
[[nodiscard]] std::string bash_completion();

} // namespace tasuki::ctl
