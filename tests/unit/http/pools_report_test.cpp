#include "tasuki/http/pools_report.hpp"

#include "sample_view.hpp"

#include <catch2/catch.hpp>

namespace tasuki::http {

namespace {

pools_report some() {
    pools_report out;
    out.pools = {sample_pool(), sample_pool()};
    out.pools[1].name = "db";
    out.pools[1].listen = {"10.77.0.60:3306", "[fd77::60]:3306"};
    out.pools[1].queued = 3;
    out.pools[1].accepted = 1ULL << 40U;
    out.pools[1].trouble = "all went down at once";
    auto& backend = out.pools[1].backends[0];
    backend.is_backup = true;
    backend.cut = 7;
    backend.reason = "it drains";
    backend.drain_left = milliseconds{59'000};
    out.node = "lb1";
    out.deeds = {{"web", "app1", "weight 20", "root", 1'767}};
    out.held = {{"db", 1ULL << 40U, 3}};
    out.wishes = R"({"form":2})";
    return out;
}

} // namespace

TEST_CASE("a report of pools is read back as it was written", "[http][report]") {
    auto const read = parse_pools_report(to_json(some()));
    REQUIRE(read.has_value());
    CHECK(*read == some());
    CHECK(*parse_pools_report("{}") == pools_report{}); // of another version, that tells less
}

TEST_CASE("a report of pools that is no such thing is refused as a whole", "[http][report]") {
    for (auto const* text :
         {"", "[]", R"({"pools":{}})", R"({"pools":[7]})", R"({"pools":[{"name":7}]})",
          R"({"pools":[{"sessions":-1}]})", R"({"pools":[{"listen":[7]}]})",
          R"({"pools":[{"backends":[{"weight":7}]}]})",
          R"({"pools":[{"backends":[{"backup":1}]}]})", R"({"deeds":[{"by":[]}]})",
          R"({"held":{}})", R"({"held":[{"sessions":-1}]})", R"({"wishes":{}})"}) {
        INFO(text);
        CHECK_FALSE(parse_pools_report(text).has_value());
    }
    CHECK_FALSE(
        parse_pools_report(R"({"wishes":")" + std::string(report_wishes_max + 1, 'x') + "\"}")
            .has_value());
    std::string padded(report_bytes_max, ' ');
    padded.append("{}");
    CHECK_FALSE(parse_pools_report(padded).has_value());
}

TEST_CASE("what a report cannot hold is left out, and said", "[http][report]") {
    auto report = some();
    report.pools[0].backends.resize(report_backends_max - 1);
    report.pools[1].backends.resize(5);
    report.pools[1].backends[0].reason = std::string(900, 'x');
    report.pools[1].listen.resize(300);
    report.deeds.resize(300);
    CHECK_FALSE(parse_pools_report(to_json(report)).has_value());
    auto const cut = bounded(report);
    CHECK(cut.pools[0].trouble.empty());
    CHECK(cut.pools[0].untold == 0);
    CHECK(cut.pools[1].backends.size() == 1);
    CHECK(cut.pools[1].backends[0].reason.size() == 200);
    CHECK(cut.pools[1].untold == 4);
    CHECK(cut.pools[1].trouble ==
          "all went down at once; 1 of 5 backends are told: see tasuki lb list there");
    CHECK(parse_pools_report(to_json(cut)).has_value());
    CHECK(bounded(some()) == some());
}

TEST_CASE("a report is told however much there is to tell", "[http][report]") {
    auto report = some();
    report.wishes.assign(report_wishes_max + 1, 'x');
    auto const without = bounded(report);
    CHECK(without.wishes.empty());
    CHECK(without.pools[0].trouble == "commands reach this balancer only: there are too many");
    report.wishes.assign(report_wishes_max, '"'); // twice as long on the way
    report.pools[0].backends.assign(report_backends_max, sample_pool().backends[0]);
    for (auto& one : report.pools[0].backends) {
        one.name = std::string(60, 'n');
        one.reason = std::string(200, 'x');
    }
    auto const much = bounded(report);
    CHECK(much.wishes == report.wishes);
    CHECK(much.pools[0].untold > 0);
    CHECK(parse_pools_report(to_json(much)).has_value());
}

} // namespace tasuki::http
