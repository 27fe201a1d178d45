#include "tasuki/agent/config_section.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

namespace tasuki::agent {

namespace {

constexpr std::size_t interface_letters_max = 15;

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> before(to.size() + 1);
    std::vector<std::size_t> above(to.size() + 1);
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t line = 1; line <= from.size(); ++line) {
        row[0] = line;
        for (std::size_t column = 1; column <= to.size(); ++column) {
            std::size_t const replaced = from[line - 1] == to[column - 1] ? 0 : 1;
            row[column] =
                std::min({above[column] + 1, row[column - 1] + 1, above[column - 1] + replaced});
            bool const swapped = line > 1 && column > 1 && from[line - 1] == to[column - 2] &&
                                 from[line - 2] == to[column - 1];
            if (swapped)
                row[column] = std::min(row[column], before[column - 2] + 1);
        }
        std::tie(before, above, row) =
            std::tuple{std::move(above), std::move(row), std::move(before)};
    }
    return above[to.size()];
}

bool is_letter_or_digit(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9');
}

} // namespace

std::string_view nearest_word(std::string_view typed, std::vector<std::string_view> const& words) {
    std::string_view nearest;
    // A third of the letters may be wrong, and always one: more is another word.
    std::size_t best = std::max<std::size_t>(1, typed.size() / 3) + 1;
    for (auto const word : words) {
        auto const distance = edit_distance(typed, word);
        if (distance < best) {
            best = distance;
            nearest = word;
        }
    }
    return nearest;
}

std::string fault_of_name(std::string_view name) {
    if (name.empty())
        return "a name cannot be empty";
    if (name.size() > name_letters_max)
        return "a name has at most " + std::to_string(name_letters_max) + " letters";
    if (!std::all_of(name.begin(), name.end(), [](char letter) {
            return is_letter_or_digit(letter) || letter == '-' || letter == '_';
        }))
        return "a name has only letters, digits, - and _";
    return {};
}

std::string fault_of_interface(std::string_view name) {
    if (name.size() > interface_letters_max)
        return "an interface name has at most " + std::to_string(interface_letters_max) +
               " letters";
    if (name == "." || name == ".." || name.find_first_of("/: \t") != std::string_view::npos)
        return "an interface name has no slash, colon or blank";
    return {};
}

} // namespace tasuki::agent
