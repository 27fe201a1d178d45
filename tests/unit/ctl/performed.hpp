#pragma once
// Runs a command line against an agent's socket, as the program would.

#include "tasuki/ctl/arguments.hpp"
#include "tasuki/ctl/verbs_io.hpp"

#include <sstream>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::ctl {

struct outcome {
    int code = 0;
    std::string out;
    std::string err;
};

inline outcome run(std::string const& socket, std::vector<std::string> words,
                   std::string const& typed = {}, bool at_terminal = true) {
    words.insert(words.end(), {"--socket", socket});
    auto const line = std::get<command_line>(parse_arguments(words));
    std::istringstream in{typed};
    std::ostringstream out;
    std::ostringstream err;
    terminal where{in, out, err, at_terminal, false};
    auto const code = perform(line, where);
    return {static_cast<int>(code), out.str(), err.str()};
}

} // namespace tasuki::ctl
