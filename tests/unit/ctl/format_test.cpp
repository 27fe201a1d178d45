#include "golden.hpp"

#include "tasuki/ctl/format.hpp"
#include "tasuki/ctl/operation_text.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace tasuki::ctl;

namespace {

template<class Format>
auto without_colours(Format format) {
    return [format](reading document) { return format(document, false); };
}

/// On one line, so that a text is found wherever it was wrapped.
std::string squashed(std::string const& text) {
    std::string out;
    for (char const letter : text) {
        bool const space = letter == ' ' || letter == '\n';
        if (!space || (!out.empty() && out.back() != ' '))
            out += space ? ' ' : letter;
    }
    return out;
}

/// Position of a text, with a failure if it is not there.
std::size_t place(std::string const& where, std::string_view what) {
    auto const found = where.find(what);
    INFO(what);
    REQUIRE(found != std::string::npos);
    return found;
}

} // namespace

TEST_CASE("the status reads as written down", "[ctl]") {
    check_golden("status_healthy", "status_healthy", without_colours(format_status));
    check_golden("status_troubled", "status_troubled", without_colours(format_status));
    check_golden("status_down", "status_down", without_colours(format_status));
    check_golden("status_node", "status_node", without_colours(format_status));
}

TEST_CASE("topology, why and check read as written down", "[ctl]") {
    check_golden("status_healthy", "topology_healthy", format_topology);
    check_golden("status_troubled", "topology_troubled", format_topology);
    check_golden("why_ready", "why_ready", without_colours(format_why));
    check_golden("why_blocked", "why_blocked", without_colours(format_why));
    check_golden("check", "check", without_colours(format_check));
}

TEST_CASE("plan, operation and history read as written down", "[ctl]") {
    check_golden("plan", "plan", without_colours(format_plan));
    check_golden("operation_done", "operation_done", without_colours(format_operation));
    check_golden("operation_failed", "operation_failed", without_colours(format_operation));
    check_golden("history", "history", format_history);
}

TEST_CASE("the first line of a status says whether all is well", "[ctl]") {
    auto const first_line = [](std::string const& name) {
        auto const document = golden_document(name);
        auto const text = format_status(reading{document}, false);
        return text.substr(0, text.find('\n'));
    };
    CHECK(first_line("status_healthy").find("shop: HEALTHY") == 0);
    CHECK(first_line("status_troubled").find("shop: DEGRADED") == 0);
    CHECK(first_line("status_down").find("shop: DOWN   quorum NO") == 0);
}

TEST_CASE("what is wrong stands above what is well", "[ctl]") {
    auto const document = golden_document("status_troubled");
    auto const text = squashed(format_status(reading{document}, false));
    auto const first_group = place(text, " db: active db1");
    CHECK(place(text, "! CONFLICT on 10.77.0.50") < first_group);
    CHECK(place(text, "! db is paused") < first_group);
    CHECK(place(text, "is quarantined") < first_group);
    place(text, "! PAUSED by bob");
    place(text, "18m 0s left");
    place(text, "CONFIGURATION DIFFERS");
    place(text, "DEAF TO US");
    place(text, "10.78.0.2 never");
}

TEST_CASE("a document of another version is read as far as it goes", "[ctl]") {
    for (auto const* text :
         {"{}", R"({"groups":[{}],"nodes":[{}]})",
          R"({"groups":{},"nodes":7,"quorum":null,"reasons":["plain"]})",
          R"({"groups":[{"ready":{"reasons":["x"]},"mysql":{"replicas":[{}]}}]})"}) {
        auto const document = parse_document(text);
        REQUIRE(document.has_value());
        CHECK(format_status(reading{*document}, false).find("UNKNOWN") != std::string::npos);
        CHECK_NOTHROW(format_topology(reading{*document}));
        CHECK_NOTHROW(format_why(reading{*document}, true));
        CHECK_NOTHROW(format_plan(reading{*document}, true));
        CHECK_NOTHROW(format_operation(reading{*document}, true));
    }
}

TEST_CASE("colours appear only when asked for, and take nothing away", "[ctl]") {
    auto const document = golden_document("status_troubled");
    auto const plain = format_status(reading{document}, false);
    auto const coloured = format_status(reading{document}, true);
    CHECK(coloured.find("\x1b[") != std::string::npos);
    std::string stripped;
    for (std::size_t at = 0; at < coloured.size(); ++at) {
        if (coloured[at] == '\x1b')
            at = coloured.find('m', at);
        else
            stripped += coloured[at];
    }
    CHECK(stripped == plain);
}

TEST_CASE("what others wrote cannot move the cursor", "[ctl]") {
    auto const document = parse_document(R"({"cluster":"a\u001b[2Jb\u009bc","health":"healthy"})");
    auto const text = format_status(reading{*document}, false);
    CHECK(text.find("a?[2Jb?c: HEALTHY") == 0);
}

TEST_CASE("a check passes with warnings, not with failures, and not when empty", "[ctl]") {
    auto const passes = [](std::string_view text) {
        return check_passed(reading{*parse_document(text)});
    };
    CHECK(passes(R"({"checks":[{"outcome":"ok"},{"outcome":"warning"}]})"));
    CHECK_FALSE(passes(R"({"checks":[{"outcome":"ok"},{"outcome":"failed"}]})"));
    CHECK_FALSE(passes(R"({"checks":[{"outcome":"ok"},{}]})"));
    CHECK_FALSE(passes(R"({"checks":[]})"));
}

TEST_CASE("each step is printed once, when it has ended", "[ctl]") {
    progress shown;
    auto const next = [&](std::string const& outcomes) {
        boost::json::array steps;
        for (char const letter : outcomes)
            steps.push_back({{"name", "step"},
                             {"outcome", letter == 'o'   ? "ok"
                                         : letter == 'r' ? "running"
                                                         : ""},
                             {"ms", 20}});
        boost::json::value const operation{{"steps", steps}};
        return shown.next(reading{operation}, false);
    };
    CHECK(next("r--").empty());
    auto const first = next("or-");
    CHECK(first.find("  [1] step") == 0);
    CHECK(first.find("20ms") != std::string::npos);
    CHECK(next("or-").empty());
    CHECK(next("o--").empty());
    auto const rest = next("ooo");
    CHECK(rest.find("[2]") != std::string::npos);
    CHECK(rest.find("[3]") != std::string::npos);
    CHECK(rest.find("[1]") == std::string::npos);
}
