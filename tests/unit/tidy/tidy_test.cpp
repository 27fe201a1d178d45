// The house rules, applied to the project's own sources; and each rule to a source that breaks it.
#include "rules.hpp"

#include <catch2/catch.hpp>

using namespace tidy;

namespace {

using rule = findings (*)(source const&);

std::vector<source> const& all_sources() {
    static auto const sources =
        read_sources(TASUKI_SOURCE_DIR, {"include", "src", "tests"}, {".cpp", ".hpp"});
    return sources;
}

std::string broken_places(rule check) {
    std::string out;
    for (auto const& each : all_sources())
        for (auto const& found : check(each))
            out += found + "\n";
    return out;
}

std::size_t count(rule check, std::string const& path, std::string const& text) {
    return check(source_of(path, text)).size();
}

std::string repeated(std::string const& line, int times) {
    std::string out;
    for (int each = 0; each < times; ++each)
        out += line;
    return out;
}

} // namespace

TEST_CASE("there are sources to look at", "[tidy]") {
    CHECK(all_sources().size() > 40);
}

TEST_CASE("pure files include nothing of the world", "[tidy]") {
    CHECK(broken_places(find_impure_includes) == "");
}

TEST_CASE("rooms include only core and themselves", "[tidy]") {
    CHECK(broken_places(find_strange_rooms) == "");
}

TEST_CASE("clocks are read in _io files only", "[tidy]") {
    CHECK(broken_places(find_clock_reads) == "");
}

TEST_CASE("nothing starts a shell or sleeps", "[tidy]") {
    CHECK(broken_places(find_banned_calls) == "");
}

TEST_CASE("no co_await holds what g++ 12 miscompiles", "[tidy]") {
    CHECK(broken_places(find_fragile_awaits) == "");
}

TEST_CASE("files, lines and functions are small enough to read", "[tidy]") {
    CHECK(broken_places(find_large_pieces) == "");
}

TEST_CASE("every header opens with its charter", "[tidy]") {
    CHECK(broken_places(find_missing_charter) == "");
}

TEST_CASE("nothing is left over", "[tidy]") {
    CHECK(broken_places(find_leftovers) == "");
    for (auto const& each :
         read_sources(TASUKI_SOURCE_DIR, {"scripts", "cmake", "etc", "docs", ".ci", "tests"},
                      {"", ".sh", ".py", ".md", ".toml", ".cmake", ".txt"}))
        CHECK(find_leftovers(each) == findings{});
}

TEST_CASE("the rule of pure files finds every way into the world", "[tidy]") {
    for (auto const* header : {"boost/asio/ip/udp.hpp", "boost/beast/http.hpp", "sys/socket.h",
                               "mysql/mysql.h", "thread", "mutex", "random", "spdlog/spdlog.h",
                               "fstream", "iostream", "unistd.h", "linux/rtnetlink.h"})
        CHECK(count(find_impure_includes, "src/vip/plan.cpp",
                    "#include <" + std::string{header} + ">\n") == 1);
    std::string const edge = "#include \"tasuki/vip/arp_io.hpp\"\n";
    CHECK(count(find_impure_includes, "src/vip/plan.cpp", edge) == 1);
    CHECK(count(find_impure_includes, "include/tasuki/vip/plan.hpp", edge) == 1);
    CHECK(count(find_impure_includes, "src/vip/plan_io.cpp", edge) == 0);
    CHECK(count(find_impure_includes, "src/agent/main.cpp", edge) == 0);
    CHECK(count(find_impure_includes, "src/vip/plan.cpp", "#include <vector>\n") == 0);
    CHECK(count(find_impure_includes, "src/core/net.cpp", "#include <arpa/inet.h>\n") == 0);
    CHECK(count(find_impure_includes, "src/vip/plan.cpp", "#include <arpa/inet.h>\n") == 1);
    CHECK(count(find_impure_includes, "src/vip/rtnetlink.cpp", "#include <linux/if.h>\n") == 0);
    CHECK(count(find_impure_includes, "src/vip/rtnetlink.cpp", "#include <net/if.h>\n") == 1);
}

TEST_CASE("the rule of rooms finds a neighbour", "[tidy]") {
    std::string const vip = "#include \"tasuki/vip/plan.hpp\"\n";
    CHECK(count(find_strange_rooms, "src/election/machine.cpp", vip) == 1);
    CHECK(count(find_strange_rooms, "include/tasuki/core/ids.hpp", vip) == 1);
    CHECK(count(find_strange_rooms, "src/vip/frames.cpp", vip) == 0);
    CHECK(count(find_strange_rooms, "src/agent/node.cpp", vip) == 0);
    std::string const config = "#include \"tasuki/agent/config.hpp\"\n";
    CHECK(count(find_strange_rooms, "src/ctl/main.cpp", config) == 0);
    CHECK(count(find_strange_rooms, "src/ctl/format.cpp", config) == 1);
    CHECK(count(find_strange_rooms, "src/balancer/main.cpp", config) == 0);
    CHECK(count(find_strange_rooms, "src/balancer/main.cpp", vip) == 1);
    CHECK(count(find_strange_rooms, "src/balancer/desk_io.cpp",
                "#include \"tasuki/agent/node.hpp\"\n") == 1);
    CHECK(count(find_strange_rooms, "src/vip/frames.cpp", "#include \"tasuki/core/net.hpp\"\n") ==
          0);
}

TEST_CASE("the rule of clocks finds now() in code and not in words", "[tidy]") {
    std::string const read = "auto t = std::chrono::steady_clock::now();\n";
    CHECK(count(find_clock_reads, "src/vip/plan.cpp", read) == 1);
    CHECK(count(find_clock_reads, "src/vip/plan_io.cpp", read) == 0);
    CHECK(count(find_clock_reads, "src/vip/plan.cpp", "// " + read) == 0);
}

TEST_CASE("the rule of banned calls finds calls and not members or longer names", "[tidy]") {
    for (auto const* call :
         {"system(\"ip addr\");", "::popen(command, mode);", "std::this_thread::sleep_for(1s);",
          "usleep(1);", "sleep(1);", "std::system(text);"})
        CHECK(count(find_banned_calls, "src/vip/arp_io.cpp", "    " + std::string{call}) == 1);
    for (auto const* other : {"file_system(1);", "asleep(1);", "plan.system(1);", "// sleep(1)",
                              "\"system(1)\";", "boost::system::result<int> f();"})
        CHECK(count(find_banned_calls, "src/vip/arp_io.cpp", other) == 0);
    CHECK(count(find_banned_calls, "tests/unit/vip/plan_test.cpp", "sleep(1);") == 1);
    CHECK(count(find_banned_calls, "tests/unit/vip/arp_io_test.cpp", "sleep(1);") == 0);
    CHECK(count(find_banned_calls, "tests/unit/vip/arp_io_test.cpp", "system(x);") == 1);
}

TEST_CASE("the rule of co_await finds aggregates and capturing lambdas", "[tidy]") {
    for (auto const* bad :
         {"co_await send({.to = a});", "co_await send(message{.to = a}, token);",
          "co_await send(1, {a, b});", "co_await async([this](auto x) { f(x); });",
          "if (co_await async(1, [&x] { f(x); })) {", "co_await async([a, b]() mutable { f(); });"})
        CHECK(count(find_fragile_awaits, "src/vip/arp_io.cpp", bad) == 1);
    for (auto const* good :
         {"co_await send(message, token);", "co_await async([](auto x) { f(x); });",
          "if (co_await next()) { f({1, 2}); }", "co_await list[index].send();",
          "auto const message = thing{.to = a};\nco_await send(message);"})
        CHECK(count(find_fragile_awaits, "src/vip/arp_io.cpp", good) == 0);
}

TEST_CASE("the rule of size finds long files, headers, lines and functions", "[tidy]") {
    CHECK(count(find_large_pieces, "a.cpp", repeated("int x;\n", 400)) == 0);
    CHECK(count(find_large_pieces, "a.cpp", repeated("int x;\n", 401)) == 1);
    CHECK(count(find_large_pieces, "a.hpp", repeated("int x;\n", 200)) == 0);
    CHECK(count(find_large_pieces, "a.hpp", repeated("int x;\n", 201)) == 1);
    CHECK(count(find_large_pieces, "a.cpp", repeated("x", 100) + "\n") == 0);
    CHECK(count(find_large_pieces, "a.cpp", repeated("x", 101) + "\n") == 1);
    auto const body = [](int lines) { return " {\n" + repeated("    f();\n", lines) + "}\n"; };
    CHECK(count(find_large_pieces, "a.cpp", "void g()" + body(58)) == 0);
    CHECK(count(find_large_pieces, "a.cpp", "void g()" + body(59)) == 1);
}

TEST_CASE("a function is found in namespaces, classes, templates and constructors", "[tidy]") {
    std::string const body = " {\n" + repeated("    if (a) { f(); }\n", 60) + "}\n";
    for (auto const* head :
         {"namespace a {\nvoid g()", "namespace {\nclass c {\n  public:\n    int g() const",
          "template<class T>\nvoid g(T value)", "c::c(int a)\n    : a_{a}\n    , b_(a)",
          "struct s {\n};\nauto g() -> int", "TEST_CASE(\"braces } in words {\", \"[x]\")",
          "int table[] = {1, 2};\nvoid g(char c = '{')"})
        CHECK(count(find_large_pieces, "a.cpp", head + body) == 1);
    for (auto const* other : {"namespace a", "struct s", "int const table[] =", "enum class e"})
        CHECK(functions_of(other + std::string{" {\n"} + repeated("1,\n", 70) + "};\n").empty());
}

TEST_CASE("the rule of charters finds bare headers", "[tidy]") {
    CHECK(count(find_missing_charter, "a.hpp", "#pragma once\n// What it decides.\n") == 0);
    CHECK(count(find_missing_charter, "a.hpp", "#pragma once\n#include <vector>\n") == 1);
    CHECK(count(find_missing_charter, "a.hpp", "// What.\n#pragma once\n") == 1);
    CHECK(count(find_missing_charter, "a.hpp", "") == 1);
    CHECK(count(find_missing_charter, "a.cpp", "") == 0);
}

TEST_CASE("the rule of leftovers finds notes and paths", "[tidy]") {
    for (auto const* note : {"// TO"
                             "DO later",
                             "// FIX"
                             "ME",
                             "// XX"
                             "X",
                             "\"/wor"
                             "k/main\""})
        CHECK(count(find_leftovers, "a.cpp", note) == 1);
    CHECK(count(find_leftovers, "a.cpp", "mkdtemp(\"a-XXXXXX\"); // nothing to do") == 0);
}

TEST_CASE("comments and literals are blanked, lines stay", "[tidy]") {
    CHECK(blanked("a // b\nc") == "a     \nc");
    CHECK(blanked("a /* b\nc */ d") == "a     \n     d");
    CHECK(blanked("f(\"a\\\"b\", 'c', 1'000)") == "f(      ,    , 1'000)");
    CHECK(blanked("R\"x(a)\"\n)x\" b") == "       \n    b");
}
