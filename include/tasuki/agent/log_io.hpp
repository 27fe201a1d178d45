#pragma once
// Where the log goes: `[log] target`. Lines carry their time in UTC; under systemd's journal, which
// stamps them itself, they carry their priority instead, as sd-daemon(3) describes. No log files.

#include "tasuki/agent/config.hpp"

#include <spdlog/formatter.h>

#include <memory>

namespace tasuki::agent {

enum class log_form { dated, journal };

[[nodiscard]] std::unique_ptr<spdlog::formatter> log_formatter(log_form);

/// From here on everything that is logged goes there. "journal" is standard error, which systemd
/// has connected to it; where it has not, lines are dated as for "stderr".
void open_log(log_target);

} // namespace tasuki::agent
