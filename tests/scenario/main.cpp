// Plays scenarios and compares each with the trace in its file, or writes the trace anew.
#include "script.hpp"

#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>

namespace {

using namespace tasuki::scenario;

constexpr std::size_t lines_around = 3;

std::string read_whole(std::string const& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in)
        throw std::invalid_argument("cannot be read");
    return {std::istreambuf_iterator<char>{in}, {}};
}

void show(char sign, std::vector<std::string> const& lines, std::size_t from) {
    for (std::size_t at = from; at < std::min(lines.size(), from + lines_around); ++at)
        std::cout << "  " << sign << " " << lines[at] << "\n";
}

bool compare(std::string const& path, script const& given, std::vector<std::string> const& got) {
    if (got == given.trace)
        return true;
    auto const shorter = std::min(got.size(), given.trace.size());
    std::size_t at = 0;
    while (at < shorter && got[at] == given.trace[at])
        ++at;
    std::cout << path << ": the trace differs from its line " << at + 1 << " on\n";
    for (std::size_t before = at < lines_around ? 0 : at - lines_around; before < at; ++before)
        std::cout << "    " << got[before] << "\n";
    show('-', given.trace, at);
    show('+', got, at);
    std::cout << "if the new trace is right: scenario --regenerate " << path << "\n";
    return false;
}

bool run(std::string const& path, bool regenerate) {
    auto const given = parse(read_whole(path));
    auto const got = play(given);
    if (!regenerate)
        return compare(path, given, got);
    std::ofstream{path, std::ios::binary} << with_trace(given, got);
    return true;
}

} // namespace

int main(int count, char** words) {
    bool regenerate = false;
    bool good = count > 1;
    for (int index = 1; index < count; ++index) {
        std::string const word = words[index];
        if (word == "--regenerate") {
            regenerate = true;
            continue;
        }
        try {
            good = run(word, regenerate) && good;
        } catch (std::exception const& trouble) {
            std::cout << word << ": " << trouble.what() << "\n";
            good = false;
        }
    }
    if (count < 2)
        std::cout << "usage: scenario [--regenerate] FILE...\n";
    return good ? 0 : 1;
}
