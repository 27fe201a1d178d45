#pragma once
// The project's own sources as text for the rules of rules.hpp.
//
// Comments and literals are blanked out of `code`, letter for letter, so that a rule about code is
// not misled by words; line numbers stay the same. It knows as much C++ as that needs, no more.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

struct source {
    std::string path; ///< from the project's folder, for example "src/vip/plan.cpp"
    std::string text;
    std::string code; ///< `text` with comments and literals blanked out
};

[[nodiscard]] source source_of(std::string path, std::string text);
[[nodiscard]] std::string blanked(std::string_view text);
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);
/// Counted from 1.
[[nodiscard]] std::size_t line_at(std::string_view text, std::size_t offset);

struct function_body {
    std::size_t first_line = 0; ///< of its head
    std::size_t lines = 0;      ///< head to closing brace
};
[[nodiscard]] std::vector<function_body> functions_of(std::string_view code);

/// Every readable file below these folders of the project, with one of these endings.
[[nodiscard]] std::vector<source> read_sources(std::string const& project,
                                               std::vector<std::string> const& folders,
                                               std::vector<std::string> const& endings);

} // namespace tidy
