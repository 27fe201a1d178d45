#pragma once
// Whether a mysqld would start replication by itself at boot, from its command line and option
// files. The server has no variable that tells.
//
// Replication that starts at boot drops the relay log before anybody has looked at it, and
// acknowledges commits in a life of the server that the record does not know.
// Reference: MariaDB documentation, "Configuring MariaDB with Option Files".

#include <string>
#include <string_view>
#include <vector>

namespace tasuki::mysql {

/// The word for "replication is not started at boot", as an argument or a line of an option file.
[[nodiscard]] bool is_skip_slave_start(std::string_view option);

struct option_file {
    bool skips_slave_start = false;   ///< in a section that a server reads
    std::vector<std::string> files;   ///< of `!include`
    std::vector<std::string> folders; ///< of `!includedir`
};
[[nodiscard]] option_file read_option_file(std::string_view text);

} // namespace tasuki::mysql
