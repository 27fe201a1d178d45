#pragma once
// Reads the configuration file. What the text means is parse_configuration's business.
//
// Any user's plain file of at most configuration_bytes_max is taken: it holds no secrets, only the
// names of the files that do.

#include "tasuki/agent/config.hpp"

#include <string>

namespace tasuki::agent {

/// The errors of reading come as one notice without a line.
[[nodiscard]] config_result load_configuration(std::string const& file);

} // namespace tasuki::agent
