// Feeds a target every file of the folders that are named, for compilers without libFuzzer.
#include "fuzz.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

namespace {

std::string contents_of(std::filesystem::path const& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

int main(int count, char** arguments) {
    std::set<std::filesystem::path> files;
    for (int at = 1; at < count; ++at)
        for (auto const& entry : std::filesystem::directory_iterator{arguments[at]})
            files.insert(entry.path());
    for (auto const& file : files) {
        std::cout << file.string() << std::endl; // the last line names what ended the program
        auto const content = contents_of(file);
        tasuki::fuzz::try_input(std::as_bytes(std::span{content}));
    }
    std::cout << files.size() << " inputs\n";
    return files.empty() ? 1 : 0;
}
