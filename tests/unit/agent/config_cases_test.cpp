// Every complaint about a configuration, word for word, from config_cases.txt.
#include "tasuki/agent/config.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace tasuki::agent;

namespace {

std::string const cases_file = TASUKI_SOURCE_DIR "/tests/unit/agent/config_cases.txt";

struct config_case {
    std::string title;
    std::string file;
    std::string notices;
};

struct case_list {
    std::string heading;
    std::vector<config_case> cases;
};

case_list read_cases() {
    case_list out;
    std::ifstream in{cases_file};
    bool in_notices = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("=== ")) {
            out.cases.push_back({line.substr(4), "", ""});
            in_notices = false;
        } else if (out.cases.empty()) {
            out.heading += line + "\n";
        } else if (line == "---") {
            in_notices = true;
        } else if (!in_notices) {
            out.cases.back().file += line + "\n";
        } else if (!line.empty()) {
            out.cases.back().notices += line + "\n";
        }
    }
    return out;
}

std::string notices_of(std::string const& text) {
    auto const parsed = parse_configuration(text, "tasuki.toml");
    if (!parsed)
        return to_string(parsed.error());
    std::string out;
    for (auto const& warning : parsed->warnings)
        out += "warning: " + to_string(warning) + "\n";
    return out;
}

} // namespace

TEST_CASE("every mistake in a configuration is named with its place and its remedy", "[config]") {
    auto const list = read_cases();
    REQUIRE(list.cases.size() > 50);
    for (auto const& each : list.cases) {
        INFO(each.title);
        CHECK(notices_of(each.file) == each.notices);
    }
    if (std::getenv("TASUKI_REGENERATE") == nullptr)
        return;
    std::ostringstream text;
    text << list.heading;
    for (auto const& each : list.cases)
        text << "=== " << each.title << '\n'
             << each.file << "---\n"
             << notices_of(each.file) << (&each == &list.cases.back() ? "" : "\n");
    std::ofstream{cases_file} << text.str();
}
