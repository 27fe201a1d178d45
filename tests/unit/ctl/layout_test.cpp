#include "tasuki/ctl/event_lines.hpp"
#include "tasuki/ctl/layout.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <sstream>

using namespace tasuki::ctl;

TEST_CASE("durations are short, and of two units at most", "[ctl]") {
    CHECK(print_duration(0) == "0s");
    CHECK(print_duration(40) == "40ms");
    CHECK(print_duration(1'900) == "1.9s");
    CHECK(print_duration(12'400) == "12s");
    CHECK(print_duration(190'000) == "3m 10s");
    CHECK(print_duration(14'520'000) == "4h 2m");
    CHECK(print_duration(360'000'000) == "4d 4h");
    CHECK(print_duration(-5) == "0s");
    CHECK(print_age(std::nullopt) == "never");
}

TEST_CASE("durations are read with their unit", "[ctl]") {
    CHECK(parse_duration("500ms") == 500);
    CHECK(parse_duration("90s") == 90'000);
    CHECK(parse_duration("30m") == 1'800'000);
    CHECK(parse_duration("2h") == 7'200'000);
    CHECK(parse_duration("1d") == 86'400'000);
    for (auto const* bad : {"", "30", "m", "-1s", "0s", "30 m", "1w", "99999999999999999999s"})
        CHECK_FALSE(parse_duration(bad).has_value());
}

TEST_CASE("times are read as the documents write them", "[ctl]") {
    CHECK(parse_time("1970-01-01T00:00:00+00:00") == 0);
    CHECK(parse_time("2024-02-29T23:59:59+00:00") == 1'709'251'199);
    for (auto const* bad : {"", "2024-02-30T00:00:00+00:00", "2024-02-29T23:59:59Z",
                            "2024-02-29 23:59:59+00:00", "2o24-02-29T23:59:59+00:00"})
        CHECK_FALSE(parse_time(bad).has_value());
}

TEST_CASE("widths count columns, not bytes", "[ctl]") {
    CHECK(columns("db1") == 3);
    CHECK(columns("ä") == 1);
    CHECK(columns("保守中") == 6);
    CHECK(columns("\xff") == 1);
    CHECK(columns("\xe4\xbf") == 1); // cut off in the middle of a letter
}

TEST_CASE("no line is wider than the terminal, and no word is lost", "[ctl]") {
    std::string text = "  !";
    for (int count = 0; count < 60; ++count)
        text += " word" + std::to_string(count);
    text += " " + std::string(250, 'x');
    auto const wrapped = wrap(text, 4);
    std::istringstream lines{wrapped};
    std::string joined;
    for (std::string line; std::getline(lines, line);) {
        CHECK(columns(line) <= width_max);
        if (!joined.empty()) {
            CHECK(line.substr(0, 4) == "    ");
            line.erase(0, 4);
        }
        joined += line;
    }
    CHECK(joined.find("word59") != std::string::npos);
    CHECK(std::count(joined.begin(), joined.end(), 'x') == 250);
    CHECK(wrap("", 4) == "\n");
    CHECK(wrap("short", 4) == "short\n");
}

TEST_CASE("columns of a table line up, also with wide letters", "[ctl]") {
    table out{{"NODE", "NOTE"}};
    CHECK(out.empty());
    out.row({"保守", "x"});
    out.row({"db10", "y"});
    CHECK(out.print() == "  NODE  NOTE\n  保守  x\n  db10  y\n");
    CHECK_FALSE(out.empty());
}

TEST_CASE("paint ends before the line break and is absent when unwanted", "[ctl]") {
    CHECK(painted("x\n", paint::good, true) == "\x1b[32mx\x1b[0m\n");
    CHECK(painted("x\n", paint::good, false) == "x\n");
    CHECK(painted("x", paint::plain, true) == "x");
}

TEST_CASE("events are read whatever pieces they arrive in", "[ctl]") {
    std::string const stream = ": hello\n\nevent: status\ndata: {\"a\":\ndata: 1}\r\n\r\nid: 7\n"
                               "event: operation\ndata:x\n\nevent: empty\n\n";
    std::vector<server_event> const expected{{"status", "{\"a\":\n1}"}, {"operation", "x"}};
    for (std::size_t piece = 1; piece < stream.size(); ++piece) {
        event_parser parser;
        std::vector<server_event> seen;
        for (std::size_t at = 0; at < stream.size(); at += piece)
            for (auto& event : parser.feed(std::string_view{stream}.substr(at, piece)))
                seen.push_back(event);
        CHECK(seen == expected);
    }
}

TEST_CASE("an event without end is given up", "[ctl]") {
    event_parser parser;
    std::string const big(1024 * 1024, 'x');
    CHECK(parser.feed("data: ").empty());
    for (int count = 0; count < 9; ++count)
        CHECK(parser.feed(big).empty());
    CHECK(parser.failed());
    CHECK(parser.feed("\n\ndata: x\n\n").empty());
}
