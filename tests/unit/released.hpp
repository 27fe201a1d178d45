#pragma once
// The bytes that a released version sends and stores, one file of hexadecimal digits each in
// tests/released/VERSION. A later version has to understand them; who changes a form on purpose
// adds a file and keeps the old one. TASUKI_REGENERATE=1 writes those that are not there.

#include "tasuki/core/bytes.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace tasuki::test {

inline std::string hexadecimal(byte_view bytes) {
    constexpr std::size_t bytes_a_line = 32;
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); ++at)
        out += fmt::format("{:02x}{}", static_cast<unsigned>(bytes[at]),
                           (at + 1) % bytes_a_line == 0 || at + 1 == bytes.size() ? "\n" : "");
    return out;
}

/// What the released version wrote; `now` is what this one writes for the same value.
inline byte_string released(std::string const& name, byte_view now) {
    auto const path = std::filesystem::path{TASUKI_SOURCE_DIR} / "tests/released" / (name + ".hex");
    if (std::getenv("TASUKI_REGENERATE") != nullptr && !std::filesystem::exists(path))
        std::ofstream{path} << hexadecimal(now);
    std::ifstream in{path};
    std::string digits;
    for (std::string line; std::getline(in, line);)
        digits += line;
    INFO(path.string());
    REQUIRE_FALSE(digits.empty());
    byte_string out;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2)
        out.push_back(static_cast<std::byte>(std::stoul(digits.substr(at, 2), nullptr, 16)));
    return out;
}

} // namespace tasuki::test
