// From the text of a scenario to its parts.
#include "script.hpp"

#include <sstream>
#include <stdexcept>

namespace tasuki::scenario {

namespace {

constexpr std::string_view trace_mark = "--- trace ---";

[[noreturn]] void fail(std::size_t line, std::string const& what) {
    throw std::invalid_argument("line " + std::to_string(line) + ": " + what);
}

std::int64_t milliseconds_in(std::istringstream& words, std::size_t line) {
    std::int64_t count = 0;
    std::string unit;
    if (!(words >> count >> unit) || (unit != "ms" && unit != "s") || count < 0)
        fail(line, "a time is a number and ms or s");
    return unit == "s" ? count * 1000 : count;
}

std::vector<std::string> names_in(std::istringstream& words) {
    std::vector<std::string> out;
    for (std::string name; words >> name;)
        out.push_back(name);
    return out;
}

void read_line(script& into, std::string const& text, std::size_t line) {
    std::istringstream words{text};
    std::string first;
    words >> first;
    auto& shape = into.cluster;
    if (first == "members")
        shape.members = names_in(words);
    else if (first == "witnesses")
        shape.witnesses = names_in(words);
    else if (first == "observers")
        shape.observers = names_in(words);
    else if (first == "mysql")
        shape.mysql = true;
    else if (first == "fence")
        shape.fence.emplace();
    else if (first == "interval")
        shape.interval = milliseconds{milliseconds_in(words, line)};
    else if (first == "lease")
        shape.terms.lease = milliseconds{milliseconds_in(words, line)};
    else if (first == "step_down")
        shape.terms.step_down = milliseconds{milliseconds_in(words, line)};
    else if (first == "recorded")
        words >> into.recorded_master;
    else if (first == "until")
        into.ends_ms = milliseconds_in(words, line);
    else if (first == "at") {
        deed next;
        next.at_ms = milliseconds_in(words, line);
        next.line = line;
        for (std::string word; words >> word;)
            next.words += (next.words.empty() ? "" : " ") + word;
        if (!into.deeds.empty() && next.at_ms < into.deeds.back().at_ms)
            fail(line, "the times have to grow");
        into.deeds.push_back(std::move(next));
    } else {
        fail(line, "'" + first + "' is none of members, witnesses, observers, mysql, fence, " +
                       "interval, lease, step_down, recorded, at, until");
    }
}

} // namespace

script parse(std::string_view text) {
    script out;
    std::istringstream lines{std::string{text}};
    std::size_t number = 0;
    bool in_trace = false;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        if (line == trace_mark) {
            in_trace = true;
        } else if (in_trace) {
            if (!line.empty())
                out.trace.push_back(line);
        } else {
            out.head += line + "\n";
            if (line.find_first_not_of(" \t") != std::string::npos && line.front() != '#')
                read_line(out, line, number);
        }
    }
    if (out.deeds.empty() || out.ends_ms < out.deeds.back().at_ms)
        fail(number, "a scenario does something and says until when it goes on");
    return out;
}

std::string with_trace(script const& from, std::vector<std::string> const& trace) {
    std::string out = from.head + std::string{trace_mark} + "\n";
    for (auto const& line : trace)
        out += line + "\n";
    return out;
}

} // namespace tasuki::scenario
