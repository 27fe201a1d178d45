#include "golden.hpp"

#include "tasuki/ctl/layout.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tasuki::ctl {

namespace {

std::string const folder = std::string{TASUKI_SOURCE_DIR} + "/tests/unit/ctl/golden/";

std::string read(std::string const& file) {
    std::ifstream in{folder + file};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

} // namespace

boost::json::value golden_document(std::string const& name) {
    auto const parsed = parse_document(read(name + ".json"));
    REQUIRE(parsed.has_value());
    return *parsed;
}

void check_golden(std::string const& document, std::string const& text,
                  std::function<std::string(reading)> const& format) {
    auto const value = golden_document(document);
    auto const printed = format(reading{value});
    if (std::getenv("TASUKI_REGENERATE") != nullptr)
        std::ofstream{folder + text + ".txt"} << printed;
    INFO(text);
    CHECK(printed == read(text + ".txt"));
    std::istringstream lines{printed};
    for (std::string line; std::getline(lines, line);) {
        CHECK(columns(line) <= width_max);
        CHECK(line.find('\x1b') == std::string::npos);
    }
}

} // namespace tasuki::ctl
