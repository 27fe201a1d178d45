#pragma once
// Performs a verb: asks the agent, prints, asks the operator, follows the operation to its end.
//
// Data goes to `out`, everything else to `err`. A change is planned first (dry run), shown, and
// confirmed at a terminal; without a terminal it needs --yes. Ctrl-C ends the watching, never the
// operation. Every refusal prints its reason and the next command.

#include "tasuki/ctl/arguments.hpp"

#include <iosfwd>
#include <string>
#include <string_view>

namespace tasuki::ctl {

/// The world around a command, so that tests can be one.
struct terminal {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool in_is_terminal = false;
    bool out_is_terminal = false;
};

/// Every verb but `config check` and `init`, which need other rooms and belong to main.
[[nodiscard]] exit_code perform(command_line const&, terminal&);

/// Percent-encoded for a path (RFC 3986, 3.3).
[[nodiscard]] std::string encode_segment(std::string_view text);

} // namespace tasuki::ctl
