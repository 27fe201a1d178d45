#pragma once
// What is explored, as words of a command line: the programs and the table of planted bugs name an
// exploration by the same words.

#include "search.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::model {

struct arguments {
    bounds world;
    search_options how;
    std::vector<std::string> removed; ///< names of planted bugs
    bool find = false;
    bool quiet = false;
    bool help = false;
};

struct bad_arguments : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Throws bad_arguments, with the word, if a word is unknown or a number out of range.
[[nodiscard]] arguments parse(std::vector<std::string> const& words);
[[nodiscard]] std::vector<std::string> split_words(std::string_view line);

} // namespace tasuki::model
