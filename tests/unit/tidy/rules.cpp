#include "rules.hpp"

#include <algorithm>
#include <array>
#include <regex>

namespace tidy {

namespace {

constexpr std::size_t file_lines_max = 400;
constexpr std::size_t header_lines_max = 200;
constexpr std::size_t function_lines_max = 60;
constexpr std::size_t line_letters_max = 100;

struct exception {
    std::string_view path;
    std::string_view what; ///< the include, or a folder of includes
    std::string_view reason;
};

constexpr std::array exceptions{
    exception{"src/core/net.cpp", "arpa/inet.h", "inet_pton and inet_ntop only convert text"},
    exception{"src/vip/gate.cpp", "linux/", "layouts and numbers, nothing to call"},
    exception{"src/vip/netlink_message.cpp", "linux/", "layouts and numbers, nothing to call"},
    exception{"src/vip/nft_gate.cpp", "linux/", "layouts and numbers, nothing to call"},
    exception{"src/vip/nft_message.cpp", "linux/", "layouts and numbers, nothing to call"},
    exception{"src/vip/rtnetlink.cpp", "linux/", "layouts and numbers, nothing to call"},
    exception{"src/vip/sockdiag.cpp", "linux/", "layouts and numbers, nothing to call"},
};

bool is_excepted(std::string_view path, std::string_view what) {
    return std::any_of(exceptions.begin(), exceptions.end(), [&](auto const& each) {
        return each.path == path &&
               (each.what == what || (each.what.ends_with('/') && what.starts_with(each.what)));
    });
}

std::string finding(source const& in, std::size_t line, std::string const& what) {
    return in.path + ":" + std::to_string(line) + ": " + what;
}

bool is_production(source const& in) {
    return in.path.starts_with("src/") || in.path.starts_with("include/tasuki/");
}

bool may_touch_the_world(source const& in) {
    return in.path.ends_with("_io.cpp") || in.path.ends_with("_io.hpp") ||
           in.path.ends_with("/main.cpp");
}

/// "vip" for src/vip/plan.cpp and include/tasuki/vip/plan.hpp; empty elsewhere.
std::string room_of(std::string const& path) {
    static std::regex const in_room{R"(^(?:src|include/tasuki)/(\w+)/)"};
    std::smatch found;
    return std::regex_search(path, found, in_room) ? found[1].str() : "";
}

struct inclusion {
    std::string name;
    std::size_t line = 0;
};

std::vector<inclusion> inclusions_of(source const& in) {
    static std::regex const include{R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"])re"};
    std::vector<inclusion> out;
    std::size_t number = 0;
    for (auto const line : lines_of(in.text)) {
        ++number;
        std::string const copy{line};
        if (std::smatch found; std::regex_search(copy, found, include))
            out.push_back({found[1].str(), number});
    }
    return out;
}

findings find_pattern(source const& in, std::string_view where, std::regex const& pattern,
                      std::string const& remedy) {
    findings out;
    std::string const copy{where};
    for (std::sregex_iterator at{copy.begin(), copy.end(), pattern}, end; at != end; ++at)
        if (!is_excepted(in.path, at->str(1)))
            out.push_back(finding(in, line_at(copy, static_cast<std::size_t>(at->position(1))),
                                  at->str(1) + ": " + remedy));
    return out;
}

/// One past the end of the co_await expression that begins at `at`.
std::size_t end_of_expression(std::string_view code, std::size_t at) {
    int depth = 0;
    for (; at < code.size(); ++at) {
        char const letter = code[at];
        if (letter == '(' || letter == '[' || letter == '{')
            ++depth;
        if (letter == ')' || letter == ']' || letter == '}')
            --depth;
        if (depth < 0 || (depth == 0 && (letter == ';' || letter == ',')))
            break;
    }
    return at;
}

} // namespace

findings find_impure_includes(source const& in) {
    static std::regex const world{
        "^(boost/asio|boost/beast|boost/process|boost/thread|mysql|mariadb|errmsg|libmnl|sys/"
        "|net/|netinet/|netpacket/|arpa/|linux/|unistd\\.h|fcntl\\.h|poll\\.h|signal\\.h|csignal"
        "|pthread\\.h|sched\\.h|syslog\\.h|netdb\\.h|ifaddrs\\.h|dirent\\.h|time\\.h|ctime|thread|"
        "mutex|shared_mutex|condition_variable|future|stop_token|semaphore|latch|barrier|random|"
        "spdlog|fstream|iostream|filesystem)"};
    findings out;
    if (!is_production(in) || may_touch_the_world(in) || room_of(in.path).empty())
        return out;
    for (auto const& each : inclusions_of(in)) {
        bool const is_world = std::regex_search(each.name, world);
        bool const is_edge = each.name.ends_with("_io.hpp");
        if ((is_world || is_edge) && !is_excepted(in.path, each.name))
            out.push_back(finding(in, each.line,
                                  "a pure file includes " + each.name +
                                      "; move that part into a file that ends in _io"));
    }
    return out;
}

/// The other program that translates between rooms; of the agent it takes what every program of the
/// cluster needs.
bool may_balancer_know(std::string const& room, std::string const& name) {
    constexpr std::array known{"tasuki/lb/",          "tasuki/http/",
                               "tasuki/agent/config", "tasuki/agent/folder_io",
                               "tasuki/agent/hook",   "tasuki/agent/local_names_io",
                               "tasuki/agent/log_io", "tasuki/agent/secret_io"};
    return room == "balancer" && std::any_of(known.begin(), known.end(), [&](auto const* each) {
               return name.starts_with(each);
           });
}

findings find_strange_rooms(source const& in) {
    findings out;
    auto const room = room_of(in.path);
    if (room.empty() || room == "agent")
        return out;
    for (auto const& each : inclusions_of(in)) {
        static std::regex const ours{R"(^tasuki/(\w+)/)"};
        std::smatch found;
        if (!std::regex_search(each.name, found, ours))
            continue;
        auto const other = found[1].str();
        bool const is_command_line =
            in.path == "src/ctl/main.cpp" && (each.name.starts_with("tasuki/agent/config") ||
                                              each.name.starts_with("tasuki/heartbeat/key"));
        bool const is_ours = other == room || (other == "core" && room != "core");
        if (!is_ours && !is_command_line && !may_balancer_know(room, each.name))
            out.push_back(finding(in, each.line,
                                  "room " + room + " includes " + each.name +
                                      "; only agent and balancer know more than one room"));
    }
    return out;
}

findings find_clock_reads(source const& in) {
    if (!is_production(in) || may_touch_the_world(in))
        return {};
    static std::regex const clock{R"((::now|\bclock_gettime|\bgettimeofday)\s*\()"};
    return find_pattern(in, in.code, clock, "pure code gets the time as a parameter");
}

findings find_banned_calls(source const& in) {
    static std::string const free_call = R"((?:^|[^\w.>])(?:::|std::|this_thread::)*\b)";
    static std::regex const shell{free_call + R"((system|popen|vfork)\s*\()"};
    static std::regex const sleep{free_call +
                                  R"((usleep|sleep|nanosleep|sleep_for|sleep_until)\s*\()"};
    auto out = find_pattern(in, in.code, shell, "banned; run a program by posix_spawn");
    // Tests of the edge watch real servers, which offer nothing to wait for.
    bool const is_edge_test =
        in.path.starts_with("tests/") && in.path.find("_io") != std::string::npos;
    if (!is_edge_test)
        for (auto& each : find_pattern(in, in.code, sleep, "banned; wait for an event or a timer"))
            out.push_back(std::move(each));
    return out;
}

findings find_fragile_awaits(source const& in) {
    static std::regex const aggregate{R"([(,]\s*\{|\{\s*\.\w)"};
    static std::regex const capturing{R"([(,]\s*\[\s*[^\]\s][^\]]*\]\s*[({m])"};
    findings out;
    for (auto at = in.code.find("co_await "); at != std::string::npos;
         at = in.code.find("co_await ", at + 1)) {
        auto const expression = in.code.substr(at, end_of_expression(in.code, at) - at);
        if (std::regex_search(expression, aggregate) || std::regex_search(expression, capturing))
            out.push_back(finding(in, line_at(in.code, at),
                                  "co_await with an aggregate or a capturing lambda, which g++ 12 "
                                  "miscompiles; name it on the line before"));
    }
    return out;
}

findings find_large_pieces(source const& in) {
    findings out;
    auto const lines = lines_of(in.text);
    auto const most = in.path.ends_with(".hpp") ? header_lines_max : file_lines_max;
    if (lines.size() > most)
        out.push_back(finding(in, most + 1,
                              std::to_string(lines.size()) + " lines in a file; " +
                                  std::to_string(most) + " are enough"));
    for (std::size_t index = 0; index < lines.size(); ++index) {
        auto const letters = std::count_if(lines[index].begin(), lines[index].end(), [](char each) {
            return (static_cast<unsigned char>(each) & 0xc0U) != 0x80U; // UTF-8: count no tails
        });
        if (letters > static_cast<std::ptrdiff_t>(line_letters_max))
            out.push_back(
                finding(in, index + 1,
                        "a line of " + std::to_string(letters) + " letters; 100 are enough"));
    }
    for (auto const& function : functions_of(in.code))
        if (function.lines > function_lines_max)
            out.push_back(finding(in, function.first_line,
                                  "a function of " + std::to_string(function.lines) +
                                      " lines; 60 are enough"));
    return out;
}

findings find_missing_charter(source const& in) {
    if (!in.path.ends_with(".hpp"))
        return {};
    auto const lines = lines_of(in.text);
    if (lines.size() >= 2 && lines[0] == "#pragma once" && lines[1].starts_with("// "))
        return {};
    return {finding(in, 1,
                    "a header opens with #pragma once and a comment that says what it "
                    "decides and what it never does")};
}

findings find_leftovers(source const& in) {
    // Written in pieces, so that this file does not find itself.
    static std::regex const note{"\\b(TO"
                                 "DO|FIX"
                                 "ME|XX"
                                 "X)\\b"};
    static std::regex const machine{"(/wor"
                                    "k/|/ro"
                                    "ot/)"};
    auto out = find_pattern(in, in.text, note, "do it or leave it out");
    for (auto& each : find_pattern(in, in.text, machine, "a path of one machine"))
        out.push_back(std::move(each));
    return out;
}

} // namespace tidy
